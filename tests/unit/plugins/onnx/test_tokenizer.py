"""Tokens, their limit and their places."""

from pathlib import Path

import numpy as np
import pytest

from ragstone_plugins.onnx.errors import ModelDamaged, ModelUnsupported
from ragstone_plugins.onnx.model import OnnxModel
from ragstone_plugins.onnx.tokenizer import TextTokenizer


@pytest.fixture(scope="module")
def tokenizer(tiny_checkpoint: Path) -> TextTokenizer:
    return TextTokenizer.read(tiny_checkpoint / "tokenizer.json", 48)


def test_the_published_truncation_does_not_hold(real: OnnxModel) -> None:
    """The tokenizer of all-MiniLM-L6-v2 cuts at 128 unless told 256: a passage's second half would not be found."""
    head = "the ship sails " * 65
    one, other = real.embed([head + "to the harbour of Lisbon", head + "because of tax law"])
    assert real.tokenizer.count(head) == 195
    assert one @ other < 0.99
    ids, _ = real.tokenizer.ids([head * 2, ""])
    assert ids.shape == (1, 256)


def test_a_text_is_cut_at_the_limit_and_not_padded(tokenizer: TextTokenizer) -> None:
    long, short, empty = tokenizer.ids(["ferry " * 500, "ferry harbour", ""])
    assert long.shape == (1, 48)
    assert long[0, -1] == 3
    assert short.tolist() == [[2, 82, 83, 3]]
    assert empty.tolist() == [[2, 3]]


def test_offsets_are_those_of_characters(tokenizer: TextTokenizer) -> None:
    text = "Ferry — hÁrbour\u00ad, 🚢 the"
    assert [text[start:end] for start, end in tokenizer.offsets(text)] == [
        "Ferry", "—", "hÁrbour", ",", "🚢", "the",
    ]  # fmt: skip
    assert tokenizer.offsets(text).dtype == np.int32


@pytest.mark.parametrize("text", ["", " \n\t "])
def test_a_text_without_tokens_has_no_offsets(tokenizer: TextTokenizer, text: str) -> None:
    assert tokenizer.offsets(text).shape == (0, 2)
    assert tokenizer.count(text) == 0


@pytest.mark.parametrize("separator", ["\n", " ", "\n\n"])
def test_long_texts_have_the_offsets_of_short_ones(tokenizer: TextTokenizer, separator: str) -> None:
    words = ["ferry", "harbour", "the", "boat9"] * 3000
    offsets = tokenizer.offsets(separator.join(words))
    unit = tokenizer.offsets("ferry" + separator + "harbour" + separator + "the" + separator + "boat9")
    step = len("ferryharbourtheboat9") + 4 * len(separator)
    expected = unit[None] + np.arange(3000)[:, None, None] * step
    assert np.array_equal(offsets, expected.reshape(-1, 2))
    assert tokenizer.count(separator.join(words)) == len(offsets)


def test_a_text_without_any_boundary_is_cut_somewhere(tokenizer: TextTokenizer) -> None:
    offsets = tokenizer.offsets("," * 50_000)
    assert np.array_equal(offsets[:, 0], np.arange(50_000))


def test_half_a_surrogate_pair_is_a_character_like_others(tokenizer: TextTokenizer) -> None:
    assert tokenizer.offsets("ferry \ud800 the").tolist() == [[0, 5], [8, 11]]
    assert tokenizer.ids(["\udfff"])[0].shape[0] == 1


def test_a_book_is_cut_to_what_counts(tokenizer: TextTokenizer) -> None:
    (ids,) = tokenizer.ids(["ferry harbour " * 2_000_000])
    assert ids.shape == (1, 48)


def test_a_file_that_is_no_tokenizer_says_so(tmp_path: Path, tiny_checkpoint: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelDamaged, match="pull the model again"):
        TextTokenizer.read(tmp_path / "tokenizer.json", 256)
    with pytest.raises(ModelUnsupported):
        TextTokenizer.read(tiny_checkpoint / "tokenizer.json", 2)
