"""Dead letters: the messages of the contract, with typed errors."""

from collections.abc import Iterator
from typing import Any, Protocol

from ragstone.channel import deadline
from ragstone.v1 import admin_service_pb2, admin_service_pb2_grpc

PART_BYTES = 16 * 1024 * 1024


class Call(Protocol):
    """Makes a call; its errors are typed."""

    def __call__(self, method: Any, request: Any, timeout: float | None = None, /) -> Any:
        """The response."""
        ...


class DeadLetters:
    """Calls of AdminService about events that could not be applied."""

    def __init__(self, stub: admin_service_pb2_grpc.AdminServiceStub, call: Call) -> None:
        self._stub = stub
        self._call = call

    def list(self) -> Iterator[admin_service_pb2.DeadLetter]:
        """All of them without their events, in the order in which they were put, page by page."""
        request = admin_service_pb2.ListDeadLettersRequest()
        while True:
            response: admin_service_pb2.ListDeadLettersResponse = self._call(self._stub.ListDeadLetters, request)
            yield from response.dead_letters
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token

    def get(
        self, letter: int, *, value_offset: int = 0, max_value_bytes: int | None = None
    ) -> admin_service_pb2.DeadLetter:
        """Read one with its event, whose value is cut at 1 MiB unless `max_value_bytes` says otherwise."""
        request = admin_service_pb2.GetDeadLetterRequest(
            id=letter, value_offset=value_offset, max_value_bytes=max_value_bytes or 0
        )
        response: admin_service_pb2.GetDeadLetterResponse = self._call(self._stub.GetDeadLetter, request)
        return response.dead_letter

    def value(self, letter: int) -> Iterator[bytes]:
        """The value of its event, whole, in parts; none where it has no value."""
        offset = 0
        while True:
            part = self.get(letter, value_offset=offset, max_value_bytes=PART_BYTES)
            if part.value:
                yield part.value
            offset += len(part.value)
            if not part.value_truncated:
                return

    def replay(
        self, letter: int, *, force: bool = False, timeout: float | None = None
    ) -> admin_service_pb2.ReplayDeadLetterResponse:
        """Apply its event again; returns when that is on disk and the letter is gone. It stays where that fails.

        An event without a version becomes the newest one. Where its document was written after the event failed, that needs
        `force`; otherwise it is refused with VERSION_STALE.
        """
        request = admin_service_pb2.ReplayDeadLetterRequest(id=letter, force=force)
        response: admin_service_pb2.ReplayDeadLetterResponse = self._call(
            self._stub.ReplayDeadLetter, request, deadline("ReplayDeadLetter", timeout)
        )
        return response

    def discard(self, letter: int) -> None:
        """Delete it; its event is not applied."""
        self._call(self._stub.DiscardDeadLetter, admin_service_pb2.DiscardDeadLetterRequest(id=letter))
