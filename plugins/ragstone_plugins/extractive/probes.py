"""Whether the embedder is the one of the calibration: its cosines decide, not its name.

The same model in fp32 and in int8 passes; another model has another distribution of cosines and must not be judged by it.
"""

from collections.abc import Sequence

import numpy as np

from ragstone_plugins.extractive.scoring import Probe
from ragstone_server.spi.embedder import Embedder, EmbedRequest, Purpose

PAIRS = (
    ("When was the harbour opened?", "The harbour was opened in 1911."),
    ("When was the harbour opened?", "The lighthouse keeper likes coffee in the morning."),
    ("How much does a single ticket cost?", "Children under six travel free of charge."),
    ("Who approves an order?", "Orders above 10,000 euros need the consent of the board."),
    ("Why do leaves turn red in autumn?", "Interest rates rose for the third time this year."),
)
"""Close, far and between."""

_TOLERANCE = 0.05


async def is_calibrated_for(embedder: Embedder, probes: Sequence[Probe]) -> bool:
    """Whether the embedder gives the cosines of the probes."""
    texts = tuple(text for probe in probes for text in probe.texts)
    vectors = await embedder(EmbedRequest(texts=texts, purpose=Purpose.QUESTION))
    cosines = np.sum(vectors[0::2] * vectors[1::2], axis=1)
    wanted = np.array([probe.cosine for probe in probes])
    return bool(np.all(np.abs(cosines - wanted) <= _TOLERANCE))
