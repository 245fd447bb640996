"""How much is held at once (promise P11)."""

import asyncio


class Flow:
    """Counts the records that are held, and lets so many be worked out side by side."""

    def __init__(self, max_documents: int, max_bytes: int, parallel: int) -> None:
        self.max_documents = max_documents
        self._max_bytes = max_bytes
        self.parallel = parallel
        self.places = asyncio.Semaphore(parallel)
        self.documents = 0
        self.bytes = 0
        self.held_up = ""
        """Why nothing more is to be taken, beside these limits; empty: nothing."""

    def take(self, size: int) -> None:
        """Hold one more."""
        self.documents += 1
        self.bytes += size

    def give_back(self, size: int) -> None:
        """Hold one less."""
        self.documents -= 1
        self.bytes -= size

    @property
    def full(self) -> bool:
        """Whether no more is to be fetched."""
        return self.documents >= self.max_documents or self.bytes >= self._max_bytes

    @property
    def roomy(self) -> bool:
        """Whether fetching is worth while again."""
        return self.documents <= self.max_documents // 2 and self.bytes <= self._max_bytes // 2
