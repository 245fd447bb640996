"""The catalog in SQLite: one file, write-ahead log, full sync."""
