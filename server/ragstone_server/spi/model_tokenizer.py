"""Tokens of a provider's model: by its own `tokenizer.json`, or by a guess that is rather too high."""

import os
import re
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


def tokenizer(path: str) -> Tokenizer:
    """The tokenizer of this file, or the guess where the path is empty. Blocks. Raises `StartError`."""
    if not path:
        return PieceTokenizer()
    # The server owns the threads, and the tokenizers' own ones would not survive a fork.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from tokenizers import Tokenizer as File

    try:
        file = File.from_file(str(Path(path).expanduser()))
    except Exception as error:  # the library raises nothing narrower
        raise StartError(
            f"{path} cannot be read as a tokenizer; name the tokenizer.json of the model, or leave it out."
        ) from error
    file.no_padding()
    file.no_truncation()
    return FileTokenizer(file)


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
        whole = text if text.isascii() else _SURROGATE.sub("\ufffd", text)
        # A batch of one: unlike a single text, it releases the GIL.
        places = self._file.encode_batch([whole], add_special_tokens=False)[0].offsets
        return np.fromiter(chain.from_iterable(places), np.int32, 2 * len(places)).reshape(-1, 2)
