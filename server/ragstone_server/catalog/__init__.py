"""The rules of the system of record: which version wins, what a caller may read, what a position means."""
