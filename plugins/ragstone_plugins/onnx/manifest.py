"""`model.json`: what lies in a model directory, how it is run, and when its vectors are comparable with others."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ragstone_plugins.onnx.errors import ModelDamaged, ModelUnsupported
from ragstone_plugins.onnx.pooling import Pooling

MANIFEST = "model.json"
_FORMAT = 1
_RECIPE = 1
"""Number of the way in which graphs are built; raised when the same weights come out as other vectors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """One file of the model."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelManifest:
    """Everything that the model's files do not say themselves."""

    name: str
    """What people call it: the name of its directory."""
    source: str
    """Where it was pulled from; empty where nobody pulled it."""
    graph: str
    """Numbers that the graph multiplies in: `int8` or `fp32` where it was built here, `given` where it came as it is."""
    graph_reason: str
    """Why this graph: the measurement."""
    graph_file: str
    tokenizer_file: str
    dimension: int
    """Length of a vector."""
    max_tokens: int
    """Tokens of a text that are read, special tokens included; the rest is cut off."""
    positions: int
    """The most that `max_tokens` can be."""
    pooling: Pooling
    normalised: bool
    """Whether vectors have length 1; always true, and written down for who reads the file."""
    question_prefix: str
    """What the model wants to see before a question."""
    passage_prefix: str
    """What the model wants to see before a passage."""
    weights_sha256: str
    """Of the checkpoint that the graph was built from, or of the given graph."""
    fingerprint: str
    """Vectors are comparable only where this is equal."""
    files: Mapping[str, FileRecord]
    """Every file beside the manifest, by its path in the directory."""
    recipe: int = _RECIPE
    """In which way the graph was built."""

    def limited_to(self, max_tokens: int) -> "ModelManifest":
        """The same model, reading another number of tokens.

        Raises:
            ModelUnsupported: more than the model has positions.
        """
        if not 3 <= max_tokens <= self.positions:
            raise ModelUnsupported(f"{self.name} reads 3 to {self.positions} tokens of a text, not {max_tokens}.")
        return with_fingerprint(dataclasses.replace(self, max_tokens=max_tokens))

    def write(self, directory: Path) -> None:
        """Write `model.json` into the directory."""
        content = {"format": _FORMAT, **dataclasses.asdict(self)}
        (directory / MANIFEST).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, directory: Path) -> Self | None:
        """Read `model.json`; None where there is none.

        Raises:
            ModelDamaged: it is not a manifest of this format.
        """
        path = directory / MANIFEST
        if not path.is_file():
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content.pop("format") != _FORMAT:
                raise ModelDamaged(
                    f"{path} has another format than {_FORMAT}; remove {directory} and pull the model again."
                )
            content["files"] = {name: FileRecord(**record) for name, record in content["files"].items()}
            content["pooling"] = Pooling(content["pooling"])
            return cls(**content)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelDamaged(
                f"{path} cannot be read ({error}); remove {directory} and pull the model again."
            ) from error

    def verify(self, directory: Path) -> None:
        """Compare size and sha256 of every file.

        Raises:
            ModelDamaged: a file is missing or is another one.
        """
        for name, record in self.files.items():
            path = directory / name
            found = record_of(path) if path.is_file() else None
            if found != record:
                state = "is missing" if found is None else "is not the file that was written (its checksum differs)"
                raise ModelDamaged(f"{path} {state}; pull the model again.")


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def record_of(path: Path) -> FileRecord:
    """What the manifest says of a file."""
    return FileRecord(sha256=sha256_of(path), bytes=path.stat().st_size)


def with_fingerprint(manifest: ModelManifest) -> ModelManifest:
    """Fill in the name of the space in which the vectors lie: equal for equal weights, tokenizer, graph, pooling and
    `max_tokens`."""
    # Not the bytes of a graph that was built: another version of the onnx library may write it down otherwise.
    given = manifest.files if manifest.graph == "given" else [manifest.tokenizer_file]
    files = sorted(manifest.files[name].sha256 for name in given)
    parts = [manifest.recipe, manifest.weights_sha256, files, manifest.graph, manifest.pooling, manifest.max_tokens]
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    name = f"onnx-{manifest.graph}-{manifest.dimension}-{manifest.max_tokens}-{digest[:24]}"
    return dataclasses.replace(manifest, fingerprint=name)
