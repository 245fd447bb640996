"""Records the questions that are asked, beside the requests: none waits for it, and none fails because of it."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from ragstone_server.pipelines.retrieve import Retrieval, RetrieveRequest
from ragstone_server.spi.clock import Clock
from ragstone_server.spi.positions import CollectionKey
from ragstone_server.spi.questions import AskedQuestion, QuestionStore

logger = logging.getLogger(__name__)

WRITE_S = 5.0
"""Questions of so long a time are written in one transaction."""
MOST_PENDING = 1000
"""Distinct questions that wait to be written; beyond, the first are not recorded."""
LAST_WRITE_S = 2.0
"""Longest time for what is pending at the end."""

Retriever = Callable[[RetrieveRequest], Coroutine[Any, Any, Retrieval]]
"""`Retrieve`, or what stands before it."""


class QuestionRecorder:
    """Keeps the latest distinct questions of each collection, also of processes that share a catalog."""

    def __init__(self, store: QuestionStore, keep: int, clock: Clock) -> None:
        """`keep`: how many of a collection; 0: nothing is recorded."""
        self._store = store
        self._keep = keep
        self._clock = clock
        self._pending: OrderedDict[tuple[CollectionKey, str], AskedQuestion] = OrderedDict()
        self._noted = asyncio.Event()
        self._failing = False

    def note(self, collection: CollectionKey, text: str) -> None:
        """Have a question recorded soon."""
        if not self._keep:
            return
        key = collection, text
        asked = AskedQuestion(collection=collection, text=text, asked=self._clock.now())
        if (former := self._pending.pop(key, None)) is not None:
            asked = replace(asked, times=former.times + 1)
        self._pending[key] = asked
        if len(self._pending) > MOST_PENDING:
            self._pending.popitem(last=False)
        self._noted.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["QuestionRecorder"]:
        """Write what is noted, as long as the context is open; what is pending at its end is written then."""
        task = asyncio.create_task(self._write_forever(), name="record-questions")
        try:
            yield self
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            try:
                await asyncio.wait_for(self.write(), LAST_WRITE_S)
            except TimeoutError:
                logger.warning("the last questions are not recorded: the catalog does not answer")

    async def write(self) -> None:
        """Write what is pending now. What cannot be written is not recorded."""
        self._noted.clear()
        if not self._pending:
            return
        pending, self._pending = self._pending, OrderedDict()
        try:
            await self._store.record(tuple(pending.values()), self._keep)
        except Exception as error:  # noqa: BLE001 - whatever it is: the sample misses some questions, and nobody waits
            if not self._failing:
                logger.warning("questions are not recorded at present: %s", error)
            self._failing = True
        else:
            self._failing = False

    async def _write_forever(self) -> None:
        while True:
            await self._noted.wait()
            await asyncio.sleep(WRITE_S)
            await self.write()


def recorded(retrieve: Retriever, recorder: QuestionRecorder) -> Retriever:
    """The same; questions that were searched for are noted, as they stand by themselves."""

    async def retrieve_and_note(request: RetrieveRequest) -> Retrieval:
        retrieval = await retrieve(request)
        # Of a conversation, what the rewriter made of it: "and on Sundays?" says nothing without the turns before.
        text = retrieval.search_text.dense if request.turns else request.question
        recorder.note(retrieval.collection.key, text)
        return retrieval

    return retrieve_and_note
