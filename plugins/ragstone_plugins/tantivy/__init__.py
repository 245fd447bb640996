"""Lexical index over Tantivy: BM25 of passages, filtered by an indexed number of their documents' attributes."""
