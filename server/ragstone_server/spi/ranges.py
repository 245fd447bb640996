"""Two ways to point into a text, which never mix."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class CharRange:
    """Half-open range of characters (Unicode code points) of a `str`."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """The part of `text` that the range names."""
        return text[self.start : self.end]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ByteRange:
    """Half-open range of bytes of the UTF-8 form of a text."""

    start: int
    end: int

    def of(self, data: bytes) -> str:
        """The part of `data` that the range names; it begins and ends at character boundaries."""
        return data[self.start : self.end].decode()
