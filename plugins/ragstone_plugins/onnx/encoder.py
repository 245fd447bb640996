"""An ONNX sentence encoder in a session of onnxruntime: token ids of one text in, its vector out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.onnx.errors import ModelFailed, ModelUnsupported
from ragstone_plugins.onnx.pooling import Pooling, normalise, pool
from ragstone_plugins.onnx.session import integers_of, opened

_IDS = "input_ids"
_CONSTANT_INPUTS = {"attention_mask": 1, "token_type_ids": 0}
"""One text a call has no padding and no second part, so these are the same for every token."""
_SENTENCE_OUTPUTS = ("sentence_embedding", "sentence_embeddings", "text_embeds", "embeddings")


class Encoder:
    """A session that several threads share; each call runs in the thread that makes it, and releases the GIL."""

    def __init__(self, session: Any, pooling: Pooling) -> None:
        self._session = session
        self._pooling = pooling
        self._inputs: Mapping[str, Any] = _inputs(session)
        self._output, self.puts_out_sentences = _output(session)
        self.dimension = int(self.encode(np.zeros((1, 1), np.int64)).shape[0])
        """Length of a vector."""

    @classmethod
    def open(cls, graph: Path | bytes, pooling: Pooling) -> Self:
        """Load a graph, from its file or as it is in memory.

        Raises:
            ModelDamaged: it cannot be loaded.
            ModelUnsupported: its inputs or outputs are not those of a sentence encoder.
        """
        return cls(opened(graph), pooling)

    def encode(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """The vector (d,), of length 1, of the one text with these ids (1, t).

        Raises:
            ModelFailed: the graph failed, or put out something that is not finite.
        """
        feed = {
            name: np.full(ids.shape, _CONSTANT_INPUTS[name], kind)
            for name, kind in self._inputs.items()
            if name != _IDS
        }
        feed[_IDS] = ids.astype(self._inputs[_IDS], copy=False)
        try:
            (found,) = self._session.run([self._output], feed)
        except Exception as error:  # see above
            raise ModelFailed(f"The embedding model failed on a text of {ids.shape[1]} tokens: {error}") from error
        # What is not finite is an error of ours below, not a warning of numpy's.
        with np.errstate(all="ignore"):
            pooled = found if self.puts_out_sentences else pool(found, self._pooling)
            vector: NDArray[np.float32] = normalise(pooled)[0]
        if not np.isfinite(vector).all():
            raise ModelFailed("The embedding model put out a vector that is not finite.")
        return vector


def _inputs(session: Any) -> dict[str, Any]:
    """Integer type of each input by its name."""
    return integers_of(session, _IDS, *_CONSTANT_INPUTS)


def _output(session: Any) -> tuple[str, bool]:
    """The output to read, and whether it is the text's vector already (else those of its tokens)."""
    ranks = {put.name: len(put.shape) for put in session.get_outputs()}
    for name in _SENTENCE_OUTPUTS:
        if ranks.get(name) == 2:
            return name, True
    # Before any other vector of the text: what is called pooler_output was trained for another task.
    for wanted, pooled in ((3, False), (2, True)):
        for name, rank in ranks.items():
            if rank == wanted:
                return name, pooled
    raise ModelUnsupported(f"The graph puts out {', '.join(ranks)}: neither vectors of tokens nor one of the text.")
