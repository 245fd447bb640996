"""A model directory as its authors publish it: the files of transformers and sentence-transformers, with or without ONNX."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ragstone_plugins.onnx.errors import ModelDamaged, ModelNotFound, ModelUnsupported
from ragstone_plugins.onnx.graph_writer import GraphKind
from ragstone_plugins.onnx.pooling import Pooling

WEIGHTS = "model.safetensors"
_GRAPHS = {
    GraphKind.FP32: ("model.onnx",),
    GraphKind.INT8: ("model_quantized.onnx", "model_int8.onnx", "model_qint8_avx512_vnni.onnx", "model_qint8_avx512.onnx",
                     "model_quint8_avx2.onnx", "model_qint8_arm64.onnx"),
}  # fmt: skip
_MODULES = {"Transformer", "Pooling", "Normalize"}
_DEFAULT_TOKENS = 512
_QUESTION_PROMPTS = ("query", "question", "search_query")
_PASSAGE_PROMPTS = ("passage", "document", "search_document", "corpus")
# Positions before the first one of a text are taken by the padding's number.
_OFFSET_POSITIONS = {"roberta": 2, "xlm-roberta": 2, "camembert": 2, "mpnet": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedModel:
    """What a directory holds."""

    directory: Path
    config: dict[str, Any]
    """`config.json`; empty where there is none."""
    tokenizer: Path
    weights: Path | None
    """The checkpoint in safetensors."""
    modules: frozenset[str]
    """Steps of the sentence-transformers pipeline; empty where it is not told."""
    pooling: Pooling
    max_tokens: int
    positions: int
    question_prefix: str
    passage_prefix: str

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Look at the directory.

        Raises:
            ModelNotFound: there is no such directory, or no `tokenizer.json` in it.
            ModelDamaged: a file of settings is not JSON.
            ModelUnsupported: the pooling is none that is served.
        """
        tokenizer = directory / "tokenizer.json"
        if not tokenizer.is_file():
            raise ModelNotFound(f"{directory} holds no model: there is no tokenizer.json in it.")
        config = _json(directory / "config.json")
        pooling = _json(directory / "1_Pooling" / "config.json")
        prompts = _json(directory / "config_sentence_transformers.json").get("prompts") or {}
        modules = _json(directory / "modules.json", default=[])
        positions = _positions(config, directory)
        wanted = _json(directory / "sentence_bert_config.json").get("max_seq_length") or positions
        weights = directory / WEIGHTS
        return cls(
            directory=directory,
            config=config,
            tokenizer=tokenizer,
            weights=weights if weights.is_file() else None,
            modules=frozenset(str(module["type"]).rpartition(".")[2] for module in modules),
            pooling=Pooling.from_config(pooling) if pooling else Pooling.MEAN,
            max_tokens=min(int(wanted), positions),
            positions=positions,
            question_prefix=_first(prompts, _QUESTION_PROMPTS),
            passage_prefix=_first(prompts, _PASSAGE_PROMPTS),
        )

    def graph(self, kind: GraphKind | None) -> Path | None:
        """The ONNX graph of this kind, or the most exact one for None; None where there is no such graph."""
        for wanted in [kind] if kind else list(GraphKind):
            for name in _GRAPHS[wanted]:
                for folder in (self.directory, self.directory / "onnx"):
                    if (folder / name).is_file():
                        return folder / name
        return None

    def refuse_further_modules(self) -> None:
        """Refuse a model whose vectors go through more than encoder, pooling and normalisation.

        Raises:
            ModelUnsupported: it has such a module.
        """
        if further := self.modules - _MODULES:
            raise ModelUnsupported(
                f"{self.directory.name} has the layer {', '.join(sorted(further))} after its pooling, which is not served; "
                "take a model without it, or an ONNX graph that puts out sentence_embedding itself."
            )


def _positions(config: dict[str, Any], directory: Path) -> int:
    """The most tokens that a text can have."""
    offset = _OFFSET_POSITIONS.get(str(config.get("model_type")), 0)
    by_model = config.get("max_position_embeddings")
    by_tokenizer = _json(directory / "tokenizer_config.json").get("model_max_length")
    limits = [int(by_model) - offset] if by_model else []
    # A tokenizer without a limit says 1e30.
    limits += [int(by_tokenizer)] if by_tokenizer and by_tokenizer < 1e6 else []
    return min(limits, default=_DEFAULT_TOKENS)


def _json(path: Path, default: Any = None) -> Any:
    if not path.is_file():
        return {} if default is None else default
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelDamaged(f"{path} is not JSON ({error}); get the model again.") from error


def _first(prompts: dict[str, str], names: tuple[str, ...]) -> str:
    return next((prompts[name] for name in names if name in prompts), "")
