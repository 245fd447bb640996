"""The part of the catalog store's suite about the change log, snapshots, retiring and followers."""

import asyncio
import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone_server.spi.catalog_store import CatalogStore, CollectionHead, CollectionRecord, LogTrimmed
from ragstone_server.spi.generations import FIRST
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import DocumentKey, PassageKey, Position
from ragstone_server.testing.conformance.catalog_samples import (
    BEGIN,
    EMBEDDER,
    LATER,
    NOW,
    SETTINGS,
    TENANT,
    Failure,
    Follower,
    Step,
    content,
    delete,
    fail_after,
    fields,
    head,
    histories,
    name,
    put,
    text_hash,
)
from ragstone_server.testing.conformance.views import PROPERTY

_NUMBERS = itertools.count()


class LogTests:
    """A view that follows the log, from wherever it stands, comes to the catalog's state."""

    async def test_positions_are_dense_from_one(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """Puts, moves and deletions count, in each collection for itself."""
        other = await store.create_collection(name("other"), SETTINGS, NOW)
        assert await put(store, collection.key, "a", "ferry") == 1
        assert await put(store, other.key, "a", "ferry") == 1
        assert await put(store, collection.key, "a", version=2) == 2
        assert await delete(store, collection.key, "a", version=3) == 3
        async with store.transaction(collection.key) as transaction:
            assert transaction.collection.head == 3
            positions = [
                await transaction.put_document(DocumentId(each), 4, fields(), content(each), NOW) for each in "abc"
            ]
        assert positions == [4, 5, 6]
        assert (await head(store, collection), await head(store, other)) == (6, 1)

    async def test_a_batch_is_the_present_state(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """Each document once, in commit order of its last change; what is gone has no passages."""
        await put(store, collection.key, "a", "ferry")
        await put(store, collection.key, "b", "island")
        await put(store, collection.key, "a", "winter", version=2)
        gone = await store.document(collection.key, DocumentId("b"))
        await put(store, collection.key, "c", "dog")
        await delete(store, collection.key, "b")
        batch = await store.changes(collection.key, FIRST, Position(0), 10, texts=True, vectors=EMBEDDER)
        assert gone is not None
        assert [[each.text for each in change.passages] for change in batch.changes] == [["winter"], ["dog"], []]
        assert (batch.changes[2].document, batch.position) == (gone.key, 5)
        assert [change.language for change in batch.changes] == ["en", "en", None]
        after = await store.changes(collection.key, FIRST, Position(5), 10, texts=True, vectors=None)
        assert (after.changes, after.position) == ((), 5)

    async def test_a_batch_has_what_was_asked_for(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """Texts, vectors of one embedder, both or neither."""
        await put(store, collection.key, "a", "ferry", "island", of=fields("Title"))
        for texts, vectors in ((True, None), (False, EMBEDDER), (False, None), (True, "unknown")):
            first = await store.changes(collection.key, FIRST, Position(0), 10, texts=texts, vectors=vectors)
            second, _ = await store.snapshot(collection.key, FIRST, BEGIN, 10, texts=texts, vectors=vectors)
            for batch in (first, second):
                passages = batch.changes[0].passages
                assert [each.text for each in passages] == (["Title\nferry", "Title\nisland"] if texts else ["", ""])
                assert [each.vector is not None for each in passages] == [vectors == EMBEDDER] * 2

    async def test_batches_are_limited(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """And go on where the one before ended."""
        for number in range(7):
            await put(store, collection.key, f"{number % 5}", f"text {number}", version=number + 1)
        for limit in (1, 2, 3, 100):
            follower = Follower(store, collection.key)
            while follower.position < 7:
                batch = await follower.read(limit)
                assert 1 <= len(batch.changes) <= limit
            assert follower.texts() == [f"text {number}" for number in range(2, 7)]

    async def test_interleaved_writers_never_hide_a_change(
        self, store: CatalogStore, collection: CollectionRecord
    ) -> None:
        """A follower that reads all the while sees every position, whoever commits when."""
        given: list[Position] = []
        seen: list[Position] = []
        follower, done = Follower(store, collection.key), asyncio.Event()

        async def write(writer: int) -> None:
            for number in range(8):
                with contextlib.suppress(Failure):
                    async with store.transaction(collection.key) as transaction:
                        for part in range(1 + (writer + number) % 3):
                            await asyncio.sleep(0.001 * ((writer + part) % 2))
                            document = DocumentId(f"{writer}-{number}-{part}")
                            position = await transaction.put_document(document, 1, fields(), content(document), NOW)
                            if number % 4 != 3:
                                given.append(position)
                        if number % 4 == 3:
                            await fail_after(transaction, f"{writer} fails", "nothing")

        async def follow() -> None:
            while not done.is_set() or follower.position < len(given):
                await asyncio.sleep(0)  # a store in memory never waits
                before = follower.position
                batch = await follower.read(2)
                assert batch.position - before == len(batch.changes)
                seen.extend(Position(each) for each in range(before + 1, batch.position + 1))

        following = asyncio.create_task(follow())
        await asyncio.gather(*(write(writer) for writer in range(4)))
        done.set()
        await asyncio.wait_for(following, 30)
        assert given == seen == list(range(1, len(given) + 1))
        fresh = Follower(store, collection.key)
        await fresh.rebuild(10)
        assert follower.plain() == fresh.plain()
        assert len(follower.documents) == len(given)

    async def test_a_replaced_document_never_vanishes(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """What a view at a position proposes is not superseded at or before it: it reads present states."""
        for version in range(1, 6):
            await put(store, collection.key, "a", f"text {version}", version=version)
            await put(store, collection.key, f"other {version}", "ferry")
        follower = Follower(store, collection.key)
        while (await follower.read(1)).changes:
            for stored in await follower.stored():
                assert stored.superseded is None or stored.superseded > follower.position

    async def test_superseded_passages_stay_until_retired(
        self, store: CatalogStore, collection: CollectionRecord
    ) -> None:
        """Those superseded at or before the position go, later ones stay, present ones always."""
        followers = []
        for version in range(1, 5):
            await put(store, collection.key, "a", f"text {version}", version=version)
            follower = Follower(store, collection.key)
            await follower.catch_up()
            followers.append(follower)
        keys: list[PassageKey] = [key for follower in followers for key in follower.passages()]
        found = await store.passages(collection.key, keys)
        assert [found[key].superseded for key in keys] == [2, 3, 4, None]
        assert await store.retire(collection.key, Position(3), Position(0), NOW) == 2
        assert set(await store.passages(collection.key, keys)) == set(keys[2:])
        assert not await store.vectors(TENANT, EMBEDDER, [text_hash("", "text 1"), text_hash("", "text 2")])
        assert await store.retire(collection.key, Position(3), Position(0), NOW) == 0
        assert await store.retire(collection.key, Position(100), Position(0), NOW) == 1
        assert [each.passage.text for each in await followers[3].stored()] == ["text 4"]
        assert followers[3].texts() == ["text 4"]

    async def test_retiring_many_is_whole(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """And leaves other collections alone."""
        other = await store.create_collection(name("other"), SETTINGS, NOW)
        for key in (collection.key, other.key):
            async with store.transaction(key) as transaction:
                for version in range(1, 502):
                    await transaction.put_document(DocumentId("a"), version, fields(), content(str(version)), NOW)
        assert await store.retire(collection.key, Position(501), Position(501), NOW) == 500
        assert await store.retire(other.key, Position(501), Position(501), NOW) == 500

    async def test_a_trimmed_log_says_so(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """Who is behind starts again from a snapshot, who is not reads on."""
        for number in range(6):
            await put(store, collection.key, f"{number}", f"text {number}")
        early, late = Follower(store, collection.key), Follower(store, collection.key)
        await early.read(2)
        await late.read(4)
        await store.retire(collection.key, Position(0), Position(4), NOW)
        assert (await store.collection(collection.name)).trimmed == 4
        with pytest.raises(LogTrimmed):
            await store.changes(collection.key, FIRST, Position(3), 10, texts=True, vectors=None)
        await delete(store, collection.key, "0")
        for follower in (early, late):
            await follower.catch_up(2)
        assert (early.rebuilt, late.rebuilt) == (1, 0)
        assert early.plain() == late.plain()
        await store.retire(collection.key, Position(0), Position(2), NOW)
        assert (await store.collection(collection.name)).trimmed == 4
        await store.retire(collection.key, Position(0), Position(1000), NOW)
        record = await store.collection(collection.name)
        assert (record.trimmed, record.head) == (7, 7)
        assert await put(store, collection.key, "new", "new") == 8

    async def test_a_snapshot_is_paged_by_key(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """Each document once, with the head of the moment; what changes meanwhile is in the log."""
        for number in range(5):
            await put(store, collection.key, f"{number}", f"text {number}")
        first, after = await store.snapshot(collection.key, FIRST, BEGIN, 2, texts=True, vectors=None)
        assert (len(first.changes), first.position) == (2, 5)
        assert after is not None
        await put(store, collection.key, "5", "text 5")
        await delete(store, collection.key, "0")
        second, last = await store.snapshot(collection.key, FIRST, after, 10, texts=True, vectors=None)
        assert (len(second.changes), second.position, last) == (4, 7, None)
        keys = [change.document for batch in (first, second) for change in batch.changes]
        assert keys == sorted(set(keys))
        empty, end = await store.snapshot(collection.key, FIRST, DocumentKey(keys[-1]), 10, texts=True, vectors=None)
        assert (empty.changes, end) == ((), None)

    async def test_followers_are_noted(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """By view and collection; the last word counts."""
        other = await store.create_collection(name("other"), SETTINGS, NOW)
        assert not await store.followers(collection.key)
        await store.put_follower(collection.key, "vectors", Position(3), NOW)
        await store.put_follower(collection.key, "words", Position(2), NOW)
        await store.put_follower(collection.key, "vectors", Position(5), NOW)
        await store.put_follower(other.key, "words", Position(9), NOW)
        assert await store.followers(collection.key) == {"vectors": 5, "words": 2}
        await store.put_follower(collection.key, "words", Position(2), LATER)
        await store.drop_followers(collection.key, NOW)
        assert set(await store.followers(collection.key)) == {"vectors", "words"}
        await store.drop_followers(collection.key, LATER)
        assert await store.followers(collection.key) == {"words": 2}
        assert await store.followers(other.key) == {"words": 9}

    async def test_heads_tell_what_has_changed(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """Of every tenant; a collection that never changed is not among them."""
        other = await store.create_collection(name("handbook", "other"), SETTINGS, NOW)
        assert await store.heads() == ()
        await put(store, other.key, "a", "ferry")
        await put(store, other.key, "b", "ferry")
        assert await store.heads() == (CollectionHead(key=other.key, name=other.name, head=Position(2)),)

    @PROPERTY
    @given(history=histories, limit=st.integers(1, 4))
    async def test_random_histories_agree_with_plain_python(
        self, store: CatalogStore, history: list[Step], limit: int
    ) -> None:
        """The log from the start, with pauses and trimming, or a snapshot at the end: every view is the same."""
        collection = await store.create_collection(name(f"history-{next(_NUMBERS)}"), SETTINGS, NOW)
        expected: dict[str, tuple[str, ...]] = {}
        follower = Follower(store, collection.key)
        for version, step in enumerate(history, 1):
            described = fields(metadata={"colour": step.colour})
            if step.act == "put":
                await put(store, collection.key, step.document, *step.pieces, version=version, of=described)
                expected[step.document] = step.pieces
            elif step.act == "move" and step.document in expected:
                await put(store, collection.key, step.document, version=version, of=described)
            elif step.act == "delete" and step.document in expected:
                await delete(store, collection.key, step.document, version=version)
                del expected[step.document]
            elif step.act == "retire":
                await store.retire(collection.key, follower.position, follower.position, NOW)
            elif step.act == "fail":
                with pytest.raises(Failure):
                    async with store.transaction(collection.key) as transaction:
                        await fail_after(transaction, step.document, *step.pieces, version=version)
            elif step.act == "read":
                await follower.read(limit)
        await follower.catch_up(limit)
        fresh = Follower(store, collection.key)
        await fresh.rebuild(limit)
        assert follower.texts() == sorted(piece for pieces in expected.values() for piece in pieces)
        assert follower.plain() == fresh.plain()
        assert follower.position == fresh.position == await head(store, collection)
        assert follower.rebuilt == 0
        assert await store.document_count(collection.key) == len(expected)
        assert len(await follower.stored()) == len(follower.passages())
