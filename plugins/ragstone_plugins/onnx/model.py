"""`OnnxModel`: a model directory, opened."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.onnx.describe import describe
from ragstone_plugins.onnx.encoder import Encoder
from ragstone_plugins.onnx.errors import ModelNotFound
from ragstone_plugins.onnx.manifest import ModelManifest
from ragstone_plugins.onnx.published import PublishedModel
from ragstone_plugins.onnx.tokenizer import TextTokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxModel:
    """An embedding model whose methods block, release the GIL where they compute, and may be called in several threads."""

    manifest: ModelManifest
    tokenizer: TextTokenizer
    encoder: Encoder

    @classmethod
    def open(cls, directory: Path, max_tokens: int | None = None) -> Self:
        """Load a directory that was pulled, or any other with an ONNX sentence model and its `tokenizer.json`.

        Every file of a pulled model is compared with its checksum first. `max_tokens` None: what the model says.

        Raises:
            ModelNotFound: there is no model in the directory.
            ModelDamaged: a file is not what it was.
            ModelUnsupported: the model is none that can be served, or not with so many tokens.
        """
        if not directory.is_dir():
            raise ModelNotFound(f"There is no embedding model in {directory}; get one with `ragstone models pull`.")
        manifest = ModelManifest.read(directory)
        if manifest is None:
            published = PublishedModel.read(directory)
            manifest = describe(published, None)
        else:
            manifest.verify(directory)
        if max_tokens is not None:
            manifest = manifest.limited_to(max_tokens)
        tokenizer = TextTokenizer.read(directory / manifest.tokenizer_file, manifest.max_tokens)
        return cls(
            manifest=manifest,
            tokenizer=tokenizer,
            encoder=Encoder.open(directory / manifest.graph_file, manifest.pooling),
        )

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors (n, dimension) of length 1, row i of text i, of which the first `max_tokens` tokens are read.

        Each text runs by itself, not in a padded batch: a text has the same vector to the last bit whatever stands
        beside it (a quantised graph takes its scales from all that it is given), and from 128 tokens on it is faster.

        Raises:
            ModelFailed: the graph failed on a text.
        """
        vectors = np.empty((len(texts), self.manifest.dimension), np.float32)
        for row, ids in enumerate(self.tokenizer.ids(texts)):
            vectors[row] = self.encoder.encode(ids)
        return vectors
