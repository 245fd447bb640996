"""The Ingest stream: documents are worked on side by side, each is acknowledged when it is on disk."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing

from google.protobuf.duration_pb2 import Duration

from ragstone.v1 import ingest_service_pb2
from ragstone_server.catalog.writes import WriteReceipt
from ragstone_server.observe.logs import request_id
from ragstone_server.spi.errors import Overloaded, RequestError
from ragstone_server.transport.convert.documents import OUTCOMES
from ragstone_server.transport.grpc.holding import StreamHolding
from ragstone_server.transport.grpc.status import to_request_error, to_status
from ragstone_server.transport.grpc.uploads import Arrived

logger = logging.getLogger(__name__)

Work = Callable[[Arrived], Awaitable[WriteReceipt]]


async def acknowledged(
    arriving: AsyncIterator[Arrived], work: Work, at_once: int, holding: StreamHolding
) -> AsyncGenerator[ingest_service_pb2.IngestResponse, None]:
    """Work on up to `at_once` arrivals and give their acknowledgements in the order in which they are done.

    Nothing further is read while that many are being worked on, or as many acknowledgements are not read, so gRPC's flow
    control slows the producer.
    """
    responses: asyncio.Queue[ingest_service_pb2.IngestResponse | _End] = asyncio.Queue(at_once)
    reader = asyncio.create_task(_read(arriving, work, at_once, holding, responses), name="ingest-stream")
    try:
        while not isinstance(response := await responses.get(), _End):
            yield response
        if response.failure is not None:
            raise response.failure
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)


class _End:
    def __init__(self, failure: Exception | None) -> None:
        self.failure = failure


async def _read(
    arriving: AsyncIterator[Arrived],
    work: Work,
    at_once: int,
    holding: StreamHolding,
    responses: "asyncio.Queue[ingest_service_pb2.IngestResponse | _End]",
) -> None:
    places = asyncio.Semaphore(at_once)
    failure: Exception | None = None

    async def one(arrived: Arrived) -> None:
        try:
            try:
                response = await _acknowledgement(arrived, work, responses)
            finally:
                holding.give_back(arrived.held)
            await responses.put(response)
        finally:
            places.release()

    async with asyncio.TaskGroup() as tasks:
        try:
            async with aclosing(arriving) as documents:  # type: ignore[type-var]
                async for arrived in documents:
                    await places.acquire()
                    tasks.create_task(one(arrived))
        except Exception as error:  # noqa: BLE001 - carried over to the stream, after what was begun is done
            failure = error
    await responses.put(_End(failure))


async def _acknowledgement(
    arrived: Arrived, work: Work, responses: "asyncio.Queue[ingest_service_pb2.IngestResponse | _End]"
) -> ingest_service_pb2.IngestResponse:
    while True:
        try:
            receipt = await work(arrived)
        except Overloaded as error:
            pause = error.retry_after_s or 1.0
            await responses.put(_back_off(pause))
            await asyncio.sleep(pause)
        except Exception as error:
            if not isinstance(error, RequestError):
                logger.exception("a document failed")
            status = to_status(to_request_error(error), request_id.get())
            return _response(ingest_service_pb2.Acknowledgement(sequence=arrived.sequence, error=status))
        else:
            return _response(
                ingest_service_pb2.Acknowledgement(
                    sequence=arrived.sequence,
                    outcome=OUTCOMES[receipt.outcome],
                    version=receipt.version,
                    watermark=str(receipt.watermark),
                )
            )


def _response(acknowledgement: ingest_service_pb2.Acknowledgement) -> ingest_service_pb2.IngestResponse:
    return ingest_service_pb2.IngestResponse(acknowledgement=acknowledgement)


def _back_off(seconds: float) -> ingest_service_pb2.IngestResponse:
    delay = Duration()
    delay.FromNanoseconds(int(seconds * 1e9))
    return ingest_service_pb2.IngestResponse(back_off=ingest_service_pb2.BackOff(delay=delay))
