"""A cross-encoder in ONNX: a question and a passage in, how well the passage answers it out."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.onnx.errors import ModelDamaged, ModelFailed, ModelNotFound, ModelUnsupported
from ragstone_plugins.onnx.published import PublishedModel
from ragstone_plugins.onnx.session import integers_of, opened

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

_IDS, _TYPES, _MASK = "input_ids", "token_type_ids", "attention_mask"
_LONGEST_TOKEN = 64
"""Characters a token that are looked at, about: the rest of a passage would be cut off anyway."""


class CrossEncoder:
    """Its methods block, release the GIL where they compute, and may be called in several threads.

    Each pair runs by itself, not in a padded batch: a passage has the same score whatever stands beside it.
    """

    def __init__(self, pairs: "Tokenizer", questions: "Tokenizer", session: Any, max_tokens: int) -> None:
        self._pairs = pairs
        self._questions = questions
        self._session = session
        self._max_tokens = max_tokens
        self._inputs: Mapping[str, Any] = integers_of(session, _IDS, _MASK, _TYPES)
        self._output = _output(session)
        self.scores("a", ["b"])  # what puts out something else shows it now

    @classmethod
    def open(cls, directory: Path, max_tokens: int | None = None) -> Self:
        """Load `tokenizer.json` and `model.onnx`, which may lie in `onnx/`. `max_tokens` None: as many as the model takes, to 512.

        Raises:
            ModelNotFound: the directory, or one of them, is not there.
            ModelDamaged: a file cannot be read.
            ModelUnsupported: the graph is none of a cross-encoder.
        """
        if not directory.is_dir():
            raise ModelNotFound(f"There is no reranking model in {directory}; put tokenizer.json and model.onnx there.")
        published = PublishedModel.read(directory)
        graph = published.graph(None)
        if graph is None:
            raise ModelNotFound(f"{directory} holds no model.onnx, nor does its folder onnx; export the model to ONNX.")
        limit = min(max_tokens or published.max_tokens, published.positions)
        return cls(*_tokenizers(published.tokenizer, limit), opened(graph), limit)

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """One a passage, 0 to 1. Of a pair that is too long the passage is cut, of the question what exceeds half.

        Raises:
            ModelFailed: the graph failed on a pair, or put out something that is not finite.
        """
        question = self._shortened(question)
        most = self._max_tokens * _LONGEST_TOKEN
        pairs = [(question, _well_formed(passage[:most])) for passage in passages]
        return [self._score(encoding) for encoding in self._pairs.encode_batch(pairs)]

    def _score(self, encoding: "Encoding") -> float:
        values = {_IDS: encoding.ids, _TYPES: encoding.type_ids, _MASK: encoding.attention_mask}
        feed = {name: np.array([values[name]], kind) for name, kind in self._inputs.items()}
        try:
            (found,) = self._session.run([self._output], feed)
        except Exception as error:  # the library's errors share no root of their own
            raise ModelFailed(f"The reranking model failed on {len(encoding.ids)} tokens: {error}") from error
        logits = np.asarray(found, np.float64).reshape(-1)
        if not np.isfinite(logits).all():
            raise ModelFailed("The reranking model put out something that is not finite.")
        return _probability(logits)

    def _shortened(self, question: str) -> str:
        question = _well_formed(question[: self._max_tokens * _LONGEST_TOKEN])
        (encoding,) = self._questions.encode_batch([question], add_special_tokens=False)
        half = self._max_tokens // 2 - 2
        return question if len(encoding.ids) <= half else question[: encoding.offsets[half - 1][1]]


def _probability(logits: NDArray[np.float64]) -> float:
    """Sigmoid of one logit; of two, the share of the second, which says that the passage answers."""
    margin = logits[0] if len(logits) == 1 else logits[1] - logits[0]
    return float(1 / (1 + np.exp(-np.clip(margin, -700, 700))))


def _output(session: Any) -> str:
    for put in session.get_outputs():
        sizes = [size for size in put.shape[1:] if isinstance(size, int)]
        if len(put.shape) <= 2 and (not sizes or sizes[0] in (1, 2)):
            return str(put.name)
    shapes = ", ".join(f"{put.name} {put.shape}" for put in session.get_outputs())
    raise ModelUnsupported(f"The graph puts out {shapes}; a cross-encoder puts out one or two numbers a pair.")


def _tokenizers(path: Path, max_tokens: int) -> tuple["Tokenizer", "Tokenizer"]:
    """One cuts the second of a pair, the other cuts nothing."""
    # The server owns the threads, and the tokenizers' own ones would not survive a fork.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    from tokenizers import Tokenizer

    try:
        pairs, whole = Tokenizer.from_file(str(path)), Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise ModelDamaged(f"{path} cannot be read as a tokenizer ({error}); get the model again.") from error
    for tokenizer in (pairs, whole):
        tokenizer.no_padding()
        tokenizer.no_truncation()
    pairs.enable_truncation(max_tokens, strategy="only_second")
    return pairs, whole


def _well_formed(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
