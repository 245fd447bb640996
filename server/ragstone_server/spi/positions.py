"""Keys and positions of the catalog. Each is an int with a type of its own."""

from typing import NewType

Position = NewType("Position", int)
"""Dense count of a collection's changes, from 1, in commit order; 0 is before the first."""

CollectionKey = NewType("CollectionKey", int)
"""The catalog's own number of a collection; never used again for another."""

DocumentKey = NewType("DocumentKey", int)
"""The catalog's own number of a document; never used again for another."""

ContentKey = NewType("ContentKey", int)
"""The catalog's own number of one extracted text of a document; never used again."""

PassageKey = NewType("PassageKey", int)
"""The catalog's own number of a passage, below 2**63; never used again."""

NO_POSITION = Position(0)
