"""The files of a view: opened, sealed, swept."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ragstone_plugins.faiss import bits
from ragstone_plugins.faiss.files import Numbers, SegmentFiles
from ragstone_plugins.faiss.lost import Lost
from ragstone_plugins.faiss.manifest import (
    NAME,
    LiveSegment,
    Manifest,
    decode_numbers,
    encode_numbers,
    read_manifest,
    write_manifest,
)
from ragstone_plugins.faiss.merge import due, merge
from ragstone_plugins.faiss.state import Merged, Segment, State, with_merged
from ragstone_server.spi.durable_files import full_disk_reported, sync_directory
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.pacing import Steps, at_once
from ragstone_server.spi.positions import DocumentKey, Position
from ragstone_server.spi.quarantine import Damage, Damaged, damage_of, put_aside
from ragstone_server.spi.views import ViewSpec

logger = logging.getLogger(__name__)

WHOLE = "0-of-1"
_CHECKED_BYTES = 16_000_000
"""Of the files of a view that are read as a whole at opening, the smallest first: some hundredths of a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What was found on disk."""

    state: State
    damages: tuple[Damage, ...] = ()
    doubtful: bool = False
    """Whether the manifest was missing, damaged or another view's: the state is empty."""


class Store:
    """The directory of one shard. Its methods run in a thread, one at a time."""

    def __init__(self, spec: ViewSpec, dead_share: float, shard: str = WHOLE) -> None:
        self._spec = spec
        self._shard = shard
        self._dead_share = dead_share
        self._numbers = Numbers(1)
        self._written = False
        self.directory = spec.directory if shard == WHOLE else spec.directory / shard

    @property
    def files(self) -> SegmentFiles:
        """Writes and reads segment files."""
        return SegmentFiles(directory=self.directory, dimension=self._spec.dimension, numbers=self._numbers)

    def open(self) -> Opened:
        """What the manifest names, without what is damaged; empty where the manifest itself is doubtful."""
        directory = self.directory
        if not directory.is_dir():
            directory.mkdir(parents=True, exist_ok=True)
            sync_directory(directory.parent)
        try:
            manifest = read_manifest(directory)
        except (Damaged, OSError) as error:
            damage = damage_of(error, NAME, "a file")
            logger.error("the vector view in %s begins empty: %s", directory, damage)
            reach(FailPoint.VIEW_BEFORE_QUARANTINE)
            put_aside(directory, [directory / NAME], damage)
            self._sweep(set())
            return Opened(state=State(), damages=(damage,), doubtful=True)
        if manifest is None or not manifest.belongs_to(self._spec, self._shard):
            if manifest is not None:
                logger.warning(
                    "vector view in %s begins empty: its files are of another epoch or generation", directory
                )
                (directory / NAME).unlink()
                sync_directory(directory)
            self._sweep(set())
            return Opened(state=State(), doubtful=True)
        return self._opened(manifest)

    def _opened(self, manifest: Manifest) -> Opened:
        self._numbers = Numbers(manifest.next_file)
        self._written = True
        lost = Lost(
            documents=decode_numbers(manifest.lost),
            all_after=None if manifest.lost_after is None else DocumentKey(manifest.lost_after),
        )
        segments, found, budget = [], [], _CHECKED_BYTES
        for live in sorted(manifest.segments, key=lambda live: live.size):
            budget -= live.size
            segment, damages = self.files.open(live, whole=budget >= 0)
            found += damages
            if segment is None:
                lost = lost.with_documents(decode_numbers(live.documents))
            else:
                segments.append(segment)
        state = State(segments=tuple(segments), position=Position(manifest.position), lost=lost)
        if found:
            self.give_up(state, [damage for damage, _ in found], [path for _, path in found])
        self._sweep({segment.file for segment in segments})
        return Opened(state=state, damages=tuple(damage for damage, _ in found))

    def give_up(self, state: State, damages: Sequence[Damage], files: Sequence[Path]) -> None:
        """Write a manifest without the damaged files, then put them aside. `state` is whole and no longer has them."""
        for damage in damages:
            logger.error("a file of the vector view in %s is damaged: %s", self.directory, damage)
        reach(FailPoint.VIEW_BEFORE_QUARANTINE)
        with full_disk_reported():
            self._write(state)
        for damage, path in zip(damages, files, strict=True):
            put_aside(self.directory, [path], damage)

    def adopt(self, state: State) -> None:
        """Write a manifest for a state without unsealed rows."""
        with full_disk_reported():
            self._write(state)

    def put_aside(self, file: str, damage: Damage) -> None:
        """Move a segment with its sketch, or a sketch, that the manifest no longer names."""
        path = self.directory / file
        put_aside(self.directory, {path, path.with_suffix(".sketch")}, damage)

    def check_manifest(self) -> Damage | None:
        """What is wrong with the manifest, which is put aside then."""
        if not self._written:
            return None
        try:
            manifest = read_manifest(self.directory)
        except (Damaged, OSError) as error:
            damage = damage_of(error, NAME, "a file")
        else:
            if manifest is not None and manifest.belongs_to(self._spec, self._shard):
                return None
            damage = Damage(file=NAME, expected="this view's", found="another view's" if manifest else "no file")
        put_aside(self.directory, [self.directory / NAME], damage)
        return damage

    def merging(self, segments: Sequence[Segment]) -> Steps[Merged]:
        """Write segments as one."""
        dropped = frozenset(segment.file for segment in segments)
        parts = [segment.part for segment in segments]
        if not any(part.living for part in parts):
            return Merged(dropped=dropped)
        planned = merge(parts, self._spec.dimension)
        yield
        reach(FailPoint.VECTORS_DURING_COMPACTION)
        segment = yield from self.files.write(planned)
        return Merged(merge=planned, segment=segment, dropped=dropped)

    def seal(self, state: State, merged: Merged, busy: Collection[str], most_rows: int) -> Merged:
        """Write what is in memory only, with the segments that it outgrows, then the manifest; `merged` goes in, too.

        `busy` segments are being merged by others, and of more than `most_rows` rows the merging is left to the background.
        """
        state = with_merged(state, merged)
        outgrown = self._outgrown(state, busy, most_rows)
        sources = [*(segment.part for segment in outgrown), *state.unsealed]
        with full_disk_reported():
            planned = merge(sources, self._spec.dimension) if any(part.living for part in sources) else None
            segment = at_once(self.files.write(planned)) if planned else None
            dropped = frozenset(segment.file for segment in outgrown)
            sealed = Merged(merge=planned, segment=segment, dropped=dropped)
            state = replace(with_merged(state, sealed), frozen=(), head=None)
            self._write(state)
            reach(FailPoint.VECTORS_AFTER_MANIFEST)
        for file in (*merged.dropped, *dropped):
            self.files.remove(file)
        return sealed

    def _outgrown(self, state: State, busy: Collection[str], most_rows: int) -> list[Segment]:
        """Segments to write anew: small beside the fresh rows, so that each row is copied a few times only, or mostly dead."""
        total = sum(part.living for part in state.unsealed)
        outgrown: list[Segment] = []
        for segment in sorted(state.segments, key=lambda segment: segment.part.living):
            if segment.file in busy:
                continue
            most_rows -= segment.part.rows
            if most_rows < 0:
                break
            if segment.part.living <= 2 * total or self._mostly_dead(segment):
                outgrown.append(segment)
                total += segment.part.living
        return outgrown

    def due(self, state: State) -> list[Segment]:
        """Segments that the background is to merge; none: nothing is due."""
        ordered = sorted(state.segments, key=lambda segment: segment.part.living)
        return ordered[: due([segment.part.living for segment in ordered], [*map(self._mostly_dead, ordered)])]

    def _mostly_dead(self, segment: Segment) -> bool:
        rows = segment.part.rows
        return rows - segment.part.living > self._dead_share * rows

    def _write(self, state: State) -> None:
        write_manifest(
            self.directory,
            Manifest(
                collection=self._spec.collection,
                epoch=self._spec.epoch,
                generation=self._spec.generation,
                dimension=self._spec.dimension,
                shard=self._shard,
                position=state.position,
                next_file=self._numbers.next,
                segments=tuple(map(_live, state.segments)),
                lost=encode_numbers(state.lost.documents),
                lost_after=state.lost.all_after,
            ),
        )
        self._written = True

    def clear(self) -> None:
        """Remove every file, the manifest first."""
        with full_disk_reported():
            self._written = False
            (self.directory / NAME).unlink(missing_ok=True)
            sync_directory(self.directory)
            self._sweep(set())

    def _sweep(self, live: Collection[str]) -> None:
        for pattern in ("*.segment", "*.sketch", "*.tmp"):
            for path in self.directory.glob(pattern):
                if pattern == "*.tmp" or path.with_suffix(".segment").name not in live:
                    path.unlink(missing_ok=True)


def _live(segment: Segment) -> LiveSegment:
    return LiveSegment(
        file=segment.file,
        size=segment.size,
        sha256=segment.sha256,
        dead=encode_numbers(bits.to_rows(~segment.part.alive, segment.part.rows)),
        documents=segment.documents,
        sketch=segment.sketch,
    )
