"""Fusers: weighted scores and reciprocal ranks."""
