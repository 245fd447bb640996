"""Is an index whole? Damaged files that pass Tantivy's own look at opening can end the process later, in a merge."""

import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ragstone_server.spi.durable_files import replace_file
from ragstone_server.spi.pacing import Steps
from ragstone_server.spi.quarantine import Damage, Damaged, damage_of

META = "meta.json"
_KINDS = ("fast", "fieldnorm", "idx", "pos", "store", "term")
_TAIL = struct.Struct("<II")
"""Tantivy ends each file with JSON of its version and CRC-32, the length of that, and a magic number."""
_MAGIC = 1337
_STEP_BYTES = 8_000_000

SegmentMeta: TypeAlias = dict[str, Any]
"""A segment as `meta.json` has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A segment with a damaged file."""

    segment_id: str
    files: tuple[Path, ...]
    damage: Damage


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a look at an index found."""

    broken: tuple[Broken, ...]
    whole: bool
    """Whether every byte was read."""


def check_files(directory: Path, most_bytes: float) -> Steps[Checked]:
    """Look at the files of the live segments: size and footer, and all bytes of the smallest files up to `most_bytes` together.

    Raises `Damaged` where it cannot be told which segments are live.
    """
    files = [(path, segment) for segment in live_segments(directory) for path in files_of(directory, segment)]
    sizes = sorted((_size(path), path, segment["segment_id"]) for path, segment in files)
    found: dict[str, Damage] = {}
    whole = True
    for size, path, segment_id in sizes:
        most_bytes -= size
        whole = whole and most_bytes >= 0
        try:
            yield from _check(path, whole=most_bytes >= 0)
        except (OSError, ValueError, LookupError, TypeError, struct.error, Damaged) as error:
            found.setdefault(segment_id, damage_of(error, path.name, "a file of the index"))
    of = {segment_id: tuple(path for path, each in files if each["segment_id"] == segment_id) for segment_id in found}
    return Checked(
        broken=tuple(Broken(segment_id=each, files=of[each], damage=damage) for each, damage in found.items()),
        whole=whole,
    )


def live_segments(directory: Path) -> Sequence[SegmentMeta]:
    """Raises `Damaged`."""
    try:
        segments = json.loads((directory / META).read_bytes())["segments"]
        for segment in segments:
            files_of(directory, segment)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise Damaged(damage_of(error, META, "a list of segments")) from error
    return list(segments)


def drop_segments(directory: Path, gone: set[str]) -> None:
    """Have the index without these segments. Nobody writes to it meanwhile."""
    meta = json.loads((directory / META).read_bytes())
    meta["segments"] = [segment for segment in meta["segments"] if segment["segment_id"] not in gone]
    replace_file(directory / META, json.dumps(meta).encode())


def files_of(directory: Path, segment: SegmentMeta) -> list[Path]:
    """The files of a live segment."""
    stem = str(segment["segment_id"]).replace("-", "")
    deletes = segment.get("deletes")
    names = [*_KINDS, *([f"{deletes['opstamp']}.del"] if isinstance(deletes, dict) else [])]
    return [directory / f"{stem}.{name}" for name in names]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # Its reading tells why.


def _check(path: Path, *, whole: bool) -> Steps[None]:
    with path.open("rb", buffering=0) as file:
        size = file.seek(0, 2)
        file.seek(size - _TAIL.size)
        length, magic = _TAIL.unpack(file.read())
        end = size - _TAIL.size - length
        if magic != _MAGIC or end < 0:
            raise Damaged(Damage(file=path.name, expected="a footer", found=f"{size} bytes without one"))
        file.seek(end)
        expected, checksum = json.loads(file.read(length))["crc"], 0
        if not whole:
            return
        file.seek(0)
        while end > 0 and (block := file.read(min(end, _STEP_BYTES))):
            checksum = zlib.crc32(block, checksum)
            end -= len(block)
            yield
        if checksum != expected:
            raise Damaged(Damage(file=path.name, expected=f"CRC-32 {expected:08x}", found=f"{checksum:08x}"))
