"""`pull`: a model from wherever it is into a directory that `OnnxModel` opens."""

import shutil
from pathlib import Path

from ragstone_plugins.onnx import sources
from ragstone_plugins.onnx.build import build
from ragstone_plugins.onnx.describe import describe
from ragstone_plugins.onnx.errors import ModelConflict, ModelDamaged, ModelError, ModelUnsupported
from ragstone_plugins.onnx.graph_writer import GraphKind
from ragstone_plugins.onnx.lock import locked
from ragstone_plugins.onnx.manifest import ModelManifest, sha256_of
from ragstone_plugins.onnx.progress import Progress, silent
from ragstone_plugins.onnx.published import WEIGHTS, PublishedModel


def pull(
    source: str,
    destination: Path,
    progress: Progress = silent,
    *,
    kind: GraphKind | None = None,
    sha256: str | None = None,
) -> ModelManifest:
    """Get a model, build its graph if it comes without one, and put it in the directory, whole or not at all.

    A second pull of the same source compares checksums and returns; of two processes at once, one works and one waits. A
    damaged model is replaced. Blocks, for seconds to minutes.

    Args:
        source: see `sources.fetch`.
        destination: directory of the model; its name is the model's name.
        progress: is told each step.
        kind: numbers of the graph; None: what a measurement on this machine says. Machines that share an index must all
            have the same, so that their vectors are comparable.
        sha256: what the weights must have; None: what is known of the source, if anything.

    Raises:
        ModelConflict: another model lies there.
        ModelDamaged: the weights have another checksum.
        ModelSourceInvalid, ModelSourceUnavailable, ModelNotFound, ModelUnsupported: see there.
    """
    expected = sha256.lower() if sha256 else sources.KNOWN_SHA256.get(source)
    hidden = destination.parent / f".{destination.name}"
    try:
        with locked(
            hidden.with_name(f"{hidden.name}.lock"), lambda: progress("waiting: another process pulls this model")
        ):
            found = _present(source, destination, progress, kind=kind, sha256=expected)
            if found is not None:
                return found
            return _replace(source, destination, hidden.with_name(f"{hidden.name}.partial"), progress, kind, expected)
    except OSError as error:
        raise ModelError(f"The model could not be written to {destination}: {error}.") from error


def _present(
    source: str, destination: Path, progress: Progress, *, kind: GraphKind | None, sha256: str | None
) -> ModelManifest | None:
    """The model that lies there already, whole and as asked for; None where there is none, or a damaged one."""
    if not destination.exists():
        return None
    try:
        manifest = ModelManifest.read(destination)
        if manifest is None and any(destination.iterdir()):
            raise ModelConflict(f"{destination} holds other files; choose another name for the model, or remove them.")
        if manifest is None:
            return None
        manifest.verify(destination)
    except ModelDamaged as error:
        progress(f"replacing the model: {error}")
        return None
    if manifest.source != source or (sha256 or manifest.weights_sha256) != manifest.weights_sha256:
        raise ModelConflict(
            f"{destination} holds a model from {manifest.source or 'elsewhere'}; choose another name, or remove it first."
        )
    if kind and manifest.graph not in (kind, "given"):
        raise ModelConflict(
            f"{destination} holds the {manifest.graph} graph; remove it first, and index again what was embedded with it."
        )
    progress(f"{destination.name} is there and whole")
    return manifest


def _replace(
    source: str, destination: Path, work: Path, progress: Progress, kind: GraphKind | None, sha256: str | None
) -> ModelManifest:
    """Make the model in the directory `work` and rename it into its place."""
    # What a killed process left; nobody else works there while the lock is held.
    shutil.rmtree(work, ignore_errors=True)
    try:
        made = work / "made" / destination.name
        manifest = _make(source, work, made, progress, kind=kind, sha256=sha256)
        progress(f"placing {destination}")
        if destination.exists():
            destination.rename(work / "replaced")
        made.rename(destination)
        return manifest
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _make(
    source: str, work: Path, made: Path, progress: Progress, *, kind: GraphKind | None, sha256: str | None
) -> ModelManifest:
    """Fetch into `work`, check, and build or copy into the directory `made`, of the model's name."""
    made.mkdir(parents=True)
    published = PublishedModel.read(sources.fetch(source, work, progress))
    try:
        if published.weights is None:
            raise ModelUnsupported(f"{source} holds no {WEIGHTS}.")
        _check(published.weights, sha256, progress)
        progress("building the graph" if kind else "building the graphs and measuring which is faster here")
        return build(published, made, kind, made.name, source)
    except ModelUnsupported as cannot_build:
        graph = published.graph(kind)
        if graph is None:
            raise
        progress(f"taking {graph.name} as it is ({cannot_build})")
        _check(graph, None if published.weights else sha256, progress)
        return _adopt(published, made, kind, source)


def _adopt(published: PublishedModel, made: Path, kind: GraphKind | None, source: str) -> ModelManifest:
    """Copy the files that a given graph needs, and write its manifest."""
    manifest = describe(published, kind, name=made.name, source=source)
    for file in manifest.files:
        (made / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(published.directory / file, made / file)
    manifest.verify(made)
    manifest.write(made)
    return manifest


def _check(weights: Path, expected: str | None, progress: Progress) -> None:
    """Compare the checksum of the weights with the expected one."""
    if expected is None:
        return
    progress(f"checking {weights.name}")
    found = sha256_of(weights)
    if found != expected:
        raise ModelDamaged(f"{weights.name} has the sha256 {found}, not {expected}; it is not used.")
