"""Watermarks: a position of a collection in one life of the catalog, as an opaque token."""

import re
from dataclasses import dataclass

from ragstone_server.spi.errors import InvalidWatermark
from ragstone_server.spi.positions import CollectionKey, Position

_TOKEN = re.compile(r"w1\.([0-9a-f-]{1,64})\.([0-9a-f]{8})\.([0-9a-f]{16})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watermark:
    """Everything up to `position` of `collection`, in the catalog of `epoch`."""

    epoch: str
    collection: CollectionKey
    position: Position

    def __str__(self) -> str:
        """The token. Tokens of one collection and epoch sort as text in the order of their positions."""
        return f"w1.{self.epoch}.{self.collection:08x}.{self.position:016x}"

    @classmethod
    def parse(cls, token: str) -> "Watermark":
        """Read a token. Raises `InvalidWatermark`."""
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise InvalidWatermark("the watermark is malformed; send one as a reply gave it")
        return cls(epoch=match[1], collection=CollectionKey(int(match[2], 16)), position=Position(int(match[3], 16)))
