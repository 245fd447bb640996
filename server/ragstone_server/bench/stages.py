"""What each stage of a retrieval costs, called one after the other as the server has them."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from ragstone_server.bench.opened import EVERYTHING, LIMIT, Opened
from ragstone_server.bench.raw import PASSAGES, Costs
from ragstone_server.spi.views import LexicalQuery, VectorQuery

AskedT = TypeVar("AskedT")
ResultT = TypeVar("ResultT")
WARM_UP: Final = 20


async def stage_costs(opened: Opened, questions: Sequence[str]) -> Costs:
    """The views are searched through their lanes, as in the server; the best passages of a question are read from the catalog."""
    context, index = opened.context, opened.index
    vectors, embed_ms = await _cost(opened.embed, questions)
    asked = [VectorQuery(context=context, vector=each, limit=LIMIT, visibility=EVERYTHING) for each in vectors]
    found, vectors_ms = await _cost(index.vectors.search, asked)
    words = [LexicalQuery(context=context, text=each, limit=LIMIT, visibility=EVERYTHING) for each in questions]
    _, words_ms = await _cost(index.words.search, words)
    best = [[hit.key for hit in each.hits[:PASSAGES]] for each in found]
    _, texts_ms = await _cost(lambda keys: opened.store.passages(opened.collection.key, keys), best)
    return Costs(embed_ms=embed_ms, vectors_ms=vectors_ms, words_ms=words_ms, texts_ms=texts_ms)


async def _cost(call: Callable[[AskedT], Awaitable[ResultT]], asked: Sequence[AskedT]) -> tuple[list[ResultT], float]:
    """The results, and milliseconds of processor time of all threads, each."""
    for each in asked[:WARM_UP]:
        await call(each)
    began = time.process_time()
    results = [await call(each) for each in asked]
    return results, (time.process_time() - began) * 1e3 / len(asked)
