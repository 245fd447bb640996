"""The suite of catalog stores: generations of an index."""

from dataclasses import replace

import pytest

from ragstone_server.spi.catalog_store import CatalogStore, CollectionRecord, NewCut, VectorsMissing
from ragstone_server.spi.errors import GenerationNotFound
from ragstone_server.spi.generations import (
    FIRST,
    Generation,
    GenerationNumber,
    GenerationRecord,
    GenerationState,
    Recipe,
    StageChoice,
)
from ragstone_server.spi.names import DocumentId
from ragstone_server.spi.positions import CollectionKey, ContentKey
from ragstone_server.testing.conformance.catalog_samples import (
    BEGIN,
    EMBEDDER,
    LATER,
    NOW,
    SETTINGS,
    TENANT,
    Follower,
    content,
    delete,
    fields,
    head,
    name,
    put,
    text_hash,
)

SECOND = GenerationNumber(2)
MADE = Generation(embedder=EMBEDDER, chunker="sample-chunker")
OTHER = Generation(embedder="other-embedder", chunker="sample-chunker")
RECIPE = Recipe(
    embedder=StageChoice(use="onnx", config='{"model": "größer"}'), chunker=StageChoice(use="structure", config="{}")
)


def cut(*pieces: str, embedder: str = OTHER.embedder, vectors: bool = True) -> NewCut:
    """Passages of a text of these pieces."""
    return content(*pieces, embedder=embedder, vectors=vectors).cuts[FIRST]


async def add(
    store: CatalogStore,
    collection: CollectionKey,
    generation: Generation = MADE,
    state: GenerationState = GenerationState.LIVE,
) -> GenerationNumber:
    """In a transaction of its own."""
    async with store.transaction(collection) as transaction:
        return await transaction.add_generation(generation, RECIPE, state, NOW)


async def move(store: CatalogStore, collection: CollectionKey, number: int, state: GenerationState) -> None:
    """In a transaction of its own."""
    async with store.transaction(collection) as transaction:
        await transaction.set_generation_state(GenerationNumber(number), state, LATER)


async def put_cut(store: CatalogStore, collection: CollectionKey, key: ContentKey, new: NewCut) -> bool:
    """Of the second generation, in a transaction of its own."""
    async with store.transaction(collection) as transaction:
        return await transaction.put_cut(key, SECOND, new)


async def drop(store: CatalogStore, collection: CollectionKey, limit: int = 1) -> None:
    """All of the second generation."""
    while await store.drop_generation(collection, SECOND, limit):
        pass


class GenerationTests:
    """Generations are numbered, moved, filled beside the live one, and dropped."""

    async def test_a_generation_is_there_for_the_next_transaction(
        self, store: CatalogStore, collection: CollectionRecord
    ) -> None:
        """With its recipe; the first is number 1, and the record of the collection tells all of them."""
        assert collection.live is None
        assert await add(store, collection.key) == FIRST
        first = GenerationRecord(
            number=FIRST, generation=MADE, recipe=RECIPE, state=GenerationState.LIVE, created=NOW, activated=NOW
        )
        assert (await store.collection(collection.name)).generations == (first,)
        async with store.transaction(collection.key) as transaction:
            assert transaction.collection.live == first
            assert await transaction.add_generation(OTHER, None, GenerationState.BUILDING, LATER) == SECOND
        record = await store.collection(collection.name)
        assert record.live == first
        assert record.generation(SECOND) == GenerationRecord(
            number=SECOND,
            generation=OTHER,
            recipe=None,
            state=GenerationState.BUILDING,
            created=LATER,
            activated=None,
        )
        assert (await store.collections(TENANT, "", 10)) == (record,)
        assert (await store.update_collection(collection.key, SETTINGS, NOW)).generations == record.generations

    async def test_one_is_live(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """The one that was becomes a former one, and may become live again."""
        await add(store, collection.key)
        await add(store, collection.key, OTHER, GenerationState.BUILDING)

        async def states() -> list[GenerationState]:
            return [each.state for each in (await store.collection(collection.name)).generations]

        await move(store, collection.key, 2, GenerationState.READY)
        assert await states() == [GenerationState.LIVE, GenerationState.READY]
        await move(store, collection.key, 2, GenerationState.LIVE)
        assert await states() == [GenerationState.FORMER, GenerationState.LIVE]
        await move(store, collection.key, 1, GenerationState.LIVE)
        assert await states() == [GenerationState.LIVE, GenerationState.FORMER]
        first = (await store.collection(collection.name)).live
        assert first is not None
        assert (first.created, first.activated) == (NOW, LATER)
        with pytest.raises(GenerationNotFound):
            await move(store, collection.key, 3, GenerationState.LIVE)

    async def test_a_document_is_written_to_several(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """Each follower has the passages of its generation, with keys and vectors of their own; the document has the live ones."""
        await add(store, collection.key)
        await add(store, collection.key, OTHER, GenerationState.BUILDING)
        new = content("ferry", "island")
        both = replace(new, cuts={**new.cuts, SECOND: cut("ferry\n\nisland")})
        async with store.transaction(collection.key) as transaction:
            await transaction.put_document(DocumentId("a"), 1, fields(), both, NOW)
        first = Follower(store, collection.key)
        second = Follower(store, collection.key, generation=SECOND, embedder=OTHER.embedder)
        await first.catch_up()
        await second.catch_up()
        assert first.texts() == ["ferry", "island"]
        assert second.texts() == ["ferry\n\nisland"]
        assert not set(first.passages()) & set(second.passages())
        await second.rebuild(10)
        assert all(passage.vector is not None for change in second.documents.values() for passage in change.passages)
        stored = await store.passages(collection.key, [*first.passages(), *second.passages()])
        assert sorted(each.passage.generation for each in stored.values()) == [1, 1, 2]
        key = next(iter(stored.values())).passage.content_key
        assert [text for _, text in await store.neighbours(key, FIRST, 0, 9)] == ["ferry", "island"]
        assert [text for _, text in await store.neighbours(key, SECOND, 0, 9)] == ["ferry\n\nisland"]

        async def counted() -> tuple[int, int]:
            document = await store.document(collection.key, DocumentId("a"))
            versions = await store.versions(collection.key, [DocumentId("a")])
            assert document is not None
            return document.passages, versions[DocumentId("a")].passages

        assert await counted() == (2, 2)
        await move(store, collection.key, 2, GenerationState.LIVE)
        assert await counted() == (1, 1)

    async def test_what_a_generation_lacks_is_listed_and_written(
        self, store: CatalogStore, collection: CollectionRecord
    ) -> None:
        """In the order of the documents, present contents only; the log does not move."""
        await add(store, collection.key)
        for each in ("a", "b", "c"):
            await put(store, collection.key, each, f"{each} ferry", "island", of=fields("Title"))
        await put(store, collection.key, "b", "b winter", version=2, of=fields("New"))
        await delete(store, collection.key, "c")
        await add(store, collection.key, OTHER, GenerationState.BUILDING)
        at = await head(store, collection)
        (one,) = await store.uncut(collection.key, SECOND, BEGIN, 1)
        (two,) = await store.uncut(collection.key, SECOND, one.document_key, 10)
        assert (one.document, one.title, one.text) == ("a", "Title", "a ferry\n\nisland")
        assert (two.document, two.title, two.text) == ("b", "New", "b winter")
        assert one.outline == ""
        assert one.pages == ((1, 0), (2, len("a ferry\n\n")))
        assert one.content_hash == content("a ferry", "island", title="Title").content_hash
        assert await put_cut(store, collection.key, one.content_key, cut("a ferry\n\nisland"))
        assert not await put_cut(store, collection.key, one.content_key, cut("twice")), "it has them already"
        assert [each.document for each in await store.uncut(collection.key, SECOND, BEGIN, 10)] == ["b"]
        await put(store, collection.key, "b", "b summer", version=3)
        assert not await put_cut(store, collection.key, two.content_key, cut("b winter")), "it is superseded"
        assert not await put_cut(store, collection.key, ContentKey(10**6), cut("none"))
        assert await head(store, collection) == at + 1
        second = Follower(store, collection.key, generation=SECOND, embedder=OTHER.embedder)
        await second.rebuild(10)
        assert second.texts() == ["Title\na ferry\n\nisland"]

    async def test_the_outline_of_a_text_is_kept(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """As it was given."""
        outline = '{"pages": [[1, 0, 5]]}'
        async with store.transaction(collection.key) as transaction:
            await transaction.put_document(
                DocumentId("a"), 1, fields(), replace(content("ferry"), outline=outline), NOW
            )
        (one,) = await store.uncut(collection.key, SECOND, BEGIN, 10)
        assert (one.outline, one.pages) == (outline, ())

    async def test_a_cut_needs_its_vectors_and_its_generation(
        self, store: CatalogStore, collection: CollectionRecord
    ) -> None:
        """Those of another embedder are others; nothing is written where one is missing."""
        await add(store, collection.key)
        await put(store, collection.key, "a", "ferry")
        (one,) = await store.uncut(collection.key, SECOND, BEGIN, 10)
        with pytest.raises(GenerationNotFound):
            await put_cut(store, collection.key, one.content_key, cut("ferry"))
        await add(store, collection.key, OTHER, GenerationState.BUILDING)
        with pytest.raises(VectorsMissing):
            await put_cut(store, collection.key, one.content_key, cut("ferry", vectors=False))
        assert len(await store.uncut(collection.key, SECOND, BEGIN, 10)) == 1
        assert await put_cut(
            store, collection.key, one.content_key, cut("ferry", embedder=MADE.embedder, vectors=False)
        ), "the live generation's embedder has embedded it"

    async def test_a_dropped_generation_leaves_nothing(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """Neither passages nor vectors that no other generation needs, and its number is not given again."""
        await add(store, collection.key)
        await add(store, collection.key, OTHER, GenerationState.BUILDING)
        for each in ("ferry", "island", "winter"):
            new = content(each)
            both = replace(new, cuts={**new.cuts, SECOND: cut(each)})
            async with store.transaction(collection.key) as transaction:
                await transaction.put_document(DocumentId(each), 1, fields(), both, NOW)
        hashes = [text_hash("", each) for each in ("ferry", "island", "winter")]
        second = Follower(store, collection.key, generation=SECOND, embedder=OTHER.embedder)
        await second.catch_up()
        foreign = await store.create_collection(name("handbook", "other"), SETTINGS, NOW)
        await add(store, foreign.key)
        await put(store, foreign.key, "a", "ferry")
        await drop(store, collection.key)
        assert await store.drop_generation(collection.key, SECOND, 10) == 0
        assert [each.number for each in (await store.collection(collection.name)).generations] == [FIRST]
        assert not await store.passages(collection.key, second.passages())
        assert not await store.vectors(TENANT, OTHER.embedder, hashes)
        assert len(await store.vectors(TENANT, EMBEDDER, hashes)) == 3
        assert await store.vectors(foreign.name.tenant, EMBEDDER, hashes)
        first = Follower(store, collection.key)
        await first.catch_up()
        assert first.texts() == ["ferry", "island", "winter"]
        assert await add(store, collection.key, OTHER, GenerationState.BUILDING) == 3

    async def test_vectors_stay_that_another_collection_of_the_tenant_needs(
        self, store: CatalogStore, collection: CollectionRecord
    ) -> None:
        """A dropped generation takes only what is of no use to others."""
        await add(store, collection.key)
        await add(store, collection.key, OTHER, GenerationState.BUILDING)
        both = replace(content("ferry"), cuts={**content("ferry").cuts, SECOND: cut("ferry")})
        async with store.transaction(collection.key) as transaction:
            await transaction.put_document(DocumentId("a"), 1, fields(), both, NOW)
        neighbour = await store.create_collection(name("neighbour"), SETTINGS, NOW)
        await add(store, neighbour.key, OTHER)
        await drop(store, collection.key)
        assert await store.vectors(TENANT, OTHER.embedder, [text_hash("", "ferry")])
        await store.delete_collection(neighbour.key, force=True)
        assert await store.vectors(TENANT, EMBEDDER, [text_hash("", "ferry")])
