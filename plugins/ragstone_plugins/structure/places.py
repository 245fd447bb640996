"""Where a part of a document is: its bytes, its page and its headings."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from ragstone_server.spi.parser import Heading, Page


class Bytes:
    """Offsets of characters as offsets of the UTF-8 form, for characters known beforehand."""

    def __init__(self, text: str, characters: Iterable[int]) -> None:
        self._offsets: dict[int, int] | None = None
        if not text.isascii():
            self._offsets = {}
            last = offset = 0
            for character in sorted(set(characters)):
                offset += len(text[last:character].encode())
                self._offsets[character] = offset
                last = character

    def at(self, character: int) -> int:
        """The byte at which this character begins."""
        return character if self._offsets is None else self._offsets[character]


class Pages:
    """Tells pages."""

    def __init__(self, pages: Sequence[Page]) -> None:
        self._pages = pages
        self._starts = [page.range.start for page in pages]

    def at(self, character: int) -> int | None:
        """Number of the page on which this character stands; of the one before, where it stands between two."""
        index = bisect_right(self._starts, character) - 1
        return self._pages[max(index, 0)].number if self._pages else None


class Headings:
    """Tells the headings above a part."""

    def __init__(self, headings: Sequence[Heading]) -> None:
        self._starts = [heading.start for heading in headings]
        self._paths: list[tuple[str, ...]] = [()]
        stack: list[Heading] = []
        for heading in headings:
            while stack and stack[-1].level >= heading.level:
                stack.pop()
            stack.append(heading)
            self._paths.append(tuple(each.text for each in stack if each.text))

    def over(self, start: int, end: int) -> tuple[str, ...]:
        """Those that stand above the whole part, the outermost first; one at its begin is above it."""
        common: tuple[str, ...] | None = None
        for path in self._paths[bisect_right(self._starts, start) : bisect_right(self._starts, end - 1) + 1]:
            common = path if common is None else _common(common, path)
        return common or ()


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    length = 0
    while length < min(len(one), len(other)) and one[length] == other[length]:
        length += 1
    return one[:length]
