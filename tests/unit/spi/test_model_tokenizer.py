"""Batches, tokens and waits, by themselves."""

from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragstone_plugins.litellm_provider.batches import batches
from ragstone_plugins.litellm_provider.faults import failure
from ragstone_server.spi.errors import StartError
from ragstone_server.spi.generator import Fault
from ragstone_server.spi.model_tokenizer import SLICE, PieceTokenizer, counter, guessed_tokens
from tests.models import MODELS

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@given(st.lists(st.integers(1, 20)), st.integers(1, 5), st.integers(1, 30))
def test_batches_cover_everything_in_order_within_the_limits(sizes: list[int], items: int, total: int) -> None:
    ranges = list(batches(sizes, items, total))
    assert list(chain.from_iterable(ranges)) == list(range(len(sizes)))
    assert all(0 < len(each) <= items for each in ranges)
    assert all(len(each) == 1 or sum(sizes[i] for i in each) <= total for each in ranges)


@given(st.text())
def test_pieces_lie_in_the_text_and_leave_out_blanks_only(text: str) -> None:
    offsets = PieceTokenizer().offsets(text).tolist()
    kept = "".join(text[start:end] for start, end in offsets)
    assert "".join(kept.split()) == "".join(text.split())
    assert all(0 < end - start <= 4 for start, end in offsets)
    assert offsets == sorted(offsets)


def test_a_model_counts_by_its_own_tokenizer_named_by_its_file_or_its_directory(tmp_path: Path) -> None:
    model = MODELS / "all-minilm-l6-v2"
    text = "The embarkation for Nordvik closes at \ud800 nine. " * 400
    counts = {counter(str(path))(text) for path in (model, model / "tokenizer.json")}
    assert len(counts) == 1
    assert counts.pop() == 4_000  # neither truncated nor padded
    with pytest.raises(StartError, match="cannot be read as a tokenizer"):
        counter(str(tmp_path))


@pytest.mark.parametrize(
    "text", ["a, b\n" * 50, "The ferry leaves at nine.\n\n" * 9, "WARNING: x9Kp", "\U0001f6a2 ok", "渡轮每天早上九点"]
)
def test_the_guess_is_rather_too_high(text: str) -> None:
    assert counter("")(text) == guessed_tokens(text) >= counter(str(MODELS / "all-minilm-l6-v2"))(text)


@given(st.text(), st.integers(1, 3))
def test_a_long_text_is_guessed_slice_by_slice(text: str, times: int) -> None:
    long = text.ljust(SLICE, "x")[:SLICE]
    assert guessed_tokens(long * times) == guessed_tokens(long) * times
    assert guessed_tokens(text) >= len("".join(text.split())) / 4


def test_an_error_that_is_not_known_is_no_answer() -> None:
    assert failure(KeyError("secret"), NOW).fault is Fault.MALFORMED
    assert failure(KeyError("secret"), NOW, begun=True).fault is Fault.REPORTED
    assert "secret" not in failure(KeyError("secret"), NOW).message
