"""Documents by Kafka into a catalog in PostgreSQL, beside the bare client library and the embedder alone."""
