from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ragstone_server.bench import vectors as module
from ragstone_server.bench.vectors import embedded
from ragstone_server.spi.embedder import EmbedRequest
from ragstone_server.testing.memory.embedder import MemoryEmbedder


class Counting(MemoryEmbedder):
    """Counts what it embeds."""

    def __init__(self) -> None:
        super().__init__(dimension=8)
        self.texts = 0

    async def __call__(self, request: EmbedRequest, /) -> NDArray[np.float32]:
        self.texts += len(request.texts)
        return await super().__call__(request)


async def test_vectors_are_embedded_once_and_a_stop_loses_a_block_at_most(tmp_path: Path, monkeypatch: object) -> None:
    texts = [f"{'long ' * (number % 7)}text {number}" for number in range(50)]
    corpus, embedder = tmp_path / "corpus.tsv", Counting()
    monkeypatch.setattr(module, "BLOCK", 20)  # type: ignore[attr-defined]
    shown: list[tuple[int, int]] = []
    first = await embedded(texts, embedder, corpus, lambda done, of: shown.append((done, of)))
    assert shown == [(20, 50), (40, 50), (50, 50)]
    assert np.allclose(first[7], (await MemoryEmbedder(dimension=8)(_of(texts[7])))[0], atol=1e-3), (
        "in the texts' order"
    )
    (file,) = tmp_path.glob("corpus.tsv.*.f16")
    whole = file.read_bytes()
    file.write_bytes(whole[: 20 * 16 + 5])
    again = await embedded(texts, embedder, corpus)
    assert embedder.texts == 50 + 30
    assert file.read_bytes() == whole
    assert np.array_equal(again, first)
    await embedded([*texts, "one more"], embedder, corpus)
    assert len(list(tmp_path.glob("corpus.tsv.*.f16"))) == 2, "other texts, another file"


def _of(text: str) -> EmbedRequest:
    from ragstone_server.spi.embedder import Purpose

    return EmbedRequest(texts=(text,), purpose=Purpose.PASSAGE)
