"""The two sides of an Ingest stream: what is sent, and what comes back."""

import asyncio
import queue
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Generator, Iterable, Iterator
from itertools import chain
from typing import TypeAlias

from ragstone.documents import Acknowledgement, NewDocument, Outcome, acknowledgement_from
from ragstone.errors import Cancelled, InternalError, InvalidArgument
from ragstone.requests import collection_name, steps
from ragstone.session import Session
from ragstone.v1 import ingest_service_pb2

IN_FLIGHT = 64
"""Most documents that are sent and not acknowledged."""
_UNSENDABLE = (ValueError, TypeError, OverflowError, InvalidArgument)
"""What a document raises that no message can carry; `UnicodeError`, of a lone surrogate, is a `ValueError`."""
_Arrival: TypeAlias = ingest_service_pb2.IngestResponse | Acknowledgement | Exception | None
"""What the caller waits for: a response, a document that was not sent, why the stream broke, or None for its end."""


class Ledger:
    """Documents that are sent and not acknowledged, and when the server wants to see the next."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._names: dict[int, tuple[str, str]] = {}  # without the contents, which may be large
        self._last = 0
        self._resume_at = 0.0

    def enter(self, document: NewDocument) -> Iterator[ingest_service_pb2.IngestRequest]:
        """The messages of the next document. One that cannot be sent raises here, before anything of it is sent."""
        messages = steps(self._last + 1, document)
        first = next(messages)
        self._last += 1
        self._names[self._last] = document.document, document.collection
        return chain((first,), messages)

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

    def settle(
        self, arrival: ingest_service_pb2.IngestResponse | Acknowledgement | Exception
    ) -> Acknowledgement | None:
        """The acknowledgement in what arrived, if there is one. Raises why the stream broke."""
        if isinstance(arrival, Exception):
            raise arrival
        return arrival if isinstance(arrival, Acknowledgement) else self.take(arrival)

    def pause(self) -> float:
        """Seconds to wait before the next document."""
        return max(0.0, self._resume_at - time.monotonic())

    def check(self) -> None:
        """Raise where the server ended the stream and left documents unanswered."""
        if self._names:
            raise InternalError(f"the stream ended before {len(self._names)} documents were acknowledged")


class Upload:
    """A stream of the client for threads: gRPC's own thread asks for the requests.

    Another thread reads the responses, so that a document that cannot be sent reaches the caller while the server is silent.
    """

    def __init__(self, documents: Iterable[NewDocument], session: Session) -> None:
        self._documents = documents
        self._ledger = Ledger(session)
        self._places = threading.Semaphore(IN_FLIGHT)
        self._stopped = threading.Event()
        # Never longer than the documents in flight and the server's pauses: a place is free when the caller took what it holds.
        self._arrived: queue.SimpleQueue[_Arrival] = queue.SimpleQueue()
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
                try:
                    messages = self._ledger.enter(document)
                except _UNSENDABLE as error:
                    self._arrived.put(_refused(document, error))
                else:
                    yield from messages
        except Exception as error:  # noqa: BLE001 - raised in the caller's thread by `check`
            self._failure = error

    def acknowledgements(
        self, responses: Iterable[ingest_service_pb2.IngestResponse]
    ) -> Generator[Acknowledgement, None, None]:
        """What became of the documents. Raises what the responses raise."""
        threading.Thread(target=self._read, args=(responses,), name="ragstone-ingest", daemon=True).start()
        while (arrival := self._arrived.get()) is not None:
            acknowledgement = self._ledger.settle(arrival)
            if acknowledgement is not None:
                self._places.release()
                yield acknowledgement

    def _read(self, responses: Iterable[ingest_service_pb2.IngestResponse]) -> None:
        try:
            for response in responses:
                self._arrived.put(response)
        except Exception as error:  # noqa: BLE001 - raised in the caller's thread
            self._arrived.put(error)
        else:
            self._arrived.put(None)

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
        self._arrived: asyncio.Queue[_Arrival] = asyncio.Queue()
        self._failure: BaseException | None = None

    async def requests(self) -> AsyncIterator[ingest_service_pb2.IngestRequest]:
        """Messages to send."""
        try:
            async for document in _each(self._documents):
                await self._places.acquire()
                await asyncio.sleep(self._ledger.pause())
                try:
                    messages = self._ledger.enter(document)
                except _UNSENDABLE as error:
                    self._arrived.put_nowait(_refused(document, error))
                else:
                    for request in messages:
                        yield request
        except Exception as error:  # noqa: BLE001 - raised in the caller's task by `check`
            self._failure = error

    async def acknowledgements(
        self, responses: AsyncIterable[ingest_service_pb2.IngestResponse]
    ) -> AsyncGenerator[Acknowledgement, None]:
        """What became of the documents. Raises what the responses raise."""
        reader = asyncio.create_task(self._read(responses), name="ragstone-ingest")
        try:
            while (arrival := await self._arrived.get()) is not None:
                acknowledgement = self._ledger.settle(arrival)
                if acknowledgement is not None:
                    self._places.release()
                    yield acknowledgement
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def _read(self, responses: AsyncIterable[ingest_service_pb2.IngestResponse]) -> None:
        try:
            async for response in responses:
                self._arrived.put_nowait(response)
        except asyncio.CancelledError:  # gRPC's way to say that the client was closed; the caller waits all the same
            self._arrived.put_nowait(Cancelled("the call was cancelled"))
            raise
        except Exception as error:  # noqa: BLE001 - raised in the caller's task
            self._arrived.put_nowait(error)
        else:
            self._arrived.put_nowait(None)

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


def _refused(document: NewDocument, error: Exception) -> Acknowledgement:
    """What became of a document that was not sent."""
    typed = error
    if not isinstance(typed, InvalidArgument):
        typed = InvalidArgument(f"the document cannot be sent: {error}", reason="INVALID_REQUEST")
        typed.__cause__ = error
    return Acknowledgement(document=document.document, outcome=Outcome.FAILED, version=0, watermark="", error=typed)
