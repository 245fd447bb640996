"""The files of a view: opened, sealed, swept."""

import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from ragstone_plugins.faiss import bits
from ragstone_plugins.faiss.manifest import (
    NAME,
    BrokenManifest,
    LiveSegment,
    Manifest,
    encode_rows,
    read_manifest,
    write_manifest,
)
from ragstone_plugins.faiss.merge import Merge, merge
from ragstone_plugins.faiss.part import Part
from ragstone_plugins.faiss.segment import BrokenSegment, read_segment, write_segment
from ragstone_plugins.faiss.sketch import read_sketch, sketched, write_sketch
from ragstone_plugins.faiss.state import Segment, State
from ragstone_server.spi.durable_files import full_disk_reported, sync_directory
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.positions import Position
from ragstone_server.spi.views import ViewSpec

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """What a sealing wrote."""

    merge: Merge | None
    """None where no row was living."""
    segment: Segment | None
    dropped: tuple[str, ...]
    """Files that are merged into the new one."""


class Store:
    """The directory of one view. Its methods run in a thread, one at a time."""

    def __init__(self, spec: ViewSpec, dead_share: float) -> None:
        self._spec = spec
        self.directory = spec.directory
        self._dead_share = dead_share
        self._next_file = 1

    def open(self) -> State:
        """What the manifest names; empty where anything about it is doubtful."""
        directory = self._spec.directory
        directory.mkdir(parents=True, exist_ok=True)
        sync_directory(directory.parent)
        state = State()
        try:
            manifest = read_manifest(directory)
            if manifest is not None and not manifest.belongs_to(self._spec):
                raise BrokenManifest(f"{NAME} is of another epoch, generation or format")
            if manifest is not None:
                segments = tuple(self._open_segment(live) for live in manifest.segments)
                state = State(segments=segments, position=Position(manifest.position))
                self._next_file = manifest.next_file
        except (BrokenManifest, BrokenSegment, OSError, ValueError) as error:
            logger.warning("vector view in %s begins empty: %s", directory, error)
            self._next_file = 1
            (directory / NAME).unlink(missing_ok=True)
            sync_directory(directory)
        self._sweep({segment.file for segment in state.segments})
        return state

    def _open_segment(self, live: LiveSegment) -> Segment:
        path = self._spec.directory / Path(live.file).name
        if path.stat().st_size != live.size:
            raise BrokenSegment(f"{live.file} has another size than the manifest says")
        columns = read_segment(path, self._spec.dimension, live.sha256)
        everyone = bits.full(len(columns.keys))
        part = Part.over(columns, bits.without(everyone, live.dead_rows()), by_document=True)
        part = replace(part, sketch=read_sketch(path.with_suffix(".sketch"), part.index))
        return Segment(part=part, file=live.file, size=live.size, sha256=live.sha256)

    def seal(self, state: State) -> Sealed:
        """Write what is in memory only, merged with the segments that it outgrows, then the manifest."""
        outgrown = self._outgrown(state)
        sources = [*(segment.part for segment in outgrown), *state.unsealed]
        dropped = tuple(segment.file for segment in outgrown)
        kept = [segment for segment in state.segments if segment.file not in dropped]
        with full_disk_reported():
            merged = merge(sources, self._spec.dimension) if any(part.living for part in sources) else None
            segment = self._write_segment(merged) if merged else None
            live = [*kept, *([segment] if segment else [])]
            write_manifest(self._spec.directory, self._manifest(state.position, live))
            reach(FailPoint.VECTORS_AFTER_MANIFEST)
        self._sweep({segment.file for segment in live})
        return Sealed(merge=merged, segment=segment, dropped=dropped)

    def _outgrown(self, state: State) -> list[Segment]:
        """Segments to write anew: small beside the fresh rows, so that each row is copied a few times only, or mostly dead."""
        total = sum(part.living for part in state.unsealed)
        outgrown = []
        for segment in sorted(state.segments, key=lambda segment: segment.part.living):
            rows, living = segment.part.rows, segment.part.living
            if living <= 2 * total or rows - living > self._dead_share * rows:
                outgrown.append(segment)
                total += living
        return outgrown

    def _write_segment(self, merged: Merge) -> Segment:
        reach(FailPoint.VECTORS_BEFORE_SEGMENT)
        path = self._spec.directory / f"{self._next_file:08}.segment"
        sketch_path = path.with_suffix(".sketch")
        try:
            sha256 = write_segment(path, merged.columns, merged.blocks())
            columns = read_segment(path, self._spec.dimension, sha256)
            part = Part.over(columns, bits.full(len(columns.keys)), by_document=True)
            part = replace(part, sketch=sketched(columns.vectors, part.index))
            if part.sketch is not None:
                write_sketch(sketch_path, part.sketch)
            sync_directory(path.parent)
        except OSError:
            path.unlink(missing_ok=True)
            sketch_path.unlink(missing_ok=True)
            raise
        reach(FailPoint.VECTORS_AFTER_SEGMENT)
        self._next_file += 1
        return Segment(part=part, file=path.name, size=path.stat().st_size, sha256=sha256)

    def _manifest(self, position: Position, segments: list[Segment]) -> Manifest:
        return Manifest(
            collection=self._spec.collection,
            epoch=self._spec.epoch,
            generation=self._spec.generation,
            dimension=self._spec.dimension,
            position=position,
            next_file=self._next_file,
            segments=tuple(
                LiveSegment(
                    file=segment.file,
                    size=segment.size,
                    sha256=segment.sha256,
                    dead=encode_rows(bits.to_rows(~segment.part.alive, segment.part.rows)),
                )
                for segment in segments
            ),
        )

    def clear(self) -> None:
        """Remove every file, the manifest first."""
        with full_disk_reported():
            (self._spec.directory / NAME).unlink(missing_ok=True)
            sync_directory(self._spec.directory)
            self._sweep(set())

    def _sweep(self, live: Collection[str]) -> None:
        for pattern in ("*.segment", "*.sketch", "*.tmp"):
            for path in self._spec.directory.glob(pattern):
                if pattern == "*.tmp" or path.with_suffix(".segment").name not in live:
                    path.unlink(missing_ok=True)
