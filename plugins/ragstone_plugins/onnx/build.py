"""A published BERT checkpoint becomes a model directory that `OnnxModel` serves."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ragstone_plugins.onnx.bert import BertShape, bert_graph
from ragstone_plugins.onnx.choose import Choice, choose
from ragstone_plugins.onnx.encoder import Encoder
from ragstone_plugins.onnx.errors import ModelDamaged, ModelNotFound, ModelUnsupported
from ragstone_plugins.onnx.graph_writer import GraphKind
from ragstone_plugins.onnx.manifest import ModelManifest, record_of, sha256_of, with_fingerprint
from ragstone_plugins.onnx.published import PublishedModel
from ragstone_plugins.onnx.tokenizer import TextTokenizer

GRAPH = "model.onnx"
TOKENIZER = "tokenizer.json"
_TIMED_TOKENS = 128
_SAMPLE = (
    "Where do I find the timetable of the ferry for the summer?",
    "Employees hand in their receipts within thirty days; later ones need the approval of the head of department.",
    "The committee approved a budget of 4.2 million for 2025, up 7 % on the year before.",
    "Error 0x80070005: access denied. Run the installer as administrator and try again.",
    "Mitochondrial DNA is inherited from the mother in almost all multicellular organisms.",
    "| Part | Price | Stock |\n| bolt M8 | 0.12 | 4,000 |\n| nut M8 | 0.08 | 3,500 |",
)
"""Texts of several kinds on which the int8 graph is compared with the fp32 one."""


def build(
    model: PublishedModel, destination: Path, kind: GraphKind | None, name: str, source: str = ""
) -> ModelManifest:
    """Write graph, tokenizer and manifest into the existing directory `destination`; kind None: measure and choose.

    Raises:
        ModelNotFound: the published model has no checkpoint.
        ModelUnsupported: its architecture, pooling or numbers are none that graphs are built for.
        ModelDamaged: the checkpoint cannot be read.
    """
    if model.weights is None:
        raise ModelNotFound(f"{model.directory} holds no model.safetensors; other forms of weights are not read.")
    model.refuse_further_modules()
    shape, arrays = BertShape.from_config(model.config), _load(model.weights)
    wanted = [kind] if kind else list(GraphKind)
    graphs = {each: bert_graph(arrays, shape, model.pooling, each) for each in wanted}
    encoders = {each: Encoder.open(graph, model.pooling) for each, graph in graphs.items()}
    if kind:
        choice = Choice(kind=kind, reason="asked for")
    else:
        tokenizer = TextTokenizer.read(model.tokenizer, model.max_tokens)
        choice = choose(encoders, tokenizer.ids(_SAMPLE), min(_TIMED_TOKENS, model.max_tokens))
    (destination / GRAPH).write_bytes(graphs[choice.kind])
    shutil.copyfile(model.tokenizer, destination / TOKENIZER)
    manifest = with_fingerprint(
        ModelManifest(
            name=name,
            source=source,
            graph=choice.kind.value,
            graph_reason=choice.reason,
            graph_file=GRAPH,
            tokenizer_file=TOKENIZER,
            dimension=encoders[choice.kind].dimension,
            max_tokens=model.max_tokens,
            positions=model.positions,
            pooling=model.pooling,
            normalised=True,
            question_prefix=model.question_prefix,
            passage_prefix=model.passage_prefix,
            weights_sha256=sha256_of(model.weights),
            fingerprint="",
            files={name: record_of(destination / name) for name in (GRAPH, TOKENIZER)},
        )
    )
    manifest.write(destination)
    return manifest


def _load(weights: Path) -> Mapping[str, NDArray[Any]]:
    """The arrays of a checkpoint by name."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(weights)
    except SafetensorError as error:
        raise ModelDamaged(f"{weights} cannot be read ({error}); get the model again.") from error
    except KeyError as error:
        raise ModelUnsupported(f"{weights} keeps its numbers as {error}; give the model's ONNX.") from error
