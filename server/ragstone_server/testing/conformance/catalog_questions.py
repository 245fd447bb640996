"""Suite of catalog stores: recorded questions."""

import asyncio
from datetime import timedelta

from ragstone_server.spi.catalog_store import CatalogStore, CollectionRecord
from ragstone_server.spi.names import CollectionId, CollectionName
from ragstone_server.spi.positions import CollectionKey
from ragstone_server.spi.questions import AskedQuestion, RecordedQuestion
from ragstone_server.testing.conformance.catalog_samples import NAME, NOW, SETTINGS

OTHER = CollectionName(tenant=NAME.tenant, collection=CollectionId("questions"))


def asked(collection: CollectionKey, text: str, seconds: int = 0, times: int = 1) -> AskedQuestion:
    """So many seconds after NOW."""
    return AskedQuestion(collection=collection, text=text, asked=NOW + timedelta(seconds=seconds), times=times)


async def texts(store: CatalogStore, collection: CollectionKey, limit: int = 100) -> list[str]:
    """What is kept, the latest first."""
    return [each.text for each in await store.questions.questions(collection, limit)]


class QuestionTests:
    """What is kept, for how long, and what goes."""

    async def test_the_latest_come_first(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """Whole, as they were asked, up to as many as are wanted."""
        key = collection.key
        long = "Wie lange? ß \N{ROCKET} " * 500
        await store.questions.record([asked(key, "b", 2), asked(key, long, 3), asked(key, "a", 1)], 10)
        assert await store.questions.questions(key, 10) == (
            RecordedQuestion(text=long, asked=NOW + timedelta(seconds=3), times=1),
            RecordedQuestion(text="b", asked=NOW + timedelta(seconds=2), times=1),
            RecordedQuestion(text="a", asked=NOW + timedelta(seconds=1), times=1),
        )
        assert await texts(store, key, 1) == [long]

    async def test_the_same_text_is_kept_once(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """With its latest time and a count, whether it comes twice at once or later, in whatever order."""
        key = collection.key
        await store.questions.record([asked(key, "a", 5), asked(key, "b", 6), asked(key, "a", 4, times=2)], 10)
        await store.questions.record([asked(key, "a", 1, times=4)], 10)
        await store.questions.record([asked(key, "b", 9)], 10)
        kept = await store.questions.questions(key, 10)
        assert [(each.text, each.times) for each in kept] == [("b", 2), ("a", 7)]
        assert [each.asked - NOW for each in kept] == [timedelta(seconds=9), timedelta(seconds=5)]

    async def test_beyond_the_limit_the_oldest_go(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """By when they were asked last; each collection for itself."""
        other = await store.create_collection(OTHER, SETTINGS, NOW)
        await store.questions.record([asked(other.key, "of another", -9)], 3)
        await store.questions.record([asked(collection.key, f"{n}", n) for n in range(3)], 3)
        await store.questions.record([asked(collection.key, "0", 7), asked(collection.key, "new", 6)], 3)
        assert await texts(store, collection.key) == ["0", "new", "2"]
        await store.questions.record([asked(collection.key, "too old", -1)], 3)
        assert await texts(store, collection.key) == ["0", "new", "2"]
        await store.questions.record([asked(collection.key, "last", 9)], 1)
        assert await texts(store, collection.key) == ["last"]
        assert await texts(store, other.key) == ["of another"]

    async def test_nothing_is_kept_of_a_collection_that_is_gone(
        self, store: CatalogStore, collection: CollectionRecord
    ) -> None:
        """What is recorded beside it is; what was kept went with it, and a new one of its name has none."""
        other = await store.create_collection(OTHER, SETTINGS, NOW)
        await store.questions.record([asked(collection.key, "before")], 10)
        await store.delete_collection(collection.key, force=True)
        await store.questions.record([asked(collection.key, "after"), asked(other.key, "beside")], 10)
        assert await texts(store, collection.key) == []
        assert await texts(store, other.key) == ["beside"]
        again = await store.create_collection(NAME, SETTINGS, NOW)
        assert await texts(store, again.key) == []

    async def test_purged_questions_are_gone(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """Those of the collection alone; later ones are kept again."""
        other = await store.create_collection(OTHER, SETTINGS, NOW)
        await store.questions.record([asked(key, f"{n}") for key in (collection.key, other.key) for n in range(3)], 10)
        assert await store.questions.purge(collection.key) == 3
        assert await store.questions.purge(collection.key) == 0
        assert await texts(store, collection.key) == []
        assert len(await texts(store, other.key)) == 3
        await store.questions.record([asked(collection.key, "later")], 10)
        assert await texts(store, collection.key) == ["later"]

    async def test_many_record_at_once(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """In whatever order each names them: nobody waits for ever, and none is lost."""
        other = await store.create_collection(OTHER, SETTINGS, NOW)
        both = [asked(key, f"{n}", n) for key in (collection.key, other.key) for n in range(20)]
        batches = [both, both[::-1], both[10:] + both[:10], both[::2] + both[1::2]]
        await asyncio.gather(*(store.questions.record(batch, 10) for batch in batches))
        await store.questions.record([asked(collection.key, "end", 99), asked(other.key, "end", 99)], 10)
        for key in (collection.key, other.key):
            assert await texts(store, key) == ["end", *(f"{n}" for n in range(19, 10, -1))]
