"""A sketch of a large segment: one bit a dimension, which finds candidates that the vectors themselves then score.

Product quantization of 4 dimensions to 4 bits, in FAISS's fast-scan layout (André, Kermarrec and Le Scouarnec, "Cache
locality is not enough", VLDB 2015). It takes no selector and forgets nothing, so it serves the
searches of which most rows pass. It lies beside its segment in a file of its own; without it the segment is scanned.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from ragstone_plugins.faiss.manifest import LiveSketch
from ragstone_server.spi.pacing import Steps
from ragstone_server.spi.quarantine import Damage, Damaged, damage_of

FACTOR = 4
"""Candidates for each row that is asked for."""
_LEAST_ROWS = 20_000
"""Below, scanning everything is as fast."""
_LEAST_DIMENSION = 128
"""Below, so few bits tell too little."""
_DIMENSIONS = 4
"""Of a quantizer."""
_BITS = 4
_ROUNDS = 8
"""Of k-means: 0.2 s, in one step. More of them make no better sketch."""
_TRAINED_ROWS = 4096
"""256 for each of the 16 centroids; FAISS would leave more of them out."""
_BLOCK_ROWS = 1024
"""A step of some milliseconds."""


def pays(rows: int, dimension: int) -> bool:
    """Whether a segment of this size has a sketch."""
    return rows >= _LEAST_ROWS and dimension >= _LEAST_DIMENSION and dimension % _DIMENSIONS == 0


def sketched(vectors: NDArray[np.float16], flat: Any) -> Steps[Any]:
    """An index that refines the sketch's candidates by `flat`, over the same rows; None where it does not pay."""
    rows, dimension = vectors.shape
    if not pays(rows, dimension):
        return None
    faiss.omp_set_num_threads(1)  # of this thread: two would slow the searches beside it
    sketch = faiss.IndexPQFastScan(dimension, dimension // _DIMENSIONS, _BITS, faiss.METRIC_INNER_PRODUCT)
    sketch.pq.cp.niter = _ROUNDS
    sketch.train(vectors[:: -(-rows // _TRAINED_ROWS)].astype(np.float32))
    for start in range(0, rows, _BLOCK_ROWS):
        yield
        faiss.omp_set_num_threads(1)  # the next step may run in another thread
        sketch.add(vectors[start : start + _BLOCK_ROWS].astype(np.float32))
    return _refined(sketch, flat)


def write_sketch(path: Path, index: Any) -> LiveSketch:
    """Save the sketch of an index that `sketched` made."""
    content = faiss.serialize_index(index.base_index).tobytes()
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return LiveSketch(size=len(content), sha256=hashlib.sha256(content).hexdigest())


def read_sketch(path: Path, live: LiveSketch, flat: Any) -> Any:
    """Inverse of `write_sketch`. Raises `Damaged`."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Damaged(damage_of(error, path.name, f"{live.size} bytes")) from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != live.sha256:
        found = f"{len(content)} bytes, {digest}"
        raise Damaged(Damage(file=path.name, expected=f"{live.size} bytes, sha256 {live.sha256}", found=found))
    return _refined(faiss.deserialize_index(np.frombuffer(content, np.uint8)), flat)


def _refined(sketch: Any, flat: Any) -> Any:
    index = faiss.IndexRefine(sketch, flat)
    index.k_factor = FACTOR
    return index
