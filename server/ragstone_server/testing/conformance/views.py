"""Suites of the two kinds of views: every promise of `spi.views` is a test.

A subclass gives the fixture `index`, an opened stage; see `tests/conformance`. A property test compares a view with
plain Python over random histories of changes, flushes, restarts and crashes.
"""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone_server.spi.filters import Comparison, Operator
from ragstone_server.spi.positions import DocumentKey, PassageKey
from ragstone_server.spi.views import (
    DocumentChange,
    IndexedPassage,
    LexicalQuery,
    VectorQuery,
)
from ragstone_server.spi.visibility import Attributes, Visibility
from ragstone_server.testing.conformance.view_applying import ApplyingConformance
from ragstone_server.testing.conformance.view_base import MANY, PROPERTY, Index, SearchableView, spec
from ragstone_server.testing.conformance.view_samples import (
    COMMON,
    CONTEXT,
    DIMENSION,
    EVERYONE,
    OPEN,
    WORDS,
    batch,
    document,
    passage,
)
from ragstone_server.testing.conformance.view_survival import SurvivalConformance
from ragstone_server.testing.conformance.view_verifying import VerifyingConformance

__all__ = ["PROPERTY", "LexicalIndexConformance", "VectorIndexConformance", "ViewConformance"]


class ViewConformance(ApplyingConformance, SurvivalConformance, VerifyingConformance):
    """What a vector and a lexical view have in common."""


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
