"""Benchmarks that anyone can run: each figure beside a floor from the same run."""
