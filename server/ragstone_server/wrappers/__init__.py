"""Decorators over the two shapes of a stage: each adds one cross-cutting concern and keeps the shape."""
