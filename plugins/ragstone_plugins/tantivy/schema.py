"""Fields of the index, and opening it."""

from pathlib import Path

import tantivy

from ragstone_plugins.tantivy.analysis import Analysis, normalised
from ragstone_plugins.tantivy.languages import NUMBERS
from ragstone_server.spi.digests import text_digest
from ragstone_server.spi.views import DocumentChange

KEY = "key"
DOCUMENT = "document"
GROUP = "group"
"""Number of the document's attributes in the view's `RowGroups`."""
LANGUAGE = "language"
"""Number of the mark of the passage's words."""
TEXT = "text"
"""Digest of what was indexed."""
WORDS = "words"
VERSION = 3
"""Of the fields; part of the fingerprint."""


def schema() -> tantivy.Schema:
    """Nothing is stored: a hit is its key."""
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field(KEY, fast=True)
    builder.add_unsigned_field(DOCUMENT, fast=True, indexed=True)
    builder.add_unsigned_field(GROUP, fast=True, indexed=True)
    builder.add_unsigned_field(LANGUAGE, indexed=True)
    builder.add_unsigned_field(TEXT, fast=True)
    builder.add_text_field(WORDS, tokenizer_name="whitespace", index_option="freq")
    return builder.build()


def open_index(directory: Path) -> tantivy.Index:
    """Open the index, or make one where there is none. Raises `ValueError` where its files are damaged."""
    directory.mkdir(exist_ok=True)
    index = tantivy.Index(schema(), path=str(directory))
    index.config_reader("manual")
    index.reload()
    return index


def documents_of(change: DocumentChange, group: int, analysis: Analysis) -> list[tantivy.Document]:
    """The passages of a document as Tantivy has them."""
    texts = [normalised(passage.text) for passage in change.passages]
    mark = analysis.mark(change.language, texts)
    documents = []
    for passage, text in zip(change.passages, texts, strict=True):
        document = tantivy.Document()
        document.add_unsigned(KEY, passage.key)
        document.add_unsigned(DOCUMENT, change.document)
        document.add_unsigned(GROUP, group)
        document.add_unsigned(LANGUAGE, NUMBERS[mark])
        document.add_unsigned(TEXT, text_digest(change.language, passage.text))
        document.add_text(WORDS, analysis.text(mark, text))
        documents.append(document)
    return documents
