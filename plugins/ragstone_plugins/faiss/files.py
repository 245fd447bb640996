"""Segment files with their sketches: written, opened, checked, removed."""

from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

import numpy as np
from pyroaring import BitMap64

from ragstone_plugins.faiss import bits
from ragstone_plugins.faiss.manifest import LiveSegment, decode_numbers, encode_bitmap
from ragstone_plugins.faiss.merge import Merge
from ragstone_plugins.faiss.part import Part
from ragstone_plugins.faiss.segment import check_bytes, check_segment, read_segment, write_segment
from ragstone_plugins.faiss.sketch import pays, read_sketch, sketched, write_sketch
from ragstone_plugins.faiss.state import Segment
from ragstone_server.spi.durable_files import sync_directory
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.pacing import Steps, at_once
from ragstone_server.spi.quarantine import Damage, Damaged

_STEP_DOCUMENTS = 20_000


class Numbers:
    """Numbers of new files; sealing and merging take them at once."""

    def __init__(self, first: int) -> None:
        self.next = first
        """Greater than all that were taken."""
        self._lock = Lock()

    def take(self) -> int:
        """One that nobody else has."""
        with self._lock:
            self.next += 1
            return self.next - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFiles:
    """The segment files of one directory."""

    directory: Path
    dimension: int
    numbers: Numbers

    def open(self, live: LiveSegment, *, whole: bool) -> tuple[Segment | None, list[tuple[Damage, Path]]]:
        """The segment, None where it is damaged, and what was found damaged; a sketch that is costs time only."""
        path = self.directory / Path(live.file).name
        found: list[tuple[Damage, Path]] = []
        try:
            columns = read_segment(path, self.dimension, live.size, live.sha256)
            if whole:
                at_once(check_segment(path, live.size, live.sha256))
        except Damaged as error:
            found = [(error.damage, path)]
            if path.with_suffix(".sketch").exists():
                found.append((error.damage, path.with_suffix(".sketch")))
            return None, found
        everyone = bits.full(len(columns.keys))
        part = Part.over(columns, bits.without(everyone, decode_numbers(live.dead)), by_document=True)
        segment = Segment(
            part=part, file=live.file, size=live.size, sha256=live.sha256, documents=live.documents, checked=whole
        )
        if live.sketch is None:
            return segment, found
        sketch_path = path.with_suffix(".sketch")
        try:
            sketch = read_sketch(sketch_path, live.sketch, part.index)
        except Damaged as error:
            return segment, [(error.damage, sketch_path)]
        return replace(segment, part=replace(part, sketch=sketch), sketch=live.sketch), found

    def write(self, merged: Merge) -> Steps[Segment]:
        """Write and sync a segment and its sketch; what is there of them goes where it fails or is closed."""
        reach(FailPoint.VECTORS_BEFORE_SEGMENT)
        path = self.directory / f"{self.numbers.take():08}.segment"
        finished = False
        try:
            sha256 = yield from write_segment(path, merged.columns, merged.blocks())
            documents = BitMap64()
            for start in range(0, len(merged.columns.documents), _STEP_DOCUMENTS):
                documents |= BitMap64(np.unique(merged.columns.documents[start : start + _STEP_DOCUMENTS]))
                yield
            size = path.stat().st_size
            columns = read_segment(path, self.dimension, size, sha256)
            part = Part.over(columns, bits.full(len(columns.keys)), by_document=True)
            segment = Segment(part=part, file=path.name, size=size, sha256=sha256, documents=encode_bitmap(documents))
            segment = yield from self.with_sketch(segment)
            sync_directory(self.directory)
            finished = True
        finally:
            if not finished:
                self.remove(path.name)
        reach(FailPoint.VECTORS_AFTER_SEGMENT)
        return segment

    def lacks_sketch(self, segment: Segment) -> bool:
        """Whether it should have a sketch."""
        return segment.sketch is None and pays(segment.part.rows, self.dimension)

    def with_sketch(self, segment: Segment) -> Steps[Segment]:
        """The segment with a sketch that is written anew, where one pays."""
        columns = segment.part.columns
        sketch = yield from sketched(columns.vectors, segment.part.index)
        if sketch is None:
            return segment
        live = write_sketch((self.directory / segment.file).with_suffix(".sketch"), sketch)
        return replace(segment, part=replace(segment.part, sketch=sketch), sketch=live)

    def check(self, segment: Segment) -> Steps[None]:
        """Read a segment as a whole. Raises `Damaged`."""
        path = self.directory / segment.file
        yield from check_segment(path, segment.size, segment.sha256)
        read_segment(path, self.dimension, segment.size, segment.sha256)

    def check_sketch(self, segment: Segment) -> Steps[None]:
        """Read the sketch's file as a whole. Raises `Damaged`."""
        if segment.sketch is not None:
            path = (self.directory / segment.file).with_suffix(".sketch")
            yield from check_bytes(path, segment.sketch.size, segment.sketch.sha256, segment.sketch.size)

    def remove(self, file: str) -> None:
        """Remove a segment and its sketch."""
        for path in (self.directory / file, (self.directory / file).with_suffix(".sketch")):
            path.unlink(missing_ok=True)
