"""Lexical index: opens the views that find passages by words."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from ragstone_server.spi.views import LexicalView, ViewSpec


class LexicalIndex(Protocol):
    """Leaving the context of a view flushes and closes it."""

    @property
    def fingerprint(self) -> str:
        """Of the analyzer and the layout of the files: changes whenever files written before cannot be used."""
        ...

    def open_view(self, spec: ViewSpec, /) -> AbstractAsyncContextManager[LexicalView]:
        """Open the view's files, or begin empty."""
        ...
