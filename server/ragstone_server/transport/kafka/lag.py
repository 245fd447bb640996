"""Writers are slowed where the views lag too far behind, not the queries."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from ragstone_server.spi.errors import RagstoneError
from ragstone_server.transport.kafka.flow import Flow

logger = logging.getLogger(__name__)

LOOK_S = 1.0


@asynccontextmanager
async def holding_up(flow: Flow, view_lag: Callable[[], Awaitable[int]], most: int) -> AsyncIterator[None]:
    """Hold the flow up while the slowest view is more than `most` changes behind."""

    async def look() -> None:
        while True:
            try:
                lag = await view_lag()
            except RagstoneError as error:
                logger.info("how far the views are is not known: %s", error)
            except Exception:
                logger.exception("how far the views are is not known")  # it may be the next time
            else:
                why = f"the indexes are {lag} changes behind, and kafka.max_view_lag is {most}" if lag > most else ""
                if why and not flow.held_up:
                    logger.warning("nothing is read: %s", why)
                flow.held_up = why
            await asyncio.sleep(LOOK_S)

    task = asyncio.create_task(look(), name="view-lag")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
