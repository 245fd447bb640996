"""What the suite of chunkers does not ask: where `structure` cuts when it may choose."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError

from ragstone_plugins.structure.chunker import StructureChunker
from ragstone_plugins.structure.settings import StructureSettings
from ragstone_server.spi.chunker import Chunk, Chunker, ChunkRequest
from ragstone_server.spi.tokenizer import Tokenizer
from ragstone_server.testing.conformance.chunker import ChunkerConformance
from ragstone_server.testing.conformance.document_samples import document
from ragstone_server.testing.memory.host import MemoryLane
from ragstone_server.testing.memory.tokenizer import MemoryTokenizer

SENTENCE = "The ferry leaves the harbour at seven and comes back at nine."  # 13 tokens


def cut(text: str, max_tokens: int = 250, **settings: int) -> tuple[Chunk, ...]:
    chunker = StructureChunker(StructureSettings(**settings), MemoryLane("bulk", 1))
    return chunker.cut(ChunkRequest(document=document(text), tokenizer=MemoryTokenizer(), max_tokens=max_tokens))


def test_sections_that_are_long_enough_stay_apart() -> None:
    text = "\n\n".join(f"## Part {n}\n\n{' '.join([SENTENCE] * 6)}" for n in range(3))
    chunks = cut(f"# Book\n\n{text}")
    assert [chunk.headings for chunk in chunks] == [("Book",), ("Book", "Part 1"), ("Book", "Part 2")]
    assert chunks[0].text.startswith("# Book\n\n## Part 0")


def test_short_sections_are_joined_under_the_heading_that_they_share() -> None:
    text = "\n\n".join(f"## Part {n}\n\n{SENTENCE}" for n in range(4))
    (chunk,) = cut(f"# Book\n\n{text}", target_tokens=160)[:1]
    assert chunk.headings == ("Book",)
    assert "Part 1" in chunk.text


def test_a_short_section_is_rather_joined_with_its_own_chapter() -> None:
    long = " ".join([SENTENCE] * 6)
    text = f"# One\n\n## A\n\n{long}\n\n## B\n\n{SENTENCE}\n\n# Two\n\n{long}"
    chunks = cut(text)
    assert chunks[-1].headings == ("Two",)
    assert "## A" in chunks[-2].text
    assert "## B" in chunks[-2].text


def test_a_heading_never_stands_alone_at_the_end() -> None:
    for sentences in range(1, 40):
        text = f"{' '.join([SENTENCE] * sentences)}\n\n## Next\n\n{' '.join([SENTENCE] * 12)}\n\n## Last\n\n{SENTENCE}"
        for chunk in cut(text, target_tokens=100, min_tokens=30, overlap_tokens=13):
            assert not chunk.text.rstrip().endswith(("## Next", "## Last"))


def test_sentences_are_whole_and_the_last_one_is_repeated() -> None:
    first, second = cut(" ".join([SENTENCE] * 14), target_tokens=120, min_tokens=20, overlap_tokens=15)
    assert first.text.endswith("nine.")
    assert second.text.startswith("The ferry")
    assert second.range.start == first.range.end - len(SENTENCE)


def test_nothing_is_repeated_over_a_heading() -> None:
    long = " ".join([SENTENCE] * 8)
    first, second = cut(f"# A\n\n{long}\n\n# B\n\n{long}")
    assert second.range.start > first.range.end


def test_a_table_that_fits_is_whole_and_a_longer_one_keeps_its_head() -> None:
    rows = [f"| MV Kittiwake {n} | {n} |" for n in range(60)]
    head = ["| Vessel | Cars |", "|---|---|"]
    (whole,) = cut("\n".join([*head, *rows[:10]]))
    assert whole.text.count("\n") == 11
    first = cut("\n".join([*head, *rows]))[0]
    assert first.text.startswith("| Vessel | Cars |\n|---|---|\n| MV Kittiwake 0")


def test_code_is_kept_whole_and_its_comments_are_no_headings() -> None:
    code = "```python\n" + "\n".join(f"value_{n} = {n}  # note" for n in range(12)) + "\n```"
    chunks = cut(f"{' '.join([SENTENCE] * 9)}\n\n{code}\n\n{' '.join([SENTENCE] * 9)}")
    assert any(code in chunk.text for chunk in chunks)


def test_a_fence_that_is_never_closed_swallows_nothing() -> None:
    text = f"```\n{SENTENCE}\n\n# Next\n\n{' '.join([SENTENCE] * 7)}"
    assert any(chunk.headings == ("Next",) for chunk in cut(text, min_tokens=5))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Dr. Berg met Mr. Lund at 5 p.m. on Monday. They spoke.", 2),
        ("See Fig. 3 and No. 7 of the list. Is it true? Yes! It is.", 4),
        ("Version 3.5 is out, e.g. for J. Smith of the U.S. Navy. Good.", 2),
        ("東京は首都です。人口は多い。はい！", 3),
        ("यह एक है। यह दो है।", 2),
        ("No. The answer is no. Really.", 3),
        ("no marks at all here", 1),
        ("He said “stop.” Then he left.", 2),
        ("Wait… what?", 2),
    ],
)
def test_sentences(text: str, count: int) -> None:
    from ragstone_plugins.structure.sentences import sentence_ends

    assert len(list(sentence_ends(text, 0, len(text)))) + 1 == count


def test_text_without_any_mark_or_space_is_cut() -> None:
    for text in ("word " * 3000, "x" * 100_000, "神戸" * 3000, "😀" * 5000, "ก" * 20_000):
        chunks = cut(text)
        assert len(chunks) > 2
        assert max(len(chunk.text) for chunk in chunks) < 8000


def test_wide_gaps_do_not_make_a_chunk_long() -> None:
    chunks = cut((" " * 500).join(["cell"] * 100))
    assert max(len(chunk.text) for chunk in chunks) < 8000


def test_chunks_leave_room_for_title_and_headings() -> None:
    assert max(chunk.tokens for chunk in cut(" ".join([SENTENCE] * 80), max_tokens=100)) <= 80


async def test_a_long_text_is_cut_in_the_bulk_lane() -> None:
    lane = MemoryLane("bulk", 1)
    chunker = StructureChunker(StructureSettings(), lane)
    text = "\n\n".join(" ".join([SENTENCE] * 9) for _ in range(3000))
    chunks = await chunker(ChunkRequest(document=document(text), tokenizer=MemoryTokenizer(), max_tokens=250))
    lane.executor.shutdown()
    assert len(chunks) > 1000


@pytest.mark.parametrize(
    "text",
    [
        "a\n" * 50_000,
        "# a\n\n" * 20_000,
        "|a|\n" * 50_000,
        "```x\n" * 10_000,
        ". " * 50_000,
        "~~~\n" * 9_999,
        "- a\n" * 30_000,
    ],
)
def test_hostile_texts_are_cut_in_the_end(text: str) -> None:
    assert cut(text)


def test_fingerprint_follows_the_settings() -> None:
    lane = MemoryLane("bulk", 1)
    prints = {
        StructureChunker(settings, lane).fingerprint
        for settings in (
            StructureSettings(),
            StructureSettings(target_tokens=150),
            StructureSettings(min_tokens=50),
            StructureSettings(overlap_tokens=0),
        )
    }
    assert len(prints) == 4


@pytest.mark.parametrize("settings", [{"target_tokens": 50, "min_tokens": 60}, {"target_tokens": 8}, {"size": 3}])
def test_settings_that_make_no_sense_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        StructureSettings(**settings)


class TestWordPieces(ChunkerConformance):
    """With a tokenizer as the embedder has it: a word of more than 100 characters is one token, half of it may be 50."""

    @pytest.fixture
    def tokenizer(self) -> Tokenizer:
        return WordPieces()

    @pytest.fixture
    def chunker(self, tmp_path: Path) -> Chunker:
        return StructureChunker(StructureSettings(target_tokens=64, min_tokens=20), MemoryLane("bulk", 1))


class WordPieces(MemoryTokenizer):
    """Letters of a word are tokens of their own, as far as the word has no more than 100."""

    def offsets(self, text: str) -> NDArray[np.int32]:
        pieces: list[tuple[int, int]] = []
        for start, end in super().offsets(text):
            pieces += [(start, end)] if end - start > 100 else [(i, i + 1) for i in range(start, end)]
        return np.array(pieces, np.int32).reshape(-1, 2)
