"""Fields of the index, and opening it."""

from pathlib import Path

import tantivy

from ragstone_plugins.tantivy.analysis import ENGLISH, PLAIN, Analysis
from ragstone_server.spi.views import DocumentChange

KEY = "key"
DOCUMENT = "document"
GROUP = "group"
"""Number of the document's attributes in the view's `RowGroups`."""


def schema() -> tantivy.Schema:
    """Nothing is stored: a hit is its key."""
    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field(KEY, fast=True)
    builder.add_unsigned_field(DOCUMENT, fast=True, indexed=True)
    builder.add_unsigned_field(GROUP, fast=True, indexed=True)
    for field in (ENGLISH, PLAIN):
        builder.add_text_field(field, tokenizer_name=field, index_option="freq")
    return builder.build()


def open_index(directory: Path, analysis: Analysis) -> tantivy.Index:
    """Open the index, or make one where there is none. Raises `ValueError` where its files are damaged."""
    directory.mkdir(exist_ok=True)
    index = tantivy.Index(schema(), path=str(directory))
    for field, analyzer in analysis.for_texts.items():
        index.register_tokenizer(field, analyzer)
    index.config_reader("manual")
    index.reload()
    return index


def documents_of(change: DocumentChange, text_field: str, group: int, texts: list[str]) -> list[tantivy.Document]:
    """The passages of a document as Tantivy has them; `texts` are normalised."""
    documents = []
    for passage, text in zip(change.passages, texts, strict=True):
        document = tantivy.Document()
        document.add_unsigned(KEY, passage.key)
        document.add_unsigned(DOCUMENT, change.document)
        document.add_unsigned(GROUP, group)
        document.add_text(text_field, text)
        documents.append(document)
    return documents
