"""The catalog store `sqlite`: one file, one writer, many readers."""
