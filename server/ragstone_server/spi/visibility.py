"""Who may read a document and whether a filter passes it: one rule, for the catalog and for every view."""

import json
from dataclasses import dataclass, field

from ragstone_server.spi.filters import Filter, matches
from ragstone_server.spi.metadata import Metadata, decode_metadata, encode_metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class Attributes:
    """What decides over a document's visibility. Equal attributes have an equal `key`."""

    metadata: Metadata
    readers: frozenset[str] | None
    """Principals that may read it; None: the collection's default. An empty set: nobody."""

    @property
    def key(self) -> str:
        """Canonical text of both: JSON of the sorted readers, a line end, the metadata as `encode_metadata` has it."""
        readers = json.dumps(None if self.readers is None else sorted(self.readers), separators=(",", ":"))
        return f"{readers}\n{encode_metadata(self.metadata)}"

    @classmethod
    def from_key(cls, key: str) -> "Attributes":
        """Inverse of `key`."""
        readers, _, metadata = key.partition("\n")
        principals = json.loads(readers)
        return cls(readers=None if principals is None else frozenset(principals), metadata=decode_metadata(metadata))


@dataclass(frozen=True, slots=True, kw_only=True)
class Visibility:
    """What one request may see."""

    principals: frozenset[str]
    """Who asks: the caller's own principal and its groups."""
    default_readable: bool
    """Whether documents without readers of their own are open to every caller of the tenant."""
    filter: Filter | None = field(default=None)
    """The caller's filter; None passes everything."""

    def allows(self, attributes: Attributes) -> bool:
        """Whether the caller may see a document with these attributes. Unknown permissions mean no."""
        named = attributes.readers
        readable = self.default_readable if named is None else not self.principals.isdisjoint(named)
        return readable and (self.filter is None or matches(self.filter, attributes.metadata))
