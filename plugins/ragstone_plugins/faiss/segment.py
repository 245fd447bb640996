"""A segment file: vectors, the columns beside them, and a footer that says whether the file is whole.

    magic | vectors | keys | documents | numbers | attributes | footer

Arrays are little-endian; `attributes` is JSON of the groups. The footer has the count of rows, the dimension, the length
of the attributes, CRC-32 of everything but the vectors and SHA-256 of everything before the footer. Opening checks the
first always, the second where the file is small.
"""

import hashlib
import json
import mmap
import os
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.faiss.part import Columns
from ragstone_server.spi.rows import RowGroups

_MAGIC = b"RAGSTONE VECTORS SEGMENT 1\n".ljust(64, b"\0")
_FOOTER = struct.Struct("<QIQI32s")
_END = b"RAGSTONE"
FOOTER_BYTES = _FOOTER.size + len(_END)
"""Behind what the checksum covers."""
_CHECKED_BYTES = 64_000_000
"""Files up to this size are read as a whole at opening: some hundredths of a second."""


class BrokenSegment(Exception):
    """A segment file is damaged."""


def write_segment(path: Path, columns: Columns, vectors: Iterable[NDArray[np.float16]]) -> str:
    """Write and sync a file of these columns, with the vectors in blocks; return its SHA-256."""
    attributes = json.dumps(list(columns.groups.dump()), separators=(",", ":")).encode()
    beside = [columns.keys.tobytes(), columns.documents.tobytes(), columns.numbers.tobytes(), attributes]
    checksum, digest = 0, hashlib.sha256()
    with path.open("wb") as file:

        def write(data: bytes | memoryview) -> None:
            digest.update(data)
            file.write(data)

        write(_MAGIC)
        for block in vectors:
            write(np.ascontiguousarray(block).data.cast("B"))
        for column in beside:
            checksum = zlib.crc32(column, checksum)
            write(column)
        rows, dimension = len(columns.keys), columns.vectors.shape[1]
        file.write(_FOOTER.pack(rows, dimension, len(attributes), checksum, digest.digest()) + _END)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def read_segment(path: Path, dimension: int, sha256: str) -> Columns:
    """Map a file into memory. Raises `BrokenSegment` where size, footer or the columns beside the vectors are wrong."""
    with path.open("rb") as file:
        memory = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    end = len(memory) - _FOOTER.size - len(_END)
    if end < len(_MAGIC) or memory[: len(_MAGIC)] != _MAGIC or memory[-len(_END) :] != _END:
        raise BrokenSegment(f"{path.name} is no whole segment file")
    rows, width, attributes, checksum, digest = _FOOTER.unpack(memory[end : -len(_END)])
    beside = len(_MAGIC) + rows * width * 2
    if width != dimension or end != beside + rows * 20 + attributes or digest.hex() != sha256:
        raise BrokenSegment(f"{path.name} is not the segment file that the manifest names")
    if zlib.crc32(memory[beside:end]) != checksum:
        raise BrokenSegment(f"{path.name} is damaged")
    if end <= _CHECKED_BYTES and hashlib.sha256(memory[:end]).digest() != digest:
        raise BrokenSegment(f"{path.name} is damaged")
    return Columns(
        vectors=np.frombuffer(memory, np.float16, rows * width, len(_MAGIC)).reshape(rows, width),
        keys=np.frombuffer(memory, np.int64, rows, beside),
        documents=np.frombuffer(memory, np.int64, rows, beside + rows * 8),
        numbers=np.frombuffer(memory, np.int32, rows, beside + rows * 16),
        groups=RowGroups.load((number, key) for number, key in json.loads(bytes(memory[end - attributes : end]))),
    )
