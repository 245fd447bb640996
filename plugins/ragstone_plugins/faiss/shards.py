"""Several shards as one view: each has its documents, its files and its position."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ragstone_plugins.faiss.view import FaissView
from ragstone_server.spi.positions import DocumentKey, Position
from ragstone_server.spi.views import ChangeBatch, Hits, Inventory, VectorQuery

_GOLDEN = 0x9E3779B97F4A7C15
"""2**64 divided by the golden ratio: Knuth's multiplicative hash (The Art of Computer Programming 3, section 6.4)."""


def shard_of(document: DocumentKey, shards: int) -> int:
    """Which shard has a document."""
    return ((document * _GOLDEN & 0xFFFF_FFFF_FFFF_FFFF) >> 32) % shards


class ShardedView:
    """Fits `spi.views.VectorView`. What is true of it is true of each shard, so its positions are their least."""

    def __init__(self, shards: Sequence[FaissView], harm: asyncio.Event) -> None:
        """`harm` is set by each of the shards."""
        self.shards = tuple(shards)
        self._harm = harm

    @property
    def position(self) -> Position:
        """Of the slowest."""
        return min(shard.position for shard in self.shards)

    @property
    def durable(self) -> Position:
        """Of the slowest."""
        return min(shard.durable for shard in self.shards)

    @property
    def lost(self) -> DocumentKey | None:
        """What any of them has lost."""
        return min((shard.lost for shard in self.shards if shard.lost is not None), default=None)

    @property
    def damage(self) -> str:
        """Of those that have found any."""
        return "; ".join(shard.damage for shard in self.shards if shard.damage)

    async def harmed(self) -> None:
        """Wait for any of them."""
        await self._harm.wait()
        self._harm.clear()

    async def search(self, request: VectorQuery, /) -> Hits:
        """All at once, as far as there are threads."""
        found = await asyncio.gather(*(shard.search(request) for shard in self.shards))
        hits = sorted((hit for each in found for hit in each.hits), key=lambda hit: -hit.score)
        return Hits(hits=tuple(hits[: max(request.limit, 0)]), position=min(each.position for each in found))

    async def count(self) -> int:
        """Of all together."""
        return sum([await shard.count() for shard in self.shards])

    async def inventory(self) -> Inventory:
        """Of all together."""
        held = [await shard.inventory() for shard in self.shards]
        return Inventory(
            position=min(each.position for each in held),
            passages=np.concatenate([each.passages for each in held]),
            documents=np.concatenate([each.documents for each in held]),
            vectors=np.concatenate([each.vectors for each in held if each.vectors is not None]),
            attributes=np.concatenate([each.attributes for each in held]),
            texts=None,
        )

    async def check(self) -> tuple[str, ...]:
        """Of all of them."""
        return tuple([line for shard in self.shards for line in await shard.check()])

    async def apply(self, batch: ChangeBatch, /) -> None:
        """Each its own documents; a shard that is further on stays there."""
        await asyncio.gather(
            *(
                shard.apply(replace(mine, position=max(mine.position, shard.position)))
                for shard, mine in self._divided(batch)
            )
        )

    async def repair(self, batch: ChangeBatch, after: DocumentKey, upto: DocumentKey | None, /) -> None:
        """Each its own documents."""
        await asyncio.gather(
            *(shard.repair(mine, after, upto) for shard, mine in self._divided(batch) if shard.lost is not None)
        )

    def _divided(self, batch: ChangeBatch) -> list[tuple[FaissView, ChangeBatch]]:
        count = len(self.shards)
        homes = [(shard_of(change.document, count), change) for change in batch.changes]
        return [
            (shard, replace(batch, changes=tuple(change for home, change in homes if home == number)))
            for number, shard in enumerate(self.shards)
        ]

    async def flush(self) -> None:
        """All of them."""
        await asyncio.gather(*(shard.flush() for shard in self.shards))

    async def reset(self) -> None:
        """All of them."""
        await asyncio.gather(*(shard.reset() for shard in self.shards))
