"""Tokens of a provider's model: by its own `tokenizer.json`, or by a guess that is rather too high."""

import os
import re
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ragstone_server.spi.errors import StartError
from ragstone_server.spi.tokenizer import Tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer as File

_PIECE = re.compile(r"[a-z]{1,4}|[^\W_]|[^\w\s]|_", re.IGNORECASE | re.ASCII)
_WIDE = re.compile(r"[a-z]{1,4}|\S", re.IGNORECASE)
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_GUESSED = re.compile(r"[A-Z]{2}|[A-Za-z][a-z]{0,3}|\n+|\S")
_FAR = re.compile(r"[\u0800-\uffff]")
"""Three bytes of UTF-8: about four tokens for three characters, in the vocabularies that have fewest of them."""
_FARTHEST = re.compile(r"[\U00010000-\U0010ffff]")
"""Four bytes, most of them pictures: up to three tokens each."""
SLICE = 16_384
"""Characters of a text that the guess looks at in one go: a search holds the interpreter until it ends."""


def tokenizer(path: str) -> Tokenizer:
    """The tokenizer of this file, or the pieces where the path is empty. Blocks. Raises `StartError`."""
    return FileTokenizer(_file(path)) if path else PieceTokenizer()


def counter(path: str) -> Callable[[str], int]:
    """Counts by the tokenizer of this file, or by the guess where the path is empty. Blocks. Raises `StartError`.

    The counter is safe to call from several threads.
    """
    if not path:
        return guessed_tokens
    file = _file(path)
    return lambda text: len(file.encode_batch_fast([_encodable(text)], add_special_tokens=False)[0])


def guessed_tokens(text: str) -> int:
    """Tokens of a text for a vocabulary that is not known: rather too many, by a third in English prose.

    Unlike the pieces, it counts line ends, and takes no letters together across a change of case.
    """
    return sum(_guessed(text[start : start + SLICE]) for start in range(0, len(text), SLICE))


def _guessed(text: str) -> int:
    found = len(_GUESSED.findall(text))
    return found if text.isascii() else found + len(_FAR.findall(text)) // 3 + 2 * len(_FARTHEST.findall(text))


def _file(path: str) -> "File":
    """The tokenizer of this file, or of the directory of a model."""
    # The server owns the threads, and the tokenizers' own ones would not survive a fork.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from tokenizers import Tokenizer as File

    place = Path(path).expanduser()
    try:
        file = File.from_file(str(place / "tokenizer.json" if place.is_dir() else place))
    except Exception as error:  # the library raises nothing narrower
        raise StartError(
            f"{path} cannot be read as a tokenizer; name the tokenizer.json of the model, or leave it out."
        ) from error
    file.no_padding()
    file.no_truncation()
    return file


def _encodable(text: str) -> str:
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


class PieceTokenizer:
    """Fits `spi.tokenizer.Tokenizer`: at most four Latin letters together; any other character is a token by itself.

    Vocabularies of providers take more letters together than that, in all but rare words.
    """

    def offsets(self, text: str) -> NDArray[np.int32]:
        """Character offsets (n, 2) of the n tokens."""
        pattern = _PIECE if text.isascii() else _WIDE
        spans = [match.span() for match in pattern.finditer(text)]
        return np.fromiter(chain.from_iterable(spans), np.int32, 2 * len(spans)).reshape(-1, 2)


class FileTokenizer:
    """Fits `spi.tokenizer.Tokenizer`, over a `tokenizer.json`."""

    def __init__(self, file: "File") -> None:
        self._file = file

    def offsets(self, text: str) -> NDArray[np.int32]:
        """Character offsets (n, 2) of the n tokens."""
        # A batch of one: unlike a single text, it releases the GIL.
        places = self._file.encode_batch([_encodable(text)], add_special_tokens=False)[0].offsets
        return np.fromiter(chain.from_iterable(places), np.int32, 2 * len(places)).reshape(-1, 2)
