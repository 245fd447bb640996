"""The file of the view's groups: one line a group, only appended to, until it is written anew without the unused.

A commit of the index refers to groups by number, so their lines are durable before it. Each line has a checksum: a torn
last line is a crash before such a commit, and is cut off.
"""

import json
import os
import zlib
from collections.abc import Iterable
from pathlib import Path

from ragstone_server.spi.durable_files import replace_file, sync_directory
from ragstone_server.spi.quarantine import Damage, Damaged
from ragstone_server.spi.rows import RowGroups


class GroupsFile:
    """Keeps a file in step with a `RowGroups`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = 0
        self.saved = 0
        """Numbers below this one are in the file."""

    def load(self, expected: int) -> RowGroups:
        """Read the file; `expected` numbers at least were saved. Raises `Damaged`."""
        groups = []
        content = self._path.read_bytes() if self._path.exists() else b""
        for line in content.splitlines(keepends=True):
            checksum, _, body = line.rstrip(b"\n").partition(b" ")
            if not line.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(body):
                break
            number, key = json.loads(body)
            groups.append((number, key))
            self._size += len(line)
        loaded = RowGroups.load(groups)
        if loaded.end < expected:
            raise Damaged(Damage(file=self._path.name, expected=f"{expected} groups", found=f"{loaded.end}"))
        self.saved = loaded.end
        if self._size < len(content):
            os.truncate(self._path, self._size)
        return loaded

    def check(self) -> None:
        """Compare the file with what was written. Raises `Damaged`."""
        found = self._path.stat().st_size if self._path.exists() else 0
        if found != self._size:
            raise Damaged(Damage(file=self._path.name, expected=f"{self._size} bytes", found=f"{found} bytes"))
        if self._size:
            GroupsFile(self._path).load(self.saved)

    def append(self, groups: RowGroups) -> None:
        """Save the groups that are not in the file yet, durably. Without effect where it fails."""
        if groups.end == self.saved:
            return
        created = not self._path.exists()
        lines = _lines(groups.dump(self.saved))
        with self._path.open("ab") as file:
            try:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                os.ftruncate(file.fileno(), self._size)
                raise
        if created:
            sync_directory(self._path.parent)
        self._size += len(lines)
        self.saved = groups.end

    def rewrite(self, groups: RowGroups) -> None:
        """Write the file anew with these groups only."""
        lines = _lines(groups.dump())
        replace_file(self._path, lines)
        self._size, self.saved = len(lines), groups.end


def _lines(groups: Iterable[tuple[int, str]]) -> bytes:
    bodies = [json.dumps(group, separators=(",", ":")).encode() for group in groups]
    return b"".join(b"%08x %s\n" % (zlib.crc32(body), body) for body in bodies)
