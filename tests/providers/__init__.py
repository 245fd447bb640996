"""Providers of language models that a test controls."""
