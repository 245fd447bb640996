"""Batches, tokens and waits, by themselves."""

from datetime import UTC, datetime
from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from ragstone_plugins.litellm_provider.batches import batches
from ragstone_plugins.litellm_provider.faults import failure
from ragstone_server.spi.generator import Fault
from ragstone_server.spi.model_tokenizer import PieceTokenizer

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


def test_an_error_that_is_not_known_is_no_answer() -> None:
    assert failure(KeyError("secret"), NOW).fault is Fault.MALFORMED
    assert failure(KeyError("secret"), NOW, begun=True).fault is Fault.REPORTED
    assert "secret" not in failure(KeyError("secret"), NOW).message
