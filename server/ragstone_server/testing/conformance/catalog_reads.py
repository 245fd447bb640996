"""The part of the catalog store's suite about documents, passages, texts and vectors."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ragstone_server.spi.catalog_store import CatalogStore, CollectionRecord, DocumentRecord
from ragstone_server.spi.generations import FIRST
from ragstone_server.spi.names import DocumentId, TenantId
from ragstone_server.spi.positions import ContentKey, PassageKey
from ragstone_server.spi.ranges import ByteRange
from ragstone_server.testing.conformance.catalog_samples import (
    EMBEDDER,
    GAP,
    LATER,
    NOW,
    SETTINGS,
    TENANT,
    Follower,
    content,
    fields,
    name,
    put,
    text_hash,
    vector,
)
from ragstone_server.testing.conformance.views import PROPERTY

A = DocumentId("a")
_PIECES = st.lists(
    st.tuples(st.text(alphabet="aé€𝄞 \n", min_size=1, max_size=20), st.integers(1, 700)).map(lambda p: p[0] * p[1]),
    min_size=1,
    max_size=8,
)


class ReadTests:
    """What comes back is what was written, and nothing of another collection or tenant."""

    async def test_a_document_comes_back(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """Its first writing is its creation, its last one its update."""
        described = fields("Fähren", {"depth": 2.5, "open": True, "since": NOW, "tags": ("a", "b")}, readers=["user:é"])
        new = content("ferry", "island")
        async with store.transaction(collection.key) as transaction:
            await transaction.put_document(A, 3, fields(), content("old"), NOW)
            position = await transaction.put_document(A, 5, described, new, LATER)
        record = await store.document(collection.key, A)
        assert record is not None
        assert record == DocumentRecord(
            key=record.key,
            document=A,
            version=5,
            fields=described,
            size_bytes=new.size_bytes,
            passages=2,
            position=position,
            created=NOW,
            updated=LATER,
        )
        assert await store.documents(collection.key, "", 10) == (record,)
        assert await store.document(collection.key, DocumentId("b")) is None

    async def test_documents_are_in_the_order_of_code_points(
        self, store: CatalogStore, collection: CollectionRecord
    ) -> None:
        """Not of a language, of case, or of UTF-16; `%` and quotes are letters like any."""
        names = ["", "Z", "a", "ä", "a/b", "a b", "É", "\ufb01", "𝄞", "⛴", "\uffff", "100%", "o'brien", '"', "_", "\\"]
        other = await store.create_collection(name("other"), SETTINGS, NOW)
        await put(store, other.key, "b", "island")
        expected = sorted(each for each in names if each)
        for each in expected[::2] + expected[1::2]:
            await put(store, collection.key, each, "ferry")
        for limit in (1, 5, 100):
            found, after = [], ""
            while page := await store.documents(collection.key, after, limit):
                assert len(page) <= limit
                found += [record.document for record in page]
                after = found[-1]
            assert found == expected
        assert await store.document_count(collection.key) == len(expected)
        assert set(await store.versions(collection.key, [DocumentId(each) for each in expected])) == set(expected)

    async def test_passages_come_back_whole(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """With all that a citation needs."""
        described = fields("Tariffs", {"year": 2025.0}, uri="https://example.org/tariffs", readers=[])
        new = content("ferry fares", "Fähre", title="Tariffs", headings=("Fares", "Adults ⛴"))
        async with store.transaction(collection.key) as transaction:
            await transaction.put_document(A, 3, described, new, NOW)
        follower = Follower(store, collection.key)
        await follower.catch_up()
        stored = await follower.stored()
        record = await store.document(collection.key, A)
        assert record is not None
        for ordinal, (each, written) in enumerate(zip(stored, new.cuts[FIRST].passages, strict=True)):
            passage = each.passage
            assert (passage.document, passage.document_key, passage.version) == (A, record.key, 3)
            assert (passage.title, passage.uri) == ("Tariffs", described.uri)
            assert (passage.ordinal, passage.passage_id, passage.page) == (ordinal, written.passage_id, ordinal + 1)
            assert (passage.headings, passage.range) == (written.headings, written.range)
            assert passage.text == ("ferry fares", "Fähre")[ordinal]
            assert passage.metadata == described.attributes.metadata
            assert (each.attributes, each.superseded) == (described.attributes, None)
            assert each.text_hash == written.text_hash
        assert len({each.passage.content_key for each in stored}) == 1
        assert follower.texts()[1] == "Tariffs\nFares > Adults ⛴\nferry fares"

    async def test_a_superseded_passage_is_what_it_was(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """Text, title and version are of its time; who may read it is as of now (P4)."""
        await put(store, collection.key, A, "five euros", version=1, of=fields("Tariff 2024"))
        follower = Follower(store, collection.key)
        await follower.catch_up()
        described = fields("Tariff 2025", {"year": 2025.0}, readers=["user:ada"])
        position = await put(store, collection.key, A, "six euros", version=2, of=described)
        (old,) = await follower.stored()
        assert (old.passage.text, old.passage.title, old.passage.version) == ("five euros", "Tariff 2024", 1)
        assert (old.superseded, old.attributes) == (position, described.attributes)
        assert old.passage.metadata == described.attributes.metadata
        await put(store, collection.key, A, version=3, of=fields("Tariff 2025"))
        (old,) = await follower.stored()
        assert (old.superseded, old.passage.version, old.attributes) == (position, 1, fields().attributes)

    async def test_p4_passages_are_of_their_collection_only(
        self, store: CatalogStore, collection: CollectionRecord
    ) -> None:
        """A key of another collection, or of nothing, finds nothing; asking twice finds one."""
        other = await store.create_collection(name("other"), SETTINGS, NOW)
        await put(store, collection.key, A, "ferry")
        follower = Follower(store, collection.key)
        await follower.catch_up()
        (key,) = follower.passages()
        assert not await store.passages(other.key, [key])
        assert not await store.passages(collection.key, [])
        assert list(await store.passages(collection.key, [PassageKey(10**15), key, key])) == [key]

    async def test_many_passages_at_once(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """Of one document and of many."""
        await put(store, collection.key, A, *(f"passage {number}" for number in range(1500)))
        await put(store, collection.key, "b", "last")
        follower = Follower(store, collection.key)
        await follower.catch_up()
        stored = await follower.stored()
        assert [each.passage.text for each in stored] == [*(f"passage {number}" for number in range(1500)), "last"]

    async def test_neighbours_are_by_ordinal(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """Both ends included, what is beyond left out; superseded contents too."""
        pieces = ["eins", "zwei", "drei", "vier"]
        await put(store, collection.key, A, *pieces)
        follower = Follower(store, collection.key)
        await follower.catch_up()
        key = (await follower.stored())[0].passage.content_key
        await put(store, collection.key, A, "other", version=2)
        every = await store.neighbours(key, FIRST, 0, 100)
        assert [text for _, text in every] == pieces
        assert [span.of(GAP.join(pieces).encode()) for span, _ in every] == pieces
        assert await store.neighbours(key, FIRST, 1, 2) == every[1:3]
        assert await store.neighbours(key, FIRST, -5, 0) == every[:1]
        assert await store.neighbours(key, FIRST, 4, 9) == ()
        assert await store.neighbours(ContentKey(10**9), FIRST, 0, 9) == ()

    @PROPERTY
    @given(pieces=_PIECES)
    async def test_texts_are_cut_exactly(
        self, store: CatalogStore, collection: CollectionRecord, pieces: list[str]
    ) -> None:
        """However long the text is and however many bytes a character has."""
        versions = await store.versions(collection.key, [A])
        await put(store, collection.key, A, *pieces, version=versions[A].version + 1 if versions else 1)
        follower = Follower(store, collection.key)
        await follower.catch_up()
        stored = await follower.stored()
        assert [each.passage.text for each in stored] == pieces
        found = await store.neighbours(stored[0].passage.content_key, FIRST, 0, len(pieces))
        assert [text for _, text in found] == pieces
        for each in stored:
            assert [p.passage.text for p in (await store.passages(collection.key, [each.passage.key])).values()] == [
                each.passage.text
            ]

    async def test_ranges_may_overlap_and_be_empty(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """A chunker may do so."""
        whole = content("€" * 9000)
        first = whole.cuts[FIRST].passages[0]
        spans = [(0, 27000), (0, 3), (8190, 8193), (8193, 8193), (16383, 24579), (26997, 27000), (27000, 27000)]
        passages = [
            type(first)(
                passage_id=str(start),
                range=ByteRange(start=start, end=end),
                page=None,
                headings=(),
                text_hash=first.text_hash,
                tokens=1,
            )
            for start, end in spans
        ]
        new = type(whole)(
            content_hash=b"x",
            size_bytes=1,
            text=whole.text,
            cuts={FIRST: replace(whole.cuts[FIRST], passages=tuple(passages))},
        )
        async with store.transaction(collection.key) as transaction:
            await transaction.put_document(A, 1, fields(), new, NOW)
        follower = Follower(store, collection.key)
        await follower.catch_up()
        texts = [each.passage.text for each in await follower.stored()]
        assert texts == ["€" * ((end - start) // 3) for start, end in spans]

    async def test_vectors_come_back(self, store: CatalogStore, collection: CollectionRecord) -> None:
        """Bit by bit, by hash, and only of the tenant and the embedder that is named."""
        other = await store.create_collection(name("other"), SETTINGS, NOW)
        words = [f"word {number}" for number in range(1100)]
        await put(store, collection.key, A, *words)
        async with store.transaction(other.key) as transaction:
            await transaction.put_document(A, 1, fields(), content("word 7", embedder="another"), NOW)
        hashes = [text_hash("", word) for word in [*words, "absent"]]
        found = await store.vectors(TENANT, EMBEDDER, hashes)
        assert set(found) == set(hashes[:-1])
        for key, each in found.items():
            assert each.dtype == np.float16
            assert np.array_equal(each, vector(key))
        assert list(await store.vectors(TENANT, "another", hashes)) == [hashes[7]]
        assert not await store.vectors(TenantId("absent"), EMBEDDER, hashes)
        assert not await store.vectors(TENANT, EMBEDDER, [])

    async def test_a_vector_is_kept_as_long_as_it_is_used(
        self, store: CatalogStore, collection: CollectionRecord
    ) -> None:
        """By a passage of the tenant, in whichever collection, superseded ones included."""
        other = await store.create_collection(name("other"), SETTINGS, NOW)
        foreign = await store.create_collection(name("handbook", "foreign"), SETTINGS, NOW)
        hashes = [text_hash("", "ferry")]
        for key in (collection.key, other.key, foreign.key):
            await put(store, key, A, "ferry")
        for key, version in ((collection.key, 2), (other.key, 2)):
            assert set(await store.vectors(TENANT, EMBEDDER, hashes)) == set(hashes)
            position = await put(store, key, A, "island", version=version)
            assert set(await store.vectors(TENANT, EMBEDDER, hashes)) == set(hashes)
            assert await store.retire(key, position, position, NOW) == 1
        assert not await store.vectors(TENANT, EMBEDDER, hashes)
        assert set(await store.vectors(foreign.name.tenant, EMBEDDER, hashes)) == set(hashes)
