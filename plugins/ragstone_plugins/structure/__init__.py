"""Chunker `structure`: cuts a text along its headings, paragraphs, rows, sentences and words, in that order."""
