"""A router by features of the question and its context."""
