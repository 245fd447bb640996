"""The best passages that fit, widened to their neighbours, numbered once."""

from pathlib import Path

import pytest

from ragstone_server.pipelines.packing import Packer
from ragstone_server.spi.evidence import ScoredPassage
from ragstone_server.spi.generations import FIRST
from ragstone_server.testing.conformance.samples import scored
from ragstone_server.testing.memory.catalog_store import MemoryCatalogStore
from ragstone_server.testing.memory.tokenizer import MemoryTokenizer
from tests.unit.pipelines.house import open_house


async def pack(*texts: str, budget: int) -> list[tuple[int, str]]:
    packer = Packer(MemoryCatalogStore(), MemoryTokenizer(), 0)
    packed = await packer([scored(i, text) for i, text in enumerate(texts, 1)], budget)
    return [(passage.number, passage.text) for passage in packed]


async def test_passages_are_taken_in_their_order_while_they_fit() -> None:
    assert await pack("one two", "three four five", "six", budget=3) == [(1, "one two"), (2, "six")]


async def test_the_first_is_always_packed() -> None:
    assert await pack("one two three", "four", budget=1) == [(1, "one two three")]


async def test_nothing_is_packed_of_nothing() -> None:
    assert await pack(budget=10) == []


LINES = ["alpha one", "beta two", "gamma three", "delta four"]


@pytest.mark.parametrize(
    ("hits", "neighbours", "budget", "texts"),
    [
        ([1], 1, 100, ["alpha one\nbeta two\ngamma three"]),
        ([1], 0, 100, ["beta two"]),
        ([1], 3, 100, ["alpha one\nbeta two\ngamma three\ndelta four"]),
        ([1], 1, 4, ["alpha one\nbeta two"]),
        ([1], 1, 2, ["beta two"]),
        ([0], 1, 100, ["alpha one\nbeta two"]),
        ([3], 1, 100, ["gamma three\ndelta four"]),
        # A neighbour is packed once: where it is a hit, or where the hit before it has it already.
        ([0, 1], 1, 100, ["alpha one", "beta two\ngamma three"]),
        ([0, 2], 1, 100, ["alpha one\nbeta two", "gamma three\ndelta four"]),
    ],
)
async def test_a_hit_is_widened_to_its_neighbours_while_the_budget_lasts(
    tmp_path: Path, hits: list[int], neighbours: int, budget: int, texts: list[str]
) -> None:
    async with open_house(tmp_path) as house:
        house.embedder.max_tokens = 2  # a line makes a chunk
        await house.put("doc", "\n".join(LINES))
        collection = await house.catalog.collection(next(iter(await house.store.collections(None, "", 1))).name)
        batch = await house.store.changes(collection.key, FIRST, collection.trimmed, 10, texts=True, vectors=None)
        keys = [passage.key for change in batch.changes for passage in change.passages]
        stored = await house.store.passages(collection.key, keys)
        asked = [ScoredPassage(passage=stored[keys[hit]].passage, score=1.0, scores={}) for hit in hits]
        packed = await Packer(house.store, MemoryTokenizer(), neighbours)(asked, budget)
        assert [passage.text for passage in packed] == texts
        assert [passage.range.of("\n".join(LINES).encode()) for passage in packed] == texts
        assert [passage.number for passage in packed] == list(range(1, len(hits) + 1))
