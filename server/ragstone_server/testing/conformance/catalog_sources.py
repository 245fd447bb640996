"""The part of the catalog store's suite about sources and dead letters."""

import asyncio

import pytest

from ragstone_server.spi.catalog_store import CatalogStore, CollectionRecord
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import CollectionKey
from ragstone_server.spi.sources import DeadLetterId, NewDeadLetter, SourceClaim, SourceLost, SourceMove, SourceName
from ragstone_server.testing.conformance.catalog_samples import LATER, NOW, SETTINGS, content, fields, name

SOURCE = SourceName("log/group/topic/0")
OTHER = SourceName("log/group/topic/1")
FIRST = DeadLetterId(0)


def letter(offset: int, source: SourceName = SOURCE, **changed: bytes | None) -> NewDeadLetter:
    """An event that could not be applied."""
    return NewDeadLetter(
        source=source,
        offset=offset,
        key=changed.get("key", b"handbook/a"),
        value=changed.get("value", b"\x00not an event\xff"),
        headers=(("content-type", b"application/json"), ("trace", b"\x00\xff"), ("trace", b"")),
        bound="tenants/acme/collections/handbook",
        event_time=NOW,
        reason="INVALID_EVENT",
        message="it has no äction",
        failed=LATER,
    )


async def move(store: CatalogStore, claim: SourceClaim, expected: int | None, to: int) -> None:
    """Move the source, and nothing else."""
    async with store.sources.transaction([], SourceMove(claim=claim, expected=expected, next=to)):
        pass


class SourceTests:
    """Claims, moves, tries and dead letters."""

    async def test_a_source_that_was_never_applied(self, store: CatalogStore) -> None:
        """It has no position, and the first to claim it finds it in order."""
        claim = await store.sources.claim(SOURCE)
        assert (claim.source, claim.next, claim.clean) == (SOURCE, None, True)
        assert await store.sources.positions("log/") == {}

    async def test_a_source_moves_with_what_is_written(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """Documents of several collections, a dead letter and the offset, in one transaction."""
        other = await store.create_collection(name("other"), SETTINGS, NOW)
        claim = await store.sources.claim(SOURCE)
        moved = SourceMove(claim=claim, expected=None, next=7)
        async with store.sources.transaction([other.key, collection.key], moved) as transaction:
            for key in (collection.key, other.key):
                await transaction.collections[key].put_document(
                    DocumentId("a"), 1, fields("A"), content("One.", title="A"), NOW
                )
            await transaction.put_dead_letter(letter(5))
        assert await store.sources.positions("log/group/") == {SOURCE: 7}
        assert (await store.sources.claim(SOURCE)).next == 7
        for key in (collection.key, other.key):
            assert await store.document_count(key) == 1
        assert [each.letter for each in await store.sources.dead_letters(FIRST, 10)] == [letter(5)]

    async def test_what_fails_leaves_nothing(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """Neither the document nor the letter nor the move."""
        claim = await store.sources.claim(SOURCE)

        async def fail() -> None:
            moved = SourceMove(claim=claim, expected=None, next=3)
            async with store.sources.transaction([collection.key], moved) as transaction:
                documents = transaction.collections[collection.key]
                await documents.put_document(DocumentId("a"), 1, fields(), content("One."), NOW)
                await transaction.put_dead_letter(letter(2))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        assert await store.sources.positions("") == {}
        assert await store.document_count(collection.key) == 0
        assert await store.sources.dead_letter_count() == 0

    async def test_a_source_moves_only_from_where_it_stands(self, store: CatalogStore) -> None:
        """Of two who think that they are next, one is."""
        claim = await store.sources.claim(SOURCE)
        await move(store, claim, None, 3)
        for expected in (None, 2, 4):
            with pytest.raises(SourceLost):
                await move(store, claim, expected, 9)
        await move(store, claim, 3, 4)
        assert await store.sources.positions("log") == {SOURCE: 4}

    async def test_a_claim_ends_the_earlier_ones(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """Who was frozen meanwhile writes nothing, though nothing moved."""
        old = await store.sources.claim(SOURCE)
        new = await store.sources.claim(SOURCE)
        assert new.epoch > old.epoch
        with pytest.raises(SourceLost):
            async with store.sources.transaction(
                [collection.key], SourceMove(claim=old, expected=None, next=3)
            ) as transaction:
                await transaction.put_dead_letter(letter(1))
        with pytest.raises(SourceLost):
            await store.sources.begin_try(old, 0)
        await move(store, new, None, 1)
        assert await store.sources.dead_letter_count() == 0

    async def test_many_claims_at_once(self, store: CatalogStore) -> None:
        """Each has an epoch of its own, and the last alone may write."""
        claims = await asyncio.gather(*(store.sources.claim(SOURCE) for _ in range(8)))
        assert len({claim.epoch for claim in claims}) == len(claims)
        *lost, last = sorted(claims, key=lambda claim: claim.epoch)
        for claim in lost:
            with pytest.raises(SourceLost):
                await move(store, claim, None, 1)
        await move(store, last, None, 1)

    async def test_who_dies_does_not_let_go(self, store: CatalogStore) -> None:
        """The next holder learns it, once."""
        await store.sources.claim(SOURCE)
        second = await store.sources.claim(SOURCE)
        assert not second.clean
        await store.sources.release(second)
        third = await store.sources.claim(SOURCE)
        assert third.clean
        await store.sources.release(second)
        assert not (await store.sources.claim(SOURCE)).clean

    async def test_tries_are_counted_until_the_source_moves(self, store: CatalogStore) -> None:
        """Over claims, an offset at a time."""
        claim = await store.sources.claim(SOURCE)
        assert await store.sources.begin_try(claim, 5) == 1
        claim = await store.sources.claim(SOURCE)
        assert await store.sources.begin_try(claim, 5) == 2
        assert await store.sources.begin_try(claim, 6) == 1
        assert await store.sources.begin_try(claim, 5) == 1
        await move(store, claim, None, 5)
        assert await store.sources.begin_try(claim, 5) == 1
        assert await store.sources.begin_try(claim, 5) == 2
        await store.sources.end_try(claim)
        assert await store.sources.begin_try(claim, 5) == 1
        later = await store.sources.claim(SOURCE)
        await store.sources.end_try(claim)
        assert await store.sources.begin_try(later, 5) == 2

    async def test_sources_are_found_by_the_beginning_of_their_names(self, store: CatalogStore) -> None:
        """As it is written: `_` and `%` stand for themselves."""
        for source, at in ((SOURCE, 1), (OTHER, 2), (SourceName("log/gr%_p/x/0"), 3)):
            await move(store, await store.sources.claim(source), None, at)
        assert await store.sources.positions("log/group/topic/") == {SOURCE: 1, OTHER: 2}
        assert await store.sources.positions("log/gr%_p/") == {"log/gr%_p/x/0": 3}
        assert await store.sources.positions("LOG") == {}

    async def test_a_collection_that_is_gone_is_not_opened(
        self, store: CatalogStore, collection: CollectionRecord
    ) -> None:
        """The others are."""
        claim = await store.sources.claim(SOURCE)
        gone = CollectionKey(collection.key + 1000)
        moved = SourceMove(claim=claim, expected=None, next=1)
        async with store.sources.transaction([gone, collection.key], moved) as transaction:
            assert set(transaction.collections) == {collection.key}

    async def test_dead_letters_come_in_pages(self, store: CatalogStore) -> None:
        """Ascending, whole, and one of an offset once."""
        claim = await store.sources.claim(SOURCE)
        letters = [letter(1), letter(2, key=None, value=None), letter(3, OTHER), letter(1)]
        async with store.sources.transaction([], SourceMove(claim=claim, expected=None, next=4)) as transaction:
            for each in letters:
                await transaction.put_dead_letter(each)
        page = await store.sources.dead_letters(FIRST, 2)
        assert [each.letter for each in page] == letters[:2]
        rest = await store.sources.dead_letters(page[-1].id, 10)
        assert [each.letter for each in rest] == letters[2:3]
        assert await store.sources.dead_letter_count() == 3
        assert await store.sources.dead_letter(page[1].id) == page[1]
        assert await store.sources.delete_dead_letter(page[1].id)
        assert not await store.sources.delete_dead_letter(page[1].id)
        assert await store.sources.dead_letter(page[1].id) is None

    async def test_dead_letters_are_listed_without_their_events(self, store: CatalogStore) -> None:
        """With the size of the value, where there is one."""
        claim = await store.sources.claim(SOURCE)
        letters = [letter(1, value=b"x" * 100_000), letter(2, value=None), letter(3, value=b"")]
        async with store.sources.transaction([], SourceMove(claim=claim, expected=None, next=4)) as transaction:
            for each in letters:
                await transaction.put_dead_letter(each)
        page = await store.sources.dead_letter_summaries(FIRST, 2)
        rest = await store.sources.dead_letter_summaries(page[-1].id, 2)
        assert [each.size for each in (*page, *rest)] == [100_000, None, 0]
        whole = await store.sources.dead_letters(FIRST, 3)
        assert (*page, *rest) == tuple(each.summary for each in whole)
        assert whole[0].summary.offset == 1
        await store.sources.note_published([page[0].id])
        assert [each.published for each in await store.sources.dead_letter_summaries(FIRST, 2)] == [True, False]

    async def test_dead_letters_are_published_once(self, store: CatalogStore) -> None:
        """They wait until that is noted."""
        claim = await store.sources.claim(SOURCE)
        async with store.sources.transaction([], SourceMove(claim=claim, expected=None, next=4)) as transaction:
            for each in (letter(1), letter(2), letter(3, OTHER)):
                await transaction.put_dead_letter(each)
        waiting = await store.sources.unpublished(SOURCE, 10)
        assert [each.letter.offset for each in waiting] == [1, 2]
        assert not any(each.published for each in waiting)
        await store.sources.note_published([waiting[0].id])
        assert [each.letter.offset for each in await store.sources.unpublished("log/", 10)] == [2, 3]
        assert (await store.sources.dead_letters(FIRST, 1))[0].published
