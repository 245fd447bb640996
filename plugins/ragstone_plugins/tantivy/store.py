"""The files of a view, and the writer. Methods run in a thread of the bulk lane, one at a time."""

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import tantivy

from ragstone_plugins.tantivy.analysis import VERSION, Analysis, field_of, normalised
from ragstone_plugins.tantivy.checking import BrokenIndex, check_files
from ragstone_plugins.tantivy.groups_file import BrokenGroups, GroupsFile
from ragstone_plugins.tantivy.position_file import FORMAT, BrokenPosition, Saved, read_position, write_position
from ragstone_plugins.tantivy.schema import DOCUMENT, GROUP, documents_of, open_index, schema
from ragstone_plugins.tantivy.searching import Snapshot
from ragstone_server.spi.durable_files import full_disk_reported, sync_directory
from ragstone_server.spi.errors import StorageFull
from ragstone_server.spi.failpoints import FailPoint, reach
from ragstone_server.spi.positions import NO_POSITION, Position
from ragstone_server.spi.rows import RowGroups
from ragstone_server.spi.views import ChangeBatch, ViewSpec

logger = logging.getLogger(__name__)

FINGERPRINT = f"tantivy-bm25-english-{FORMAT}.{VERSION}"
_FEW_GROUPS = 1024
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

    @property
    def writing(self) -> bool:
        """Whether a writer is open."""
        return self._writer is not None

    def open(self) -> Snapshot:
        """What is on disk, ahead of the position perhaps; empty at 0 where anything about it is doubtful."""
        directory = self._spec.directory
        directory.mkdir(parents=True, exist_ok=True)
        sync_directory(directory.parent)
        try:
            saved = read_position(self._position_path)
            if saved is None:
                return self._emptied()
            if not saved.belongs_to(self._spec, FINGERPRINT):
                raise BrokenPosition("the files are of another epoch, generation or analyzer")
            return self._opened(saved)
        except (BrokenPosition, BrokenGroups, BrokenIndex, OSError, ValueError, RuntimeError) as error:
            logger.warning("lexical view in %s begins empty: %s", directory, error)
            return self._emptied()

    def _opened(self, saved: Saved) -> Snapshot:
        check_files(self._files)
        self._groups_file = GroupsFile(self._spec.directory / "groups")
        self._groups = self._groups_file.load(saved.groups)
        self._used_groups = len(self._groups)
        self._index = open_index(self._files, self._analysis)
        return self._snapshot(Position(saved.position))

    def _emptied(self) -> Snapshot:
        self._position_path.unlink(missing_ok=True)
        sync_directory(self._spec.directory)
        shutil.rmtree(self._files, ignore_errors=True)
        for path in (self._spec.directory / "groups", *self._spec.directory.glob("*.tmp")):
            path.unlink(missing_ok=True)
        self._groups_file = GroupsFile(self._spec.directory / "groups")
        self._groups = RowGroups()
        self._used_groups = 0
        with self._full_disk_reported():
            self._index = open_index(self._files, self._analysis)
        return self._snapshot(NO_POSITION)

    def _snapshot(self, position: Position) -> Snapshot:
        searcher = self._index.searcher()
        return Snapshot(searcher=searcher, schema=self._schema, groups=self._groups, position=position)

    def apply(self, batch: ChangeBatch) -> Snapshot:
        """Commit a batch, all of it or nothing."""
        with self._rolled_back(), self._full_disk_reported():
            writer = self._writer = self._writer or self._index.writer(self._heap, 1)
            # By query: `delete_documents_by_term` of tantivy 0.27 silently finds nothing in an unsigned field.
            replaced = [change.document for change in batch.changes]
            writer.delete_documents_by_query(tantivy.Query.term_set_query(self._schema, DOCUMENT, replaced))
            for change in batch.changes:
                if change.passages:
                    group = self._groups.number(change.attributes)
                    texts = [normalised(passage.text) for passage in change.passages]
                    for document in documents_of(change, field_of(change.language), group, texts):
                        writer.add_document(document)
            self._groups_file.append(self._groups)
            reach(FailPoint.LEXICAL_BEFORE_COMMIT)
            writer.commit()
            reach(FailPoint.LEXICAL_AFTER_COMMIT)
        self._index.reload()
        return self._snapshot(batch.position)

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
            self._write_position(snapshot.position)
            reach(FailPoint.LEXICAL_AFTER_POSITION)
            if len(self._groups) <= 2 * self._used_groups + _FEW_GROUPS:
                return snapshot
            numbers = [number for number, _ in self._groups.dump()]
            searcher = snapshot.searcher
            used = {number for number in numbers if number == numbers[-1] or searcher.doc_freq(GROUP, number)}
            groups = self._groups.retained(used)
            self._groups_file.rewrite(groups)
            self._groups, self._used_groups = groups, len(groups)
            return self._snapshot(snapshot.position)

    def _write_position(self, position: Position) -> None:
        saved = Saved(
            fingerprint=FINGERPRINT,
            collection=self._spec.collection,
            epoch=self._spec.epoch,
            generation=self._spec.generation,
            position=position,
            groups=self._groups_file.saved,
        )
        write_position(self._position_path, saved)

    def clear(self) -> Snapshot:
        """Remove everything, the position first."""
        self._drop_writer()
        return self._emptied()

    def close_writer(self, position: Position) -> Snapshot:
        """Let the merges end and the threads of the writer go."""
        writer, self._writer = self._writer, None
        if writer is not None:
            with self._full_disk_reported():
                writer.wait_merging_threads()
        self._index.reload()
        return self._snapshot(position)

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
