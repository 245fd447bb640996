"""Vectors of a corpus, embedded once and kept in a file beside it."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ragstone_server.bench.corpus import digest
from ragstone_server.spi.embedder import Embedder, EmbedRequest, Purpose

BLOCK: Final = 2048
"""Texts that are embedded, and kept, together: so many are embedded again at most after a stop."""

Progress = Callable[[int, int], None]
"""Told how many texts of how many have a vector."""


async def embedded(
    texts: list[str], embedder: Embedder, beside: Path, progress: Progress = lambda done, of: None
) -> NDArray[np.float16]:
    """(texts, dimension), mapped from the file; what is missing in it is embedded and appended first.

    The file's name has the embedder's fingerprint and the texts' digest: for other texts there is another file.
    """
    file = beside.with_name(f"{beside.name}.{digest(texts)[:12]}.{_safe(embedder.fingerprint)}.f16")
    row = 2 * embedder.dimension
    done = file.stat().st_size // row if file.exists() else 0
    if done < len(texts):
        with file.open("ab") as out:
            out.truncate(done * row)  # a stop may have left half a row
            while done < len(texts):
                block = texts[done : done + BLOCK]
                out.write((await _block(block, embedder)).tobytes())
                out.flush()
                done += len(block)
                progress(done, len(texts))
    return np.memmap(file, dtype=np.float16, mode="r", shape=(len(texts), embedder.dimension))


async def _block(texts: list[str], embedder: Embedder) -> NDArray[np.float16]:
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    vectors = await embedder(EmbedRequest(texts=tuple(texts[i] for i in order), purpose=Purpose.PASSAGE))
    rows = np.empty(vectors.shape, dtype=np.float16)
    rows[order] = vectors
    return rows


def _safe(fingerprint: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in fingerprint)[:40]
