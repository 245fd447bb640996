"""The terminal: `ragstone serve` starts the server, every other command is a client of it over gRPC."""
