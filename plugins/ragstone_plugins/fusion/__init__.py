"""Fusers: `weighted` adds normalised scores, `reciprocal_rank` adds reciprocal ranks."""
