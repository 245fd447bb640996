"""Texts become token ids for the model, and tokens with their places for the chunker."""

import os
import re
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.onnx.errors import ModelDamaged, ModelUnsupported

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

_PIECE = 16_000
"""Characters that are tokenised at once: whole texts of megabytes took three times as long, and much memory."""
_LONGEST_TOKEN = 256
"""Characters a token that are looked at when all but `max_tokens` will be cut off: so that a book costs no more than a page."""
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class TextTokenizer:
    """A `tokenizer.json`, read twice: one cuts off at `max_tokens`, one never does. Safe in several threads."""

    def __init__(self, cutting: "Tokenizer", whole: "Tokenizer", max_tokens: int) -> None:
        self._cutting = cutting
        self._whole = whole
        self.max_tokens = max_tokens
        """Tokens of a text that are kept, special tokens included."""
        self.special_tokens: int = cutting.num_special_tokens_to_add(False)
        """How many of them the model adds to each text."""

    @classmethod
    def read(cls, path: Path, max_tokens: int) -> Self:
        """Read a `tokenizer.json`.

        Raises:
            ModelDamaged: it cannot be read.
            ModelUnsupported: no room is left beside the special tokens.
        """
        # The server owns the threads, and the tokenizers' own ones would not survive a fork.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        from tokenizers import Tokenizer

        try:
            cutting, whole = Tokenizer.from_file(str(path)), Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises nothing narrower
            raise ModelDamaged(f"{path} cannot be read as a tokenizer ({error}); pull the model again.") from error
        if cutting.num_special_tokens_to_add(False) >= max_tokens:
            raise ModelUnsupported(f"{max_tokens} tokens leave no room beside the model's special tokens.")
        for tokenizer in (cutting, whole):
            # The file brings its own padding and truncation: all-MiniLM-L6-v2 would cut at 128.
            tokenizer.no_padding()
            tokenizer.no_truncation()
        cutting.enable_truncation(max_tokens)
        return cls(cutting, whole, max_tokens)

    def ids(self, texts: Sequence[str]) -> list[NDArray[np.int64]]:
        """The ids (1, t) that the model reads for each text, special tokens included, cut off at `max_tokens`."""
        limit = self.max_tokens * _LONGEST_TOKEN
        encodings = self._cutting.encode_batch_fast([_well_formed(text[:limit]) for text in texts])
        return [np.array([encoding.ids or [0]], np.int64) for encoding in encodings]

    def count(self, text: str) -> int:
        """Tokens of the text, without special tokens and without a limit."""
        return sum(len(self._encode(piece).ids) for _, piece in _pieces(_well_formed(text)))

    def offsets(self, text: str) -> NDArray[np.int32]:
        """Character offsets (n, 2) of the n tokens of the text, in order, without special tokens, never truncated."""
        parts = [np.empty((0, 2), np.int32)]
        for start, piece in _pieces(_well_formed(text)):
            places = self._encode(piece).offsets
            flat = np.fromiter(chain.from_iterable(places), np.int32, 2 * len(places))
            parts.append(flat.reshape(-1, 2) + np.int32(start))
        return np.concatenate(parts)

    def _encode(self, piece: str) -> "Encoding":
        # A batch of one: unlike a single text, it releases the GIL.
        return self._whole.encode_batch([piece], add_special_tokens=False)[0]


def _well_formed(text: str) -> str:
    """The text with a replacement character for each half of a surrogate pair, which UTF-8 cannot say."""
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Cut into (start, piece) of at most `_PIECE` characters: at an end of line, else at a space, else anywhere."""
    start = 0
    while len(text) - start > _PIECE:
        end = text.rfind("\n", start, start + _PIECE) + 1 or text.rfind(" ", start, start + _PIECE) or start + _PIECE
        end = end if end > start else start + _PIECE
        yield start, text[start:end]
        start = end
    yield start, text[start:]
