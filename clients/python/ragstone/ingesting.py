"""The two sides of an Ingest stream: what is sent, and what comes back."""

import asyncio
import threading
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator

from ragstone.documents import Acknowledgement, NewDocument, acknowledgement_from
from ragstone.errors import InternalError
from ragstone.requests import collection_name, steps
from ragstone.session import Session
from ragstone.v1 import ingest_service_pb2

IN_FLIGHT = 64
"""Most documents that are sent and not acknowledged."""


class Ledger:
    """Documents that are sent and not acknowledged, and when the server wants to see the next."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._names: dict[int, tuple[str, str]] = {}  # without the contents, which may be large
        self._last = 0
        self._resume_at = 0.0

    def enter(self, document: NewDocument) -> Iterator[ingest_service_pb2.IngestRequest]:
        """The messages of the next document."""
        self._last += 1
        self._names[self._last] = document.document, document.collection
        return steps(self._last, document)

    def take(self, response: ingest_service_pb2.IngestResponse) -> Acknowledgement | None:
        """What a response acknowledges; None for a request to pause, and for what is newer than this client."""
        if response.WhichOneof("event") == "back_off":
            self._resume_at = time.monotonic() + response.back_off.delay.ToNanoseconds() / 1e9
            return None
        if response.WhichOneof("event") != "acknowledgement":
            return None
        wire = response.acknowledgement
        if wire.sequence not in self._names:
            raise InternalError(
                f"the server acknowledged document {wire.sequence}, which it was not sent or had answered"
            )
        document, collection = self._names.pop(wire.sequence)
        acknowledgement = acknowledgement_from(document, wire)
        if acknowledgement.watermark:
            self._session.wrote(collection_name(collection), acknowledgement.watermark)
        return acknowledgement

    def pause(self) -> float:
        """Seconds to wait before the next document."""
        return max(0.0, self._resume_at - time.monotonic())

    def check(self) -> None:
        """Raise where the server ended the stream and left documents unanswered."""
        if self._names:
            raise InternalError(f"the stream ended before {len(self._names)} documents were acknowledged")


class Upload:
    """A stream of the client for threads: gRPC's own thread asks for the requests."""

    def __init__(self, documents: Iterable[NewDocument], session: Session) -> None:
        self._documents = documents
        self._ledger = Ledger(session)
        self._places = threading.Semaphore(IN_FLIGHT)
        self._stopped = threading.Event()
        self._failure: BaseException | None = None

    def requests(self) -> Iterator[ingest_service_pb2.IngestRequest]:
        """Messages to send; ends early once stopped, or where the caller's documents raise."""
        try:
            for document in self._documents:
                while not self._places.acquire(timeout=0.1):
                    if self._stopped.is_set():
                        return
                if self._stopped.wait(self._ledger.pause()):
                    return
                yield from self._ledger.enter(document)
        except Exception as error:  # noqa: BLE001 - raised in the caller's thread by `check`
            self._failure = error

    def take(self, response: ingest_service_pb2.IngestResponse) -> Acknowledgement | None:
        """What a response acknowledges."""
        acknowledgement = self._ledger.take(response)
        if acknowledgement is not None:
            self._places.release()
        return acknowledgement

    def stop(self) -> None:
        """Send nothing more."""
        self._stopped.set()

    def check(self) -> None:
        """Raise what the caller's documents raised, or where documents were left unanswered."""
        if self._failure is not None:
            raise self._failure
        self._ledger.check()


class AsyncUpload:
    """The same for asyncio."""

    def __init__(self, documents: Iterable[NewDocument] | AsyncIterable[NewDocument], session: Session) -> None:
        self._documents = documents
        self._ledger = Ledger(session)
        self._places = asyncio.Semaphore(IN_FLIGHT)
        self._failure: BaseException | None = None

    async def requests(self) -> AsyncIterator[ingest_service_pb2.IngestRequest]:
        """Messages to send."""
        try:
            async for document in _each(self._documents):
                await self._places.acquire()
                await asyncio.sleep(self._ledger.pause())
                for request in self._ledger.enter(document):
                    yield request
        except Exception as error:  # noqa: BLE001 - raised in the caller's task by `check`
            self._failure = error

    def take(self, response: ingest_service_pb2.IngestResponse) -> Acknowledgement | None:
        """What a response acknowledges."""
        acknowledgement = self._ledger.take(response)
        if acknowledgement is not None:
            self._places.release()
        return acknowledgement

    def check(self) -> None:
        """Raise what the caller's documents raised, or where documents were left unanswered."""
        if self._failure is not None:
            raise self._failure
        self._ledger.check()


async def _each(documents: Iterable[NewDocument] | AsyncIterable[NewDocument]) -> AsyncIterator[NewDocument]:
    if isinstance(documents, AsyncIterable):
        async for document in documents:
            yield document
    else:
        for document in documents:
            yield document
