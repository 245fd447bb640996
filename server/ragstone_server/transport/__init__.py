"""The doors: gRPC now, Kafka later. They convert, call, and convert; no rule of the business lives here."""
