"""Runs long-running operations that the catalog keeps: each once at a time, resumed by whoever is there."""
