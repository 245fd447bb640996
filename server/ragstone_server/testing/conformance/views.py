"""Suites of the two kinds of views: every promise of `spi.views` is a test.

A subclass gives the fixture `index`, an opened stage; see `tests/conformance`. A property test compares a view with
plain Python over random histories of changes, flushes, restarts and crashes.
"""

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragstone_server.spi.filters import Comparison, Operator
from ragstone_server.spi.positions import CollectionKey, DocumentKey, PassageKey, Position
from ragstone_server.spi.views import (
    DocumentChange,
    Hits,
    IndexedPassage,
    LexicalQuery,
    VectorQuery,
    View,
    ViewSpec,
)
from ragstone_server.spi.visibility import Attributes, Visibility
from ragstone_server.testing.conformance.view_samples import (
    COMMON,
    CONTEXT,
    DIMENSION,
    EVERYONE,
    OPEN,
    WORDS,
    Model,
    Step,
    batch,
    batches,
    document,
    histories,
    passage,
    visibilities,
)

MANY = 1000
PROPERTY = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors, HealthCheck.too_slow],
)


class SearchableView(View, Protocol):
    """Either kind of view."""

    async def search(self, request: Any, /) -> Hits:
        """Search."""
        ...


class Index(Protocol):
    """Either kind of index."""

    @property
    def fingerprint(self) -> str:
        """Of the layout of the files."""
        ...

    def open_view(self, spec: ViewSpec, /) -> AbstractAsyncContextManager[Any]:
        """Open a view."""
        ...


def spec(directory: Path, epoch: str = "epoch", generation: str = "generation", dimension: int = DIMENSION) -> ViewSpec:
    """A view in this directory."""
    return ViewSpec(
        collection=CollectionKey(7), epoch=epoch, generation=generation, directory=directory, dimension=dimension
    )


def copied(directory: Path, to: Path) -> Path:
    """What a crash at this instant leaves on disk."""
    for _ in range(20):
        before = sorted(path.name for path in directory.rglob("*"))
        try:
            shutil.copytree(directory, to)
        except (OSError, shutil.Error):  # a file vanished while it was copied: the view cleans up in the background
            shutil.rmtree(to, ignore_errors=True)
            continue
        if before == sorted(path.name for path in directory.rglob("*")):
            return to
        shutil.rmtree(to)
    raise AssertionError("the view's files never come to rest")


class ViewConformance:
    """What a vector and a lexical view have in common."""

    def query(self, visibility: Visibility, limit: int) -> Any:
        """A request that every sample passage answers."""
        raise NotImplementedError

    async def keys(self, view: SearchableView, visibility: Visibility = EVERYONE, limit: int = MANY) -> list[int]:
        """Keys of all that can be found, ascending; checks order and uniqueness of the hits."""
        hits = (await view.search(self.query(visibility, limit))).hits
        scores, keys = [hit.score for hit in hits], [hit.key for hit in hits]
        assert scores == sorted(scores, reverse=True)
        assert len(set(keys)) == len(keys) <= limit
        return sorted(keys)

    @pytest.fixture
    async def view(self, index: Index, tmp_path: Path) -> AsyncIterator[SearchableView]:
        """An empty view."""
        async with index.open_view(spec(tmp_path / "view")) as view:
            yield view

    def test_a_fingerprint_is_one_word(self, index: Index) -> None:
        """It goes into the generation's name."""
        assert index.fingerprint
        assert not set(index.fingerprint) & set(" \n\t/")

    async def test_a_new_view_is_empty_at_position_zero(self, view: SearchableView) -> None:
        """Nothing is there, and searching says so without an error."""
        assert (view.position, view.durable, await view.count()) == (0, 0, 0)
        assert await view.search(self.query(EVERYONE, 10)) == Hits(hits=(), position=Position(0))

    async def test_what_is_applied_is_searchable(self, view: SearchableView) -> None:
        """As soon as `apply` returns, at the position of the batch."""
        await view.apply(batch(3, document(1, 10, 11), document(2, 20)))
        assert await self.keys(view) == [10, 11, 20]
        assert (view.position, await view.count()) == (3, 3)
        assert (await view.search(self.query(EVERYONE, 1))).position == 3

    async def test_a_document_is_replaced_and_deleted(self, view: SearchableView) -> None:
        """Its former passages are gone; other documents stay."""
        await view.apply(batch(1, document(1, 10, 11), document(2, 20)))
        await view.apply(batch(2, document(1, 12)))
        assert await self.keys(view) == [12, 20]
        await view.apply(batch(3, document(1), document(99)))
        assert await self.keys(view) == [20]
        assert (view.position, await view.count()) == (3, 1)

    async def test_a_flushed_document_is_replaced_and_deleted(self, view: SearchableView) -> None:
        """Likewise where the former passages lie in files."""
        await view.apply(batch(1, document(1, 10, 11), document(2, 20), document(3, 30)))
        await view.flush()
        await view.apply(batch(2, document(1, 12), document(3)))
        assert await self.keys(view) == [12, 20]
        await view.flush()
        assert (await self.keys(view), await view.count()) == ([12, 20], 2)

    async def test_an_empty_batch_moves_the_position(self, view: SearchableView) -> None:
        """Changes that do not concern a view count too, and become durable."""
        await view.apply(batch(1, document(1, 10)))
        await view.apply(batch(5))
        assert (view.position, await self.keys(view)) == (5, [10])
        await view.flush()
        assert view.durable == 5

    async def test_applying_twice_is_applying_once(self, view: SearchableView) -> None:
        """After a crash the log is applied again from `durable`."""
        history = [batch(1, document(1, 10), document(2, 20)), batch(2, document(1, 11, 12)), batch(3, document(2))]
        for change in [*history, *history, history[-1]]:
            await view.apply(change)
        assert (await self.keys(view), await view.count()) == ([11, 12], 2)

    async def test_flushing_makes_durable(self, view: SearchableView) -> None:
        """`durable` never exceeds the position, and reaches it."""
        await view.flush()
        await view.apply(batch(1, document(1, 10)))
        assert view.durable in (0, 1)
        await view.flush()
        await view.flush()
        assert (view.durable, await self.keys(view)) == (1, [10])

    async def test_a_closed_view_is_reopened_from_its_files(self, index: Index, tmp_path: Path) -> None:
        """Leaving the context flushes: nothing is applied again."""
        attributes = Attributes(metadata={"colour": "red"}, readers=frozenset({"group:crew"}))
        async with index.open_view(spec(tmp_path / "view")) as view:
            await view.apply(batch(4, document(1, 10, 11), document(2, 20, attributes=attributes)))
            await view.apply(batch(5, document(1, 12)))
        async with index.open_view(spec(tmp_path / "view")) as view:
            assert (view.position, view.durable, await view.count()) == (5, 5, 2)
            assert await self.keys(view) == [12]
            crew = Visibility(principals=frozenset({"group:crew"}), default_readable=False)
            assert await self.keys(view, crew) == [20]
            await view.apply(batch(6, document(2)))
            assert await self.keys(view, crew) == []

    async def test_a_crash_loses_nothing_up_to_durable(self, index: Index, tmp_path: Path) -> None:
        """What is on disk opens at `durable`, and applying from there leads to the same rows."""
        history = [batch(n, document(n % 3, n * 10, n * 10 + 1), document(9, *([n] * (n % 2)))) for n in range(1, 7)]
        async with index.open_view(spec(tmp_path / "view")) as view:
            for change in history[:4]:
                await view.apply(change)
            await view.flush()
            for change in history[4:]:
                await view.apply(change)
            expected = await self.keys(view)
            crashed = copied(tmp_path / "view", tmp_path / "crashed")
        async with index.open_view(spec(crashed)) as view:
            assert 4 <= view.position == view.durable <= 6
            for change in history[view.position :]:
                await view.apply(change)
            assert (await self.keys(view), await view.count()) == (expected, len(expected))

    @pytest.mark.parametrize(("epoch", "generation"), [("restored", "generation"), ("epoch", "next")])
    async def test_files_of_another_epoch_or_generation_are_refused(
        self, index: Index, tmp_path: Path, epoch: str, generation: str
    ) -> None:
        """The view begins empty, and what it writes then is its own."""
        async with index.open_view(spec(tmp_path / "view")) as view:
            await view.apply(batch(5, document(1, 10)))
        async with index.open_view(spec(tmp_path / "view", epoch, generation)) as view:
            assert (view.position, view.durable, await view.count(), await self.keys(view)) == (0, 0, 0, [])
            await view.apply(batch(2, document(1, 11)))
        async with index.open_view(spec(tmp_path / "view", epoch, generation)) as view:
            assert (view.position, await self.keys(view)) == (2, [11])

    @pytest.mark.parametrize("damage", ["truncated", "emptied", "flipped", "removed"])
    async def test_a_damaged_file_is_never_half_believed(self, index: Index, tmp_path: Path, damage: str) -> None:
        """Whichever file it is: the view opens empty at 0, or whole where the file does not matter; then it is filled again."""
        change = batch(3, document(1, 10, 11), document(2, 20))
        async with index.open_view(spec(tmp_path / "view")) as view:
            await view.apply(batch(2, document(3, 30)))
            await view.flush()
            await view.apply(change)
        refused = 0
        for name in [path.relative_to(tmp_path / "view") for path in (tmp_path / "view").rglob("*") if path.is_file()]:
            shutil.copytree(tmp_path / "view", tmp_path / "damaged")
            path = tmp_path / "damaged" / name
            content = path.read_bytes()
            middle = len(content) // 2
            flipped = (
                content[:middle] + bytes(byte ^ 1 for byte in content[middle : middle + 1]) + content[middle + 1 :]
            )
            path.write_bytes({"truncated": content[:middle], "flipped": flipped}.get(damage, b""))
            if damage == "removed":
                path.unlink()
            async with index.open_view(spec(tmp_path / "damaged")) as view:
                found = (view.position, view.durable, await view.count(), await self.keys(view))
                assert found in [(0, 0, 0, []), (3, 3, 4, [10, 11, 20, 30])], name
                refused += view.position == 0
                await view.apply(change)
                assert {10, 11, 20} <= set(await self.keys(view)), name
            shutil.rmtree(tmp_path / "damaged")
        assert refused

    async def test_a_reset_view_is_empty_on_disk_too(self, index: Index, tmp_path: Path) -> None:
        """At position 0, and can be filled again."""
        async with index.open_view(spec(tmp_path / "view")) as view:
            await view.apply(batch(4, document(1, 10)))
            await view.flush()
            await view.apply(batch(5, document(2, 20)))
            await view.reset()
            assert (view.position, view.durable, await view.count(), await self.keys(view)) == (0, 0, 0, [])
            crashed = copied(tmp_path / "view", tmp_path / "crashed")
            await view.apply(batch(1, document(1, 11)))
            assert await self.keys(view) == [11]
        async with index.open_view(spec(crashed)) as view:
            assert (view.position, await self.keys(view)) == (0, [])

    async def test_readers_and_filters_are_obeyed(self, view: SearchableView) -> None:
        """A document without readers follows the collection's default; one with none of the caller's is not found."""
        red = {"colour": "red"}
        await view.apply(
            batch(
                1,
                document(1, 10),
                document(2, 20, attributes=Attributes(metadata=red, readers=frozenset({"user:ada"}))),
                document(3, 30, attributes=Attributes(metadata=red, readers=frozenset({"group:crew"}))),
                document(4, 40, attributes=Attributes(metadata={"colour": True}, readers=frozenset())),
                document(5, 50, attributes=Attributes(metadata={"colour": 1.0}, readers=None)),
            )
        )
        ada, crew = frozenset({"user:ada"}), frozenset({"group:crew", "user:bo"})
        colour = Comparison(field="colour", operator=Operator.EQUAL, value="red")
        one = Comparison(field="colour", operator=Operator.EQUAL, value=1.0)
        true = Comparison(field="colour", operator=Operator.EQUAL, value=True)
        for principals, default, filter_, expected in [
            (ada, True, None, [10, 20, 50]),
            (ada, False, None, [20]),
            (crew, True, colour, [30]),
            (crew, False, one, []),
            (ada, True, one, [50]),
            (ada, True, true, []),
            (frozenset[str](), False, None, []),
        ]:
            visibility = Visibility(principals=principals, default_readable=default, filter=filter_)
            assert await self.keys(view, visibility) == expected

    async def test_attributes_move_without_new_passages(self, view: SearchableView) -> None:
        """A document whose readers changed keeps its passage keys."""
        await view.apply(batch(1, document(1, 10, 11)))
        await self.keys(view)
        await view.apply(batch(2, document(1, 10, 11, attributes=Attributes(metadata={}, readers=frozenset()))))
        assert await self.keys(view) == []
        await view.apply(batch(3, document(1, 10, 11)))
        assert await self.keys(view) == [10, 11]

    @pytest.mark.parametrize("limit", [0, 1, 2, 3, 50])
    async def test_a_limit_bounds_the_hits(self, view: SearchableView, limit: int) -> None:
        """Fewer come where fewer are; the best come first whatever the limit."""
        await view.apply(batch(1, document(1, 10, 11), document(2, 20)))
        every = (await view.search(self.query(EVERYONE, MANY))).hits
        some = (await view.search(self.query(EVERYONE, limit))).hits
        assert len(some) == min(limit, 3)
        assert [hit.score for hit in some] == pytest.approx([hit.score for hit in every[:limit]], abs=1e-4)

    async def test_searches_beside_applying_see_whole_documents(self, view: SearchableView) -> None:
        """A document never vanishes, and never shows two versions, while it is replaced."""
        done = asyncio.Event()

        async def write() -> None:
            for version in range(1, 15):
                await view.apply(batch(version, document(1, *range(version * 10, version * 10 + 3))))
                if version % 5 == 0:
                    await view.flush()
            done.set()

        await view.apply(batch(1, document(1, 10, 11, 12)))
        async with asyncio.TaskGroup() as group:
            group.create_task(write())
            while not done.is_set():
                found = await self.keys(view)
                assert found == list(range(found[0], found[0] + 3))
                await asyncio.sleep(0)
        assert await self.keys(view) == [140, 141, 142]

    async def test_a_cancelled_apply_leaves_the_view_whole(self, view: SearchableView) -> None:
        """It happened or it did not, and it can be applied again."""
        await view.apply(batch(1, document(1, 10)))
        for position in range(2, 8):
            applying = asyncio.create_task(view.apply(batch(position, document(1, position * 10, position * 10 + 1))))
            await asyncio.sleep(0.002 * (position - 2))
            applying.cancel()
            await asyncio.gather(applying, return_exceptions=True)
            await view.apply(batch(position, document(1, position * 10, position * 10 + 1)))
            assert (view.position, await self.keys(view)) == (position, [position * 10, position * 10 + 1])
        assert await view.count() == 2

    async def test_views_of_two_directories_are_apart(self, index: Index, tmp_path: Path) -> None:
        """Both open at once."""
        async with index.open_view(spec(tmp_path / "a")) as a, index.open_view(spec(tmp_path / "b")) as b:
            await asyncio.gather(a.apply(batch(1, document(1, 10))), b.apply(batch(2, document(1, 11))))
            assert (await self.keys(a), await self.keys(b)) == ([10], [11])
            await a.reset()
            assert await self.keys(b) == [11]

    @PROPERTY
    @given(history=histories, asked=st.lists(visibilities, min_size=1, max_size=4))
    async def test_random_histories_agree_with_plain_python(
        self, index: Index, tmp_path: Path, history: list[Step], asked: list[Visibility]
    ) -> None:
        """Changes, flushes, restarts and crashes in any order."""
        log = batches(history)
        directories = (tmp_path / f"history-{number}" for number in itertools.count())
        directory = next(each for each in directories if not each.exists())
        model = Model()
        async with AsyncExitStack() as crashed:
            view = await crashed.enter_async_context(index.open_view(spec(directory)))
            for position, (change, step) in enumerate(zip(log, history, strict=True), 1):
                await view.apply(change)
                model.apply(change)
                if step.then == "flush":
                    await view.flush()
                elif step.then == "reopen":
                    await crashed.aclose()
                    view = await crashed.enter_async_context(index.open_view(spec(directory)))
                elif step.then == "crash":
                    directory = copied(directory, directory.with_name(f"{directory.name}-{position}"))
                    await crashed.aclose()
                    view = await crashed.enter_async_context(index.open_view(spec(directory)))
                    for lost in log[view.position : position]:
                        await view.apply(lost)
                for visibility in asked:
                    expected = sorted(each.key for each in model.visible(visibility))
                    assert await self.keys(view, visibility) == expected
                    assert len(await self.keys(view, visibility, 2)) == min(2, len(expected))


class VectorIndexConformance(ViewConformance):
    """Suite of `VectorIndex`: give the fixture `index`."""

    def query(self, visibility: Visibility, limit: int) -> VectorQuery:
        """Every passage has a product with it."""
        vector = np.ones(DIMENSION, dtype=np.float32) / np.sqrt(DIMENSION, dtype=np.float32)
        return VectorQuery(context=CONTEXT, vector=vector, limit=limit, visibility=visibility)

    async def test_the_score_is_the_inner_product(self, view: SearchableView) -> None:
        """To the precision of half floats."""
        await view.apply(batch(1, document(1, *range(20))))
        await view.flush()
        await view.apply(batch(2, document(2, *range(20, 40))))
        request = self.query(EVERYONE, 40)
        products = {key: float(np.dot(_vector(passage(key)), request.vector)) for key in range(40)}
        hits = (await view.search(request)).hits
        assert [hit.key for hit in hits[:5]] == sorted(products, key=lambda key: -products[key])[:5]
        assert [hit.score for hit in hits] == pytest.approx([products[hit.key] for hit in hits], abs=2e-3)

    async def test_a_passage_without_vector_is_not_found(self, view: SearchableView) -> None:
        """A batch may come without vectors."""
        bare = IndexedPassage(key=PassageKey(11), text=COMMON, vector=None)
        await view.apply(batch(1, document(1, 10), _document(2, bare)))
        assert await self.keys(view) in ([10], [10, 11])

    @pytest.mark.parametrize("share", [1.0, 0.1, 0.01, 0.001, 0.0001])
    async def test_filtered_searches_keep_their_recall(self, index: Index, tmp_path: Path, share: float) -> None:
        """At every share of passages that pass, in files and fresh: recall@10 at least 0.98 against plain numpy."""
        rows, dimension, size = 20_000, 32, 10
        rng = np.random.default_rng(3)
        vectors = rng.standard_normal((rows, dimension)).astype(np.float32)
        vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
        passing = rng.permutation(rows) < max(1, round(rows * share))
        red = Attributes(metadata={"colour": "red"}, readers=None)

        def change(row: int) -> DocumentChange:
            bare = IndexedPassage(key=PassageKey(row), text="", vector=vectors[row])
            return _document(row, bare, red if passing[row] else OPEN)

        only_red = Visibility(
            principals=frozenset(),
            default_readable=True,
            filter=Comparison(field="colour", operator=Operator.EQUAL, value="red"),
        )
        async with index.open_view(spec(tmp_path / "view", dimension=dimension)) as view:
            await view.apply(batch(1, *map(change, range(rows * 4 // 5))))
            await view.flush()
            await view.apply(batch(2, *map(change, range(rows * 3 // 5, rows))))
            found = wanted = 0
            for probe in rng.integers(0, rows, size):
                query = vectors[probe].astype(np.float32)
                scores = np.where(passing, np.einsum("ij,j->i", vectors.astype(np.float32), query), -np.inf)
                best = set(np.argsort(-scores)[: min(10, int(passing.sum()))].tolist())
                request = VectorQuery(context=CONTEXT, vector=query, limit=10, visibility=only_red)
                keys = [hit.key for hit in (await view.search(request)).hits]
                assert all(passing[key] for key in keys)
                assert len(keys) == len(best)
                found, wanted = found + len(best & set(keys)), wanted + len(best)
        assert found / wanted >= 0.98


class LexicalIndexConformance(ViewConformance):
    """Suite of `LexicalIndex`: give the fixture `index`."""

    def query(self, visibility: Visibility, limit: int) -> LexicalQuery:
        """Every passage has its word."""
        return self.words(COMMON, visibility, limit)

    def words(self, text: str, visibility: Visibility = EVERYONE, limit: int = MANY) -> LexicalQuery:
        """A search for this text."""
        return LexicalQuery(context=CONTEXT, text=text, limit=limit, visibility=visibility)

    async def found(self, view: SearchableView, text: str) -> list[int]:
        """Keys, best first."""
        hits = (await view.search(self.words(text))).hits
        assert all(hit.score > 0 for hit in hits)
        return [hit.key for hit in hits]

    async def test_passages_with_a_word_are_found(self, view: SearchableView) -> None:
        """In any case, with any punctuation; a rare word counts for more than a frequent one."""
        texts = ["The Harbour opens at dawn.", "A ticket, a dog", "Dog ticket: harbour!", "kelp"]
        changes = [_document(n, IndexedPassage(key=PassageKey(n), text=t, vector=None)) for n, t in enumerate(texts)]
        await view.apply(batch(1, *changes))
        assert sorted(await self.found(view, "harbour")) == [0, 2]
        assert sorted(await self.found(view, "HARBOUR?")) == [0, 2]
        assert (await self.found(view, "dog kelp"))[0] == 3
        assert (await self.found(view, "harbour dog ticket"))[0] == 2
        assert await self.found(view, "unicorn") == []
        assert await self.found(view, "unicorn kelp") == [3]

    @pytest.mark.parametrize("text", ["", " ", "?!", "\x00", "\ud800", "()", '"', "\n\t", "🙂"])
    async def test_a_text_without_words_finds_nothing(self, view: SearchableView, text: str) -> None:
        """And is no error."""
        await view.apply(batch(1, document(1, 10)))
        assert await self.found(view, text) == []

    @pytest.mark.parametrize(
        "text",
        [
            'body:ferry AND "ferry (', "ferry:*", "+ferry -ferry", "[ferry TO z]", "ferry^2~3", "NOT ferry", "key:10 ferry",
            "ferry " * 2000, " ".join(f"w{n}" for n in range(5000)) + " ferry", "ferry " + "x" * 100_000, "ferry \udcff\x00",
        ],
    )  # fmt: skip
    async def test_nothing_in_a_text_is_syntax(self, view: SearchableView, text: str) -> None:
        """Quotes, colons, operators and 10,000 characters are words or nothing."""
        await view.apply(
            batch(1, document(1, 10), _document(2, IndexedPassage(key=PassageKey(20), text="kelp", vector=None)))
        )
        assert await self.found(view, text) == [10]

    async def test_any_text_can_be_indexed(self, view: SearchableView) -> None:
        """No text, other scripts, very long words, unpaired surrogates."""
        texts = ["", "\x00 kelp", "渡し船 паром", "x" * 100_000 + " kelp", "kelp \ud800", "kelp " * 50_000]
        await view.apply(
            batch(
                1, *(_document(n, IndexedPassage(key=PassageKey(n), text=t, vector=None)) for n, t in enumerate(texts))
            )
        )
        assert sorted(await self.found(view, "kelp")) == [1, 3, 4, 5]
        assert await self.found(view, "ПАРОМ") == [2]

    @PROPERTY
    @given(
        texts=st.lists(st.lists(st.sampled_from(WORDS), max_size=4), min_size=1, max_size=8),
        asked=st.lists(st.sampled_from(WORDS), max_size=3),
        limit=st.integers(1, 5),
    )
    async def test_words_agree_with_plain_python(
        self, index: Index, tmp_path: Path, texts: list[list[str]], asked: list[str], limit: int
    ) -> None:
        """Exactly the passages that have one of the words."""
        directory = next(each for each in (tmp_path / str(n) for n in itertools.count()) if not each.exists())
        changes = [
            _document(n, IndexedPassage(key=PassageKey(n), text=" ".join(words), vector=None))
            for n, words in enumerate(texts)
        ]
        async with index.open_view(spec(directory)) as view:
            await view.apply(batch(1, *changes))
            found = await self.found(view, " ".join(asked))
            assert sorted(found) == [n for n, words in enumerate(texts) if set(words) & set(asked)]
            some = (await view.search(self.words(" ".join(asked), limit=limit))).hits
            every = (await view.search(self.words(" ".join(asked)))).hits
            assert [hit.score for hit in some] == [hit.score for hit in every[:limit]]


def _document(key: int, passage: IndexedPassage, attributes: Attributes = OPEN) -> DocumentChange:
    return DocumentChange(document=DocumentKey(key), attributes=attributes, language=None, passages=(passage,))


def _vector(passage: IndexedPassage) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    assert passage.vector is not None
    return passage.vector.astype(np.float32)
