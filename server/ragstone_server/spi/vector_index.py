"""Vector index: opens the views that find passages by meaning."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from ragstone_server.spi.views import VectorView, ViewSpec


class VectorIndex(Protocol):
    """Leaving the context of a view flushes and closes it."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever files written before cannot be used."""
        ...

    def open_view(self, spec: ViewSpec, /) -> AbstractAsyncContextManager[VectorView]:
        """Open the view's files, or begin empty."""
        ...
