"""What a client has written, so that it can ask to read it."""

import threading

SESSION = "session"
"""As `min_watermark`: see everything that this client wrote to the collection."""


class Session:
    """The greatest watermark of each collection that this client has written. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watermarks: dict[str, str] = {}

    def wrote(self, collection: str, watermark: str) -> None:
        """Note a write. Tokens of one collection sort as text; another epoch replaces the former."""
        with self._lock:
            known = self._watermarks.get(collection, "")
            same_epoch = known.rpartition(".")[0] == watermark.rpartition(".")[0]
            if not same_epoch or watermark > known:
                self._watermarks[collection] = watermark

    def forget(self, collection: str) -> None:
        """A collection is gone; one of the same name has watermarks of its own."""
        with self._lock:
            self._watermarks.pop(collection, None)

    def demanded(self, collection: str, min_watermark: str | None) -> str:
        """The token to send: the caller's own, or the session's."""
        if min_watermark != SESSION:
            return min_watermark or ""
        with self._lock:
            return self._watermarks.get(collection, "")
