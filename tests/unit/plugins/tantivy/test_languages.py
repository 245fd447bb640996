"""Questions of a view whose documents are in many languages."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ragstone_plugins.tantivy import analysis, schema, store
from ragstone_plugins.tantivy.index import TantivyIndex
from ragstone_plugins.tantivy.position_file import FORMAT
from ragstone_plugins.tantivy.settings import TantivySettings
from ragstone_plugins.tantivy.view import TantivyView
from ragstone_server.spi.positions import DocumentKey, PassageKey
from ragstone_server.spi.views import DocumentChange, IndexedPassage, LexicalQuery
from ragstone_server.testing.conformance.view_base import spec
from ragstone_server.testing.conformance.view_samples import CONTEXT, EVERYONE, OPEN, batch
from ragstone_server.testing.memory.host import MemoryHost
from tests.unit.plugins.tantivy.sentences import SENTENCES

NUMBER = {language: number for number, language in enumerate(SENTENCES, 1)}


def _document(number: int, text: str, language: str | None) -> DocumentChange:
    passage = IndexedPassage(key=PassageKey(number), text=text, vector=None)
    return DocumentChange(document=DocumentKey(number), attributes=OPEN, language=language, passages=(passage,))


@pytest.fixture
async def view(tmp_path: Path) -> AsyncIterator[TantivyView]:
    async with (
        MemoryHost(tmp_path, tmp_path) as host,
        TantivyIndex(TantivySettings(), host).open_view(spec(tmp_path / "view")) as view,
    ):
        yield view


@pytest.fixture
async def babel(view: TantivyView) -> TantivyView:
    await view.apply(batch(1, *(_document(NUMBER[tag], each.passage, tag) for tag, each in SENTENCES.items())))
    return view


async def _found(view: TantivyView, text: str) -> list[int]:
    request = LexicalQuery(context=CONTEXT, text=text, limit=100, visibility=EVERYONE)
    return [hit.key for hit in (await view.search(request)).hits]


@pytest.mark.parametrize("language", SENTENCES)
async def test_a_passage_is_found_by_the_stem_of_its_language(babel: TantivyView, language: str) -> None:
    sentence = SENTENCES[language]
    assert sentence.asked.lower() not in sentence.passage.lower().replace(",", "").split()
    assert NUMBER[language] in await _found(babel, sentence.asked)


@pytest.mark.parametrize("language", SENTENCES)
@pytest.mark.parametrize("known_as", [None, "en", "cs", "tr", "the truth"])
async def test_a_word_finds_its_passage_whatever_its_language_is_held_to_be(
    view: TantivyView, language: str, known_as: str | None
) -> None:
    tag = language if known_as == "the truth" else known_as
    await view.apply(
        batch(1, _document(1, SENTENCES[language].passage, tag), _document(2, "Timetables of trains", "en"))
    )
    assert await _found(view, SENTENCES[language].exact) == [1]


async def test_stems_of_two_languages_do_not_meet(view: TantivyView) -> None:
    """English takes the ending off, Czech has no stemmer here."""
    await view.apply(batch(1, _document(1, "The dogs of Bremen", "en"), _document(2, "Die dogs aus Bremen", "cs")))
    assert await _found(view, "dog") == [1]
    assert sorted(await _found(view, "dogs")) == [1, 2]


async def test_a_name_is_as_rare_in_one_language_as_in_all(view: TantivyView) -> None:
    """By itself it would be a rarity among the few German passages, and come first there for that alone."""
    english = [_document(n, f"Kafka keeps the messages of topic number {n}", "en") for n in range(1, 200)]
    await view.apply(batch(1, *english, _document(500, "Kafka schrieb dies und jenes in Prag 7", "de")))
    request = LexicalQuery(context=CONTEXT, text="Kafka", limit=300, visibility=EVERYONE)
    scores = {hit.key: hit.score for hit in (await view.search(request)).hits}
    assert len(scores) == 200
    assert scores[PassageKey(500)] < 1.5 * scores[PassageKey(1)]
    assert (await _found(view, "Kafka topic number 77"))[0] == 77


async def test_the_languages_of_an_index_are_known_after_opening(tmp_path: Path) -> None:
    async with MemoryHost(tmp_path, tmp_path) as host:
        index = TantivyIndex(TantivySettings(), host)
        async with index.open_view(spec(tmp_path / "view")) as view:
            await view.apply(batch(1, _document(1, SENTENCES["de"].passage, "de")))
        async with index.open_view(spec(tmp_path / "view")) as view:
            assert view._snapshot.marks == ("de",)
            assert await _found(view, "Fähre") == [1]
            await view.apply(batch(2, _document(2, SENTENCES["fr"].passage, "fr")))
            assert view._snapshot.marks == ("de", "fr")
            assert await asyncio.gather(_found(view, "navire"), _found(view, "Fähre")) == [[2], [1]]


async def test_a_view_by_other_rules_is_filled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Format of the files, rules of analysis and fields are all in the fingerprint."""
    assert store.FINGERPRINT.endswith(f"-{FORMAT}.{analysis.VERSION}.{schema.VERSION}")
    async with MemoryHost(tmp_path, tmp_path) as host:
        index = TantivyIndex(TantivySettings(), host)
        async with index.open_view(spec(tmp_path / "view")) as view:
            await view.apply(batch(1, _document(1, SENTENCES["de"].passage, "de")))
        monkeypatch.setattr(store, "FINGERPRINT", "other rules")
        async with index.open_view(spec(tmp_path / "view")) as view:
            assert (view.position, await view.count()) == (0, 0)
