"""The files of a view, and the writer. Methods run in a thread of the bulk lane, one at a time."""

import logging
import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import tantivy

from ragstone_plugins.tantivy.analysis import VERSION, Analysis
from ragstone_plugins.tantivy.checking import Broken, check_files, drop_segments, files_of, live_segments
from ragstone_plugins.tantivy.groups_file import GroupsFile
from ragstone_plugins.tantivy.languages import NUMBERS
from ragstone_plugins.tantivy.position_file import FORMAT, Saved, read_position, write_position
from ragstone_plugins.tantivy.schema import DOCUMENT, GROUP, LANGUAGE, documents_of, open_index, schema
from ragstone_plugins.tantivy.schema import VERSION as SCHEMA_VERSION
from ragstone_plugins.tantivy.searching import Snapshot
from ragstone_server.spi.durable_files import full_disk_reported, sync_directory
from ragstone_server.spi.errors import StorageFull
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.pacing import Steps, at_once
from ragstone_server.spi.positions import NO_POSITION, DocumentKey, Position
from ragstone_server.spi.quarantine import Damage, Damaged, damage_of, put_aside
from ragstone_server.spi.rows import RowGroups
from ragstone_server.spi.views import ChangeBatch, ViewSpec

logger = logging.getLogger(__name__)

FINGERPRINT = f"tantivy-bm25-stems-{FORMAT}.{VERSION}.{SCHEMA_VERSION}"
_FEW_GROUPS = 1024
_CHECKED_BYTES = 256_000_000
"""Content that is read at opening, the smallest files first: a fraction of a second. The rest is read in the background."""
_EVERYTHING = DocumentKey(0)
"""Less than every key of a document."""
_FULL = ("os error 28", "os error 122", "code: 28,", "code: 122,")


class Store:
    """One view's directory: `index/` is Tantivy's, `groups` and `position.json` are ours."""

    def __init__(self, spec: ViewSpec, analysis: Analysis, writer_megabytes: int) -> None:
        self._spec = spec
        self._analysis = analysis
        self._heap = writer_megabytes * 1_000_000
        self._files = self.files = spec.directory / "index"
        self._position_path = spec.directory / "position.json"
        self._schema = schema()
        self._writer: tantivy.IndexWriter | None = None
        self._used_groups = 0
        self.checked = True
        """Whether every byte was read since it was opened."""
        self.damage = ""
        """What was found damaged last."""
        self._written = False
        self.saved_lost: DocumentKey | None = None
        """As the position's file has it."""

    @property
    def writing(self) -> bool:
        """Whether a writer is open."""
        return self._writer is not None

    def open(self) -> Snapshot:
        """What is on disk, ahead of the position perhaps, without what is damaged; empty at 0 where the position is doubtful."""
        directory = self._spec.directory
        if not directory.is_dir():
            directory.mkdir(parents=True, exist_ok=True)
            sync_directory(directory.parent)
        try:
            saved = read_position(self._position_path)
        except (Damaged, OSError) as error:
            self._report(damage_of(error, self._position_path.name, "a whole file"))
            reach(FailPoint.VIEW_BEFORE_QUARANTINE)
            put_aside(directory, [self._position_path], damage_of(error, self._position_path.name, "a whole file"))
            return self._emptied()
        if saved is None:
            return self._emptied()
        if not saved.belongs_to(self._spec, FINGERPRINT):
            logger.warning("lexical view in %s begins empty: its files are of another epoch or generation", directory)
            return self._emptied()
        position, lost = Position(saved.position), None if saved.lost is None else DocumentKey(saved.lost)
        self.saved_lost, self._written = lost, True
        self._groups_file = GroupsFile(directory / "groups")
        try:
            checked = at_once(check_files(self._files, _CHECKED_BYTES))
            self._groups = self._groups_file.load(saved.groups)
            self._used_groups = len(self._groups)
            self.checked = checked.whole
            return self._without(position, lost, checked.broken)
        except (Damaged, OSError, ValueError, RuntimeError, LookupError, TypeError) as error:
            return self._lost_whole(position, damage_of(error, self._files.name, "a whole file"))

    def give_up(self, snapshot: Snapshot, broken: Sequence[Broken] | Damage) -> Snapshot:
        """Go on without damaged segments that are live still, or without any where the index itself is damaged."""
        self._drop_writer()
        if isinstance(broken, Damage):
            return self._lost_whole(snapshot.position, broken)
        try:
            live = {path for segment in live_segments(self._files) for path in files_of(self._files, segment)}
            live_still = [each for each in broken if live.issuperset(each.files)]
            return self._without(snapshot.position, snapshot.lost, live_still)
        except (Damaged, OSError, ValueError, RuntimeError, LookupError, TypeError) as error:
            return self._lost_whole(snapshot.position, damage_of(error, self._files.name, "a whole file"))

    def _without(self, position: Position, lost: DocumentKey | None, broken: Sequence[Broken]) -> Snapshot:
        """That something is lost is on disk before anything is taken away."""
        for each in broken:
            self._report(each.damage)
        if broken:
            reach(FailPoint.VIEW_BEFORE_QUARANTINE)
            sync_directory(self._files)
            self._write_position(position, _EVERYTHING)
            drop_segments(self._files, {each.segment_id for each in broken})
            for each in broken:
                put_aside(self._spec.directory, each.files, each.damage)
        self._index = open_index(self._files)
        return self._snapshot(position, _EVERYTHING if broken else lost)

    def _lost_whole(self, position: Position, damage: Damage) -> Snapshot:
        self._report(damage)
        reach(FailPoint.VIEW_BEFORE_QUARANTINE)
        self._position_path.unlink(missing_ok=True)
        sync_directory(self._spec.directory)
        put_aside(self._spec.directory, [self._files, self._spec.directory / "groups"], damage)
        self._emptied()
        with self._full_disk_reported():
            self._write_position(position, _EVERYTHING)
        return self._snapshot(position, _EVERYTHING)

    def _report(self, damage: Damage) -> None:
        self.damage = str(damage)
        logger.error("a file of the lexical view in %s is damaged: %s", self._spec.directory, damage)

    def _emptied(self) -> Snapshot:
        self._position_path.unlink(missing_ok=True)
        sync_directory(self._spec.directory)
        shutil.rmtree(self._files, ignore_errors=True)
        for path in (self._spec.directory / "groups", *self._spec.directory.glob("*.tmp")):
            path.unlink(missing_ok=True)
        self._groups_file = GroupsFile(self._spec.directory / "groups")
        self._groups = RowGroups()
        self._used_groups = 0
        self.checked = True
        self.saved_lost, self._written = None, False
        with self._full_disk_reported():
            self._index = open_index(self._files)
        return self._snapshot(NO_POSITION, None)

    def checking(self) -> Steps[tuple[Broken, ...] | Damage]:
        """Read all that is live; what is damaged of it. The files beside the index are written anew where they are damaged."""
        try:
            checked = yield from check_files(self._files, math.inf)
        except (Damaged, OSError) as error:
            return damage_of(error, self._files.name, "a whole file")
        self.checked = True
        return checked.broken

    def check_own_files(self, snapshot: Snapshot) -> None:
        """Write the files of groups and position anew where they are damaged."""
        try:
            self._groups_file.check()
        except (Damaged, OSError, ValueError) as error:
            damage = damage_of(error, "groups", "a whole file")
            self._report(damage)
            put_aside(self._spec.directory, [self._spec.directory / "groups"], damage)
            self._groups_file.rewrite(self._groups)
        try:
            saved = read_position(self._position_path)
            if (saved and saved.belongs_to(self._spec, FINGERPRINT)) or not self._written:
                return
            found = "another view's" if saved else "no file"
            damage = Damage(file=self._position_path.name, expected="this view's", found=found)
        except (Damaged, OSError) as error:
            damage = damage_of(error, self._position_path.name, "a whole file")
        self._report(damage)
        put_aside(self._spec.directory, [self._position_path], damage)
        self.save(snapshot)

    def _snapshot(self, position: Position, lost: DocumentKey | None) -> Snapshot:
        searcher = self._index.searcher()
        marks = tuple(mark for mark, number in NUMBERS.items() if searcher.doc_freq(LANGUAGE, number))
        return Snapshot(
            searcher=searcher, schema=self._schema, groups=self._groups, marks=marks, position=position, lost=lost
        )

    def apply(self, batch: ChangeBatch, lost: DocumentKey | None) -> Snapshot:
        """Commit a batch, all of it or nothing. `lost` is what is lost after it."""
        with self._rolled_back(), self._full_disk_reported():
            writer = self._writer = self._writer or self._index.writer(self._heap, 1)
            # By query: `delete_documents_by_term` of tantivy 0.27 silently finds nothing in an unsigned field.
            replaced = [change.document for change in batch.changes]
            writer.delete_documents_by_query(tantivy.Query.term_set_query(self._schema, DOCUMENT, replaced))
            for change in batch.changes:
                if change.passages:
                    group = self._groups.number(change.attributes)
                    for document in documents_of(change, group, self._analysis):
                        writer.add_document(document)
            self._groups_file.append(self._groups)
            reach(FailPoint.LEXICAL_BEFORE_COMMIT)
            writer.commit()
            reach(FailPoint.LEXICAL_AFTER_COMMIT)
        self._index.reload()
        return self._snapshot(batch.position, lost)

    @contextmanager
    def _rolled_back(self) -> Iterator[None]:
        """Where it fails, drop the writer with what is not committed; the next batch opens another."""
        try:
            yield
        except BaseException:
            self._drop_writer()
            raise

    def _drop_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            try:
                writer.wait_merging_threads()  # the only way to have it give back its lock at once
            except (ValueError, RuntimeError, OSError) as error:
                logger.debug("a dropped writer had failed: %s", error)

    def save(self, snapshot: Snapshot) -> Snapshot:
        """Make what the snapshot has durable; drop groups that no passage is in any more, where they are many."""
        with self._full_disk_reported():
            # Tantivy syncs its files, but not the directory after the rename that is its commit.
            sync_directory(self._files)
            self._write_position(snapshot.position, snapshot.lost)
            reach(FailPoint.LEXICAL_AFTER_POSITION)
            if len(self._groups) <= 2 * self._used_groups + _FEW_GROUPS:
                return snapshot
            numbers = [number for number, _ in self._groups.dump()]
            searcher = snapshot.searcher
            used = {number for number in numbers if number == numbers[-1] or searcher.doc_freq(GROUP, number)}
            groups = self._groups.retained(used)
            self._groups_file.rewrite(groups)
            self._groups, self._used_groups = groups, len(groups)
            return self._snapshot(snapshot.position, snapshot.lost)

    def _write_position(self, position: Position, lost: DocumentKey | None) -> None:
        saved = Saved(
            fingerprint=FINGERPRINT,
            collection=self._spec.collection,
            epoch=self._spec.epoch,
            generation=self._spec.generation,
            position=position,
            groups=self._groups_file.saved,
            lost=lost,
        )
        write_position(self._position_path, saved)
        self.saved_lost, self._written = lost, True

    def clear(self) -> Snapshot:
        """Remove everything, the position first."""
        self._drop_writer()
        return self._emptied()

    def close_writer(self, snapshot: Snapshot) -> Snapshot:
        """Let the merges end and the threads of the writer go."""
        writer, self._writer = self._writer, None
        if writer is not None:
            with self._full_disk_reported():
                writer.wait_merging_threads()
        self._index.reload()
        return self._snapshot(snapshot.position, snapshot.lost)

    @contextmanager
    def _full_disk_reported(self) -> Iterator[None]:
        """Tantivy's errors of a full disk are told by their text, or, when a thread of its own met it, by the disk only."""
        try:
            with full_disk_reported():
                yield
        except (ValueError, RuntimeError, OSError) as error:
            killed = "writer was killed" in str(error) and shutil.disk_usage(self._spec.directory).free < self._heap
            if killed or any(sign in str(error) for sign in _FULL):
                raise StorageFull from error
            raise
