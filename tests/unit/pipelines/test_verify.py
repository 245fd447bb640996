"""Verifying over views in memory: every kind of finding, repairs, writers meanwhile, and a process that ends in between."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragstone_server.indexing import verifying
from ragstone_server.indexing.indexes import Indexes
from ragstone_server.operations.kinds import OperationStopped, Run
from ragstone_server.pipelines.verify import VerifyRequest, VerifyViews
from ragstone_server.spi.errors import CatalogUnavailable, CollectionNotFound, InvalidRequest
from ragstone_server.spi.positions import DocumentKey, PassageKey
from ragstone_server.spi.visibility import Attributes
from ragstone_server.testing.conformance.catalog_samples import delete, fields, name, put
from ragstone_server.testing.memory.catalog_store import MemoryCatalogStore
from tests.unit.indexing.shelf import Shelf, until


class Desk:
    """Runs a verification as the runner does, and may stop it at any save."""

    def __init__(self, store: MemoryCatalogStore, indexes: Indexes) -> None:
        self.store = store
        self.indexes = indexes
        self.verify = VerifyViews(store, indexes, "server-1")
        self.parameters = self.saved = ""

    async def __call__(
        self,
        *collections: str,
        repair: bool = False,
        again: bool = False,
        stop_after: int | None = None,
        cancel: bool = False,
    ) -> Mapping[str, Any]:
        if not again:
            request = VerifyRequest(collections=tuple(map(name, collections)), repair=repair)
            asked = await self.verify.asked(request)
            assert asked.runs_on == "server-1"
            self.parameters, self.saved = asked.parameters, ""
        steps = 0

        async def save(progress: str) -> bool:
            nonlocal steps
            if steps == stop_after:
                raise CatalogUnavailable
            self.saved, steps = progress, steps + 1
            return cancel

        return await self.verify(Run(self.parameters, self.saved, save))

    @asynccontextmanager
    async def view(self, collection: str, view: str) -> AsyncIterator[Any]:
        """The documents that a view in memory holds, for a test to spoil."""
        async with self.indexes.pin(await self.store.collection(name(collection))) as index:
            await index.wait_for((await self.store.collection(name(collection))).head)
            yield index.views[view]._documents  # type: ignore[attr-defined]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    shelf = Shelf(MemoryCatalogStore(), tmp_path)
    async with shelf.open() as indexes:
        for label in ("one", "two"):
            made = await shelf.collection(label)
            await put(shelf.store, made.key, "b", "text of b", "and more")
            await put(shelf.store, made.key, "c", "text of c")
        yield Desk(shelf.store, indexes)


def brief(result: Mapping[str, Any]) -> list[tuple[str, str, str, int]]:
    return [(f["collection"].rpartition("/")[2], f["view"], f["problem"], f["count"]) for f in result["findings"]]


async def test_what_is_in_order_is_said_to_be(desk: Desk) -> None:
    result = await desk()
    assert result == {"collections": 2, "verified": 4, "passages": 16, "findings": [], "found": 0, "repaired": 0}
    assert (await desk("one"))["verified"] == 2


async def test_every_difference_is_named(desk: Desk) -> None:
    async with desk.view("one", "vectors") as held:
        first, second, third = held
        gone = held.pop(first)
        broken = held[third].passages[0]
        assert broken.vector is not None
        held[third] = replace(held[third], passages=(replace(broken, vector=np.negative(broken.vector)),))
        extra = replace(held[second].passages[0], key=PassageKey(9999))
        held[second] = replace(held[second], passages=(*held[second].passages, extra, held[second].passages[0]))
    async with desk.view("two", "words") as words:
        words.popitem()
    result = await desk()
    assert brief(result) == [
        ("one", "vectors", "missing", 1),
        ("one", "vectors", "unexpected", 1),
        ("one", "vectors", "duplicate", 1),
        ("one", "vectors", "different", 1),
        ("two", "words", "missing", 1),
    ]
    samples = [finding["samples"] for finding in result["findings"]]
    assert samples == [["a #0"], ["passage 9999"], ["b #0"], ["c #0"], ["c #0"]]
    assert gone.passages
    assert (result["found"], result["repaired"]) == (5, 0)


async def test_other_texts_and_attributes_are_named_and_mended(desk: Desk) -> None:
    async with desk.view("one", "words") as words:
        first, second, third = words
        other = replace(words[first].passages[0], text="what nobody wrote")
        words[first] = replace(words[first], passages=(other, *words[first].passages[1:]))
        words[second] = replace(words[second], language="tlh")
        shown = Attributes(metadata=words[third].attributes.metadata, readers=frozenset({"user:eve"}))
        words[third] = replace(words[third], attributes=shown)
        texts = 1 + len(words[second].passages)
        attributes = len(words[third].passages)
    async with desk.view("one", "vectors") as vectors:
        coloured = Attributes(metadata={"colour": "red"}, readers=vectors[first].attributes.readers)
        vectors[first] = replace(vectors[first], attributes=coloured)
        filtered = len(vectors[first].passages)
    found = [
        ("one", "vectors", "attributes differ", filtered),
        ("one", "words", "different", texts),
        ("one", "words", "attributes differ", attributes),
    ]
    assert brief(await desk("one")) == found
    result = await desk("one", repair=True)
    assert (brief(result), result["repaired"]) == (found, 3)
    assert (await desk("one"))["found"] == 0


async def test_attributes_that_change_meanwhile_are_not_blamed(desk: Desk) -> None:
    """Under the same keys, between each reading of the view and of the catalog; one that is wrong all the while is found."""
    collection = await desk.store.collection(name("one"))
    version, snapshot = 1, desk.store.snapshot

    async def moving(*args: Any, **kwargs: Any) -> Any:
        nonlocal version
        version += 1
        red = Attributes(metadata={"version": float(version)}, readers=None)
        await put(desk.store, collection.key, "c", version=version, of=replace(fields(), attributes=red))
        desk.indexes.nudge(collection)
        return await snapshot(*args, **kwargs)

    desk.store.snapshot = moving  # type: ignore[method-assign]
    assert brief(await desk("one")) == []
    assert version > 2
    async with desk.view("one", "words") as words:
        wrong = next(key for key in words if len(words[key].passages) == 2)
        words[wrong] = replace(words[wrong], attributes=Attributes(metadata={}, readers=frozenset({"user:eve"})))
    assert brief(await desk("one")) == [("one", "words", "attributes differ", 2)]


async def test_a_repair_gives_again_what_is_wrong_and_nothing_else(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing, an unexpected, a doubled and a deleted document, without the view being emptied; more of them empty it."""
    collection = await desk.store.collection(name("one"))
    for version in range(60):
        await put(desk.store, collection.key, f"w{version}", "text")
    resets = 0

    async def spoil_and_repair() -> None:
        nonlocal resets
        async with desk.indexes.pin(collection) as index:
            async with desk.view("one", "vectors") as held:
                first, second, third, *others = held
                extra = replace(held[second].passages[0], key=PassageKey(9999))
                ghost = replace(held[first], document=DocumentKey(777), passages=(extra,))
                held[DocumentKey(777)] = ghost
                held[third] = replace(held[third], passages=(*held[third].passages, held[third].passages[0]))
                for each in (first, *others[:50]):
                    del held[each]
            reset = type(index.vectors).reset

            async def counted() -> None:
                nonlocal resets
                resets += 1
                await reset(index.vectors)  # type: ignore[arg-type]

            monkeypatch.setattr(index.vectors, "reset", counted)
            result = await desk("one", repair=True)
            assert [each[2] for each in brief(result)] == ["missing", "unexpected", "duplicate"]
            assert result["repaired"] == 3
            assert (await desk("one"))["found"] == 0

    await spoil_and_repair()
    assert resets == 0
    monkeypatch.setattr(verifying, "MOST_MENDED", 52)
    await spoil_and_repair()
    assert resets == 1


async def test_a_repair_builds_the_view_anew_without_embedding(desk: Desk) -> None:
    async with desk.view("one", "vectors") as held:
        held.clear()
    result = await desk("one", repair=True)
    assert brief(result) == [("one", "vectors", "missing", 4)]
    assert (result["repaired"], [each["repaired"] for each in result["findings"]]) == (1, [True])
    assert (await desk())["found"] == 0
    # The shelf's embedder makes vectors of another kind than the samples have: those that are there again are the catalog's.


async def test_a_damaged_file_is_found_and_repaired(desk: Desk) -> None:
    async with desk.indexes.pin(await desk.store.collection(name("one"))) as index:
        await index.wait_for((await desk.store.collection(name("one"))).head)
        await index.vectors.flush()
        path = index.vectors._path  # type: ignore[attr-defined]
        path.write_text(path.read_text().replace("[", "(", 1))
    assert brief(await desk("one")) == [("one", "vectors", "damaged", 1)]
    assert (await desk("one", repair=True))["repaired"] == 1
    assert (await desk("one"))["found"] == 0


async def test_a_view_that_follows_meanwhile_is_not_blamed(desk: Desk) -> None:
    """Writes, replacements and deletions, as fast as they go; and a missing passage is found among them."""
    collection = await desk.store.collection(name("one"))
    stop = asyncio.Event()
    written = 0

    async def write() -> None:
        nonlocal written
        while not stop.is_set():
            await put(desk.store, collection.key, f"w{written % 7}", f"text {written}", version=written + 2)
            if written % 5 == 0:
                await delete(desk.store, collection.key, f"w{written % 7}", version=written + 3)
            desk.indexes.nudge(collection)
            written += 1
            await asyncio.sleep(0)

    writing = asyncio.create_task(write())
    try:
        for _ in range(10):
            assert brief(await desk("one")) == []
        async with desk.view("one", "vectors") as held:
            del held[next(iter(held))]
        assert brief(await desk("one", repair=True)) == [("one", "vectors", "missing", 1)]
        assert brief(await desk("one")) == []
    finally:
        stop.set()
        await writing
    assert written > 50


async def test_a_view_that_cannot_follow_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "CATCH_UP_S", 0.2)
    collection = await desk.store.collection(name("one"))
    async with desk.indexes.pin(collection) as index:
        await index.wait_for(collection.head)

        async def fail(batch: object) -> None:
            raise OSError("the disk is gone")

        apply, index.words.apply = index.words.apply, fail  # type: ignore[method-assign]
        await put(desk.store, collection.key, "d", "text")
        index.nudge()
        await until(lambda: index.followers["words"].failure)
        result = await desk("one")
        assert brief(result) == [("one", "words", "behind", 1)]
        assert "the disk is gone" in result["findings"][0]["detail"]
        index.words.apply = apply  # type: ignore[method-assign]
        assert (await desk("one", repair=True))["repaired"] in (0, 1), "it may have caught up by itself"
    assert (await desk("one"))["found"] == 0


@pytest.mark.parametrize("stop", range(1, 9))
async def test_a_resumed_verification_says_what_was_wrong(desk: Desk, stop: int) -> None:
    """Also where the view had been built anew when the process ended."""
    for label in ("one", "two"):
        async with desk.view(label, "vectors") as held:
            held.clear()
    with pytest.raises(CatalogUnavailable):
        await desk(repair=True, stop_after=stop)
    result = await desk(again=True)
    assert brief(result) == [("one", "vectors", "missing", 4), ("two", "vectors", "missing", 4)]
    assert (result["found"], result["repaired"], result["collections"], result["verified"]) == (2, 2, 2, 4)


async def test_a_collection_that_is_deleted_meanwhile_is_left_out(desk: Desk) -> None:
    with pytest.raises(CatalogUnavailable):
        await desk(stop_after=1)
    assert json.loads(desk.saved)["collections"] == [str(name("one")), str(name("two"))]
    for label in ("one", "two"):
        record = await desk.store.collection(name(label))
        await desk.store.delete_collection(record.key, force=True)
        await desk.indexes.drop(record.key)
    assert (await desk(again=True))["verified"] == 0


async def test_it_is_cancelled_between_steps(desk: Desk) -> None:
    with pytest.raises(OperationStopped):
        await desk(cancel=True)


async def test_what_cannot_be_asked_is_refused(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(CollectionNotFound):
        await desk("three")
    async with Shelf(desk.store, tmp_path / "other").open("b", following=False) as blind:
        with pytest.raises(InvalidRequest, match="role `query`"):
            await VerifyViews(desk.store, blind, "b").asked(VerifyRequest(collections=(), repair=False))
