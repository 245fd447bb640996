"""A segment file: vectors, the columns beside them, and a footer that says whether the file is whole.

    magic | vectors | keys | documents | numbers | attributes | footer

Arrays are little-endian; `attributes` is JSON of the groups. The footer has the count of rows, the dimension, the length
of the attributes, CRC-32 of everything but the vectors and SHA-256 of everything before the footer. Opening checks the
first always, the second where the files are small; the rest is checked in the background.
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
from ragstone_server.spi.pacing import Steps
from ragstone_server.spi.quarantine import Damage, Damaged, damage_of
from ragstone_server.spi.rows import RowGroups

_MAGIC = b"RAGSTONE VECTORS SEGMENT 1\n".ljust(64, b"\0")
_FOOTER = struct.Struct("<QIQI32s")
_END = b"RAGSTONE"
_STEP_BYTES = 8_000_000
_SYNCED_BYTES = 64_000_000
"""A large file is synced on the way, so that its end does not hold up those who sync at that time."""


def write_segment(path: Path, columns: Columns, vectors: Iterable[NDArray[np.float16]]) -> Steps[str]:
    """Write and sync a file of these columns, with the vectors in blocks, one a step; its SHA-256."""
    attributes = json.dumps(list(columns.groups.dump()), separators=(",", ":")).encode()
    beside = [columns.keys.tobytes(), columns.documents.tobytes(), columns.numbers.tobytes(), attributes]
    checksum, digest, unsynced = 0, hashlib.sha256(_MAGIC), 0
    with path.open("wb") as file:
        file.write(_MAGIC)
        for block in vectors:
            data = np.ascontiguousarray(block).data.cast("B")
            digest.update(data)
            file.write(data)
            unsynced += len(data)
            if unsynced >= _SYNCED_BYTES:
                os.fdatasync(file.fileno())
                unsynced = 0
            yield
        for column in beside:
            checksum = zlib.crc32(column, checksum)
            digest.update(column)
            file.write(column)
        rows, dimension = len(columns.keys), columns.vectors.shape[1]
        file.write(_FOOTER.pack(rows, dimension, len(attributes), checksum, digest.digest()) + _END)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def read_segment(path: Path, dimension: int, size: int, sha256: str) -> Columns:
    """Map a file into memory. Raises `Damaged` where size, footer or the columns beside the vectors are wrong, or it is missing."""
    try:
        with path.open("rb") as file:
            actual = os.fstat(file.fileno()).st_size
            if actual != size:
                raise _damaged(path, f"{size} bytes", f"{actual} bytes")
            memory = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise Damaged(damage_of(error, path.name, f"{size} bytes")) from error
    end = size - _FOOTER.size - len(_END)
    if end < len(_MAGIC) or memory[: len(_MAGIC)] != _MAGIC or memory[-len(_END) :] != _END:
        raise _damaged(path, "a segment file", "another kind of file")
    rows, width, attributes, checksum, digest = _FOOTER.unpack(memory[end : -len(_END)])
    beside = len(_MAGIC) + rows * width * 2
    if width != dimension or end != beside + rows * 20 + attributes or digest.hex() != sha256:
        raise _damaged(path, f"a footer with sha256 {sha256}", f"a footer with {digest.hex()}")
    if (found := zlib.crc32(memory[beside:end])) != checksum:
        raise _damaged(path, f"columns with CRC-32 {checksum:08x}", f"{found:08x}")
    return Columns(
        vectors=np.frombuffer(memory, np.float16, rows * width, len(_MAGIC)).reshape(rows, width),
        keys=np.frombuffer(memory, np.int64, rows, beside),
        documents=np.frombuffer(memory, np.int64, rows, beside + rows * 8),
        numbers=np.frombuffer(memory, np.int32, rows, beside + rows * 16),
        groups=RowGroups.load((number, key) for number, key in json.loads(bytes(memory[end - attributes : end]))),
    )


def check_segment(path: Path, size: int, sha256: str) -> Steps[None]:
    """Read all before the footer, some megabytes a step. Raises `Damaged`."""
    yield from check_bytes(path, size, sha256, size - _FOOTER.size - len(_END))


def check_bytes(path: Path, size: int, sha256: str, length: int) -> Steps[None]:
    """Compare the size of a file and the SHA-256 of its first `length` bytes. Raises `Damaged`."""
    digest = hashlib.sha256()
    try:
        with path.open("rb", buffering=0) as file:
            if (actual := os.fstat(file.fileno()).st_size) != size:
                raise _damaged(path, f"{size} bytes", f"{actual} bytes")
            left = length
            while left > 0 and (block := file.read(min(left, _STEP_BYTES))):
                digest.update(block)
                left -= len(block)
                yield
    except OSError as error:
        raise Damaged(damage_of(error, path.name, f"{size} bytes")) from error
    if digest.hexdigest() != sha256:
        raise _damaged(path, f"sha256 {sha256}", f"sha256 {digest.hexdigest()}")


def _damaged(path: Path, expected: str, found: str) -> Damaged:
    return Damaged(Damage(file=path.name, expected=expected, found=found))
