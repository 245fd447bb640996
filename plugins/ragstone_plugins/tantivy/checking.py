"""Is an index whole? Damaged files that pass Tantivy's own look at opening can end the process later, in a merge."""

import json
import struct
import zlib
from pathlib import Path

_KINDS = ("fast", "fieldnorm", "idx", "pos", "store", "term")
_TAIL = struct.Struct("<II")
"""Tantivy ends each file with JSON of its version and CRC-32, the length of that, and a magic number."""
_MAGIC = 1337
_CHECKED_BYTES = 256_000_000
"""Content that is read at opening, the smallest files first: a fraction of a second. Of the rest, footers only."""


class BrokenIndex(Exception):
    """A file of the index is damaged or missing."""


def check_files(directory: Path, budget: float = _CHECKED_BYTES) -> None:
    """Raise `BrokenIndex` where a file of a live segment is missing or damaged, as far as a look at `budget` bytes tells."""
    try:
        segments = json.loads((directory / "meta.json").read_bytes())["segments"]
        paths = [path for segment in segments for path in _files(directory, segment)]
        for size, path in sorted((path.stat().st_size, path) for path in paths):
            budget -= size
            _check(path, size, whole=budget >= 0)
    except (OSError, ValueError, LookupError, TypeError, struct.error) as error:
        raise BrokenIndex(f"a file of the index is missing or damaged: {error}") from error


def _files(directory: Path, segment: dict[str, dict[str, int] | str | None]) -> list[Path]:
    stem = str(segment["segment_id"]).replace("-", "")
    deletes = segment.get("deletes")
    names = [*_KINDS, *([f"{deletes['opstamp']}.del"] if isinstance(deletes, dict) else [])]
    return [directory / f"{stem}.{name}" for name in names]


def _check(path: Path, size: int, *, whole: bool) -> None:
    with path.open("rb") as file:
        file.seek(size - _TAIL.size)
        length, magic = _TAIL.unpack(file.read())
        end = size - _TAIL.size - length
        if magic != _MAGIC or end < 0:
            raise BrokenIndex(f"{path.name} has no footer")
        file.seek(end)
        expected = json.loads(file.read(length))["crc"]
        if whole:
            file.seek(0)
            if zlib.crc32(file.read(end)) != expected:
                raise BrokenIndex(f"{path.name} is damaged")
