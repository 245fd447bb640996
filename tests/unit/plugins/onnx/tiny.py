"""A BERT of 60 kB with random weights, in the files that a published model has."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

CONFIG: dict[str, Any] = {
    "model_type": "bert", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128,
    "hidden_act": "gelu", "layer_norm_eps": 1e-12, "max_position_embeddings": 96, "type_vocab_size": 2,
}  # fmt: skip
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,-"
VOCABULARY = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    *_LETTERS,
    *(f"##{letter}" for letter in _LETTERS),
    "ferry",
    "harbour",
    "the",
]


def write(directory: Path, config: dict[str, Any] = CONFIG, pooling: str = "mean", seed: int = 7) -> Path:
    """Write the model; returns its directory."""
    (directory / "1_Pooling").mkdir(parents=True)
    modes = {"pooling_mode_cls_token": pooling == "cls", "pooling_mode_mean_tokens": pooling == "mean"}
    _json(directory / "1_Pooling" / "config.json", {"word_embedding_dimension": config["hidden_size"], **modes})
    _json(directory / "config.json", config)
    _json(directory / "sentence_bert_config.json", {"max_seq_length": 48})
    save_file(weights(config, seed), directory / "model.safetensors")
    tokenizer().save(str(directory / "tokenizer.json"))
    return directory


def weights(config: dict[str, Any] = CONFIG, seed: int = 7) -> dict[str, NDArray[np.float32]]:
    """Arrays by the names of transformers; large enough for attention and GELU to leave their linear range."""
    random, hidden, inner = np.random.default_rng(seed), config["hidden_size"], config["intermediate_size"]

    def linear(name: str, size_in: int, size_out: int) -> dict[str, NDArray[np.float32]]:
        arrays = {
            "weight": random.normal(0, 1.5 * size_in**-0.5, (size_out, size_in)),
            "bias": random.normal(0, 0.3, size_out),
        }
        return {f"{name}.{part}": array.astype(np.float32) for part, array in arrays.items()}

    def norm(name: str) -> dict[str, NDArray[np.float32]]:
        arrays = {"weight": random.normal(1, 0.2, hidden), "bias": random.normal(0, 0.2, hidden)}
        return {f"{name}.{part}": array.astype(np.float32) for part, array in arrays.items()}

    tables = {"word": len(VOCABULARY), "position": config["max_position_embeddings"], "token_type": 2}
    found = {
        f"embeddings.{name}_embeddings.weight": random.normal(0, 1, (rows, hidden)).astype(np.float32)
        for name, rows in tables.items()
    } | norm("embeddings.LayerNorm")
    for number in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{number}"
        for part in ("query", "key", "value"):
            found |= linear(f"{layer}.attention.self.{part}", hidden, hidden)
        found |= linear(f"{layer}.attention.output.dense", hidden, hidden) | norm(f"{layer}.attention.output.LayerNorm")
        found |= linear(f"{layer}.intermediate.dense", hidden, inner)
        found |= linear(f"{layer}.output.dense", inner, hidden) | norm(f"{layer}.output.LayerNorm")
    return found


def tokenizer() -> Tokenizer:
    """Words of the vocabulary, else letters; cuts at 24 tokens and pads, as published tokenizers do unless told."""
    made = Tokenizer(WordPiece({word: number for number, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    made.normalizer = BertNormalizer(lowercase=True)
    made.pre_tokenizer = BertPreTokenizer()
    made.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    made.enable_truncation(24)
    made.enable_padding(length=24)
    return made


def _json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content))
