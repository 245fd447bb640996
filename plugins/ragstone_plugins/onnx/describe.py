"""The manifest of an ONNX model that came as a graph, from the files that its authors published with it."""

from pathlib import Path

from ragstone_plugins.onnx.encoder import Encoder
from ragstone_plugins.onnx.errors import ModelNotFound
from ragstone_plugins.onnx.graph_writer import GraphKind
from ragstone_plugins.onnx.manifest import ModelManifest, record_of, with_fingerprint
from ragstone_plugins.onnx.published import PublishedModel


def describe(model: PublishedModel, kind: GraphKind | None, *, name: str = "", source: str = "") -> ModelManifest:
    """The manifest of a published graph: of this kind, or of the most exact one there is. Loads it once.

    Raises:
        ModelNotFound: there is no such graph.
        ModelError: it cannot be served.
    """
    graph = model.graph(kind)
    if graph is None:
        wanted = f"{kind} ONNX graph" if kind else "ONNX graph"
        raise ModelNotFound(f"{model.directory} holds no {wanted}: there is no model.onnx in it or its onnx/.")
    encoder = Encoder.open(graph, model.pooling)
    if not encoder.puts_out_sentences:
        model.refuse_further_modules()
    root = model.directory
    files = {path.relative_to(root).as_posix(): record_of(path) for path in [*graph_files(graph), model.tokenizer]}
    graph_file = graph.relative_to(root).as_posix()
    return with_fingerprint(
        ModelManifest(
            name=name or root.name,
            source=source,
            graph="given",
            graph_reason="the model came with its graph",
            graph_file=graph_file,
            tokenizer_file=model.tokenizer.relative_to(root).as_posix(),
            dimension=encoder.dimension,
            max_tokens=model.max_tokens,
            positions=model.positions,
            pooling=model.pooling,
            normalised=True,
            question_prefix=model.question_prefix,
            passage_prefix=model.passage_prefix,
            weights_sha256=files[graph_file].sha256,
            fingerprint="",
            files=files,
        )
    )


def graph_files(graph: Path) -> list[Path]:
    """The graph, and the files beside it in which its weights may lie (`model.onnx_data`, `model.onnx.data`)."""
    return [graph, *sorted(path for path in graph.parent.glob(f"{graph.name}?*") if path.is_file())]
