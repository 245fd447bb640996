"""Vector index over FAISS: a flat head for fresh vectors and immutable, memory-mapped segment files."""
