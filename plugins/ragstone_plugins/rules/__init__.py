"""Rewriter by rules, for English; other languages pass as they are."""
