"""Ragstone: retrieval-augmented generation as a gRPC service."""
