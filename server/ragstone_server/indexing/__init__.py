"""Keeps every view in step with the catalog by following its change log."""
