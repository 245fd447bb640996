"""How much may be worked on at once (promise P11)."""

from collections.abc import Iterator
from contextlib import contextmanager

from ragstone_server.spi.errors import Overloaded

RETRY_AFTER_S = 0.5


class Admission:
    """Counts documents and their bytes. One document alone is always admitted."""

    def __init__(self, max_documents: int, max_bytes: int) -> None:
        self._max_documents = max_documents
        self._max_bytes = max_bytes
        self.documents = 0
        self.bytes = 0

    @contextmanager
    def admitted(self, size: int) -> Iterator[None]:
        """Hold a place. Raises `Overloaded`, with the time to wait, where there is none."""
        if self.documents >= self._max_documents or (self.documents and self.bytes + size > self._max_bytes):
            raise Overloaded("too many documents are being worked on; try again", retry_after_s=RETRY_AFTER_S)
        self.documents += 1
        self.bytes += size
        try:
            yield
        finally:
            self.documents -= 1
            self.bytes -= size
