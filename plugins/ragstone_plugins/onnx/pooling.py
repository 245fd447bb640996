"""From the vectors of a text's tokens to the vector of the text."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.onnx.errors import ModelUnsupported

_NAMES = {
    "lasttoken": "last",
    # The mean times a number, which the normalisation to length 1 takes out again.
    "mean_sqrt_len_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "last",
    "pooling_mode_mean_sqrt_len_tokens": "mean",
}


class Pooling(StrEnum):
    """How the vectors of tokens become one, by the names that sentence-transformers gives them."""

    CLS = "cls"
    MEAN = "mean"
    MAX = "max"
    LAST = "last"

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Pooling":
        """Read `1_Pooling/config.json` of sentence-transformers, in its old form of flags or its new one of a name.

        Raises:
            ModelUnsupported: no mode, several joined, or one that is not here.
        """
        named = config.get("pooling_mode")
        chosen = (
            {str(named)} if named else {key for key, on in config.items() if key.startswith("pooling_mode_") and on}
        )
        modes = {_NAMES.get(key, key) for key in chosen}
        if len(modes) == 1 and (mode := modes.pop()) in set(cls):
            return cls(mode)
        raise ModelUnsupported(
            f"The model pools its tokens by {', '.join(sorted(chosen)) or 'nothing'}; "
            f"served are models with exactly one of: {', '.join(cls)}."
        )


def pool(tokens: NDArray[np.float32], pooling: Pooling) -> NDArray[np.float32]:
    """Vectors (n, d) of texts from the vectors (n, t, d) of their t tokens, none of which is padding."""
    match pooling:
        case Pooling.CLS:
            pooled = tokens[:, 0]
        case Pooling.MEAN:
            pooled = tokens.mean(axis=1)
        case Pooling.MAX:
            pooled = tokens.max(axis=1)
        case Pooling.LAST:
            pooled = tokens[:, -1]
    return pooled.astype(np.float32, copy=False)


def normalise(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The rows (n, d) at length 1 (L2); a row of zeros becomes the first axis, so that every text has a direction."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.where(norms > 0, norms, 1)
    unit[norms[:, 0] == 0, 0] = 1
    return unit.astype(np.float32, copy=False)
