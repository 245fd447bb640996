"""What stands in the texts of JSON, and what around them, while it comes in pieces."""

import json
import re
from collections.abc import Iterator
from enum import Enum
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

_STRUCTURE = re.compile(r'["{}\[\],:]')
_PLAIN = re.compile(r'[^"\\]+')
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u.{4}|[^u])", re.DOTALL)
_FIRST_HALF = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?\Z")
_LONGEST_ESCAPE = 12


class Place(Enum):
    """Where a part of JSON stands."""

    AROUND = 1
    """Brackets, commas, numbers, keys, and the quotation marks of texts."""
    TEXT = 2
    """Within a string that is a value."""
    BEHIND = 3
    """Behind the value, or before it: no part of it."""


class Part(NamedTuple):
    """A piece of JSON; never empty. No escape is cut."""

    place: Place
    text: str


class JsonText:
    """Tells the parts of one JSON value. It finds no fault: what is no JSON has some parts, too."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._key_follows = False
        self._string: Place | None = None
        self._begun = False
        self._ended = False
        self._held = ""

    def feed(self, piece: str) -> Iterator[Part]:
        """The parts of a further piece; together they are what came, but for the beginning of an escape."""
        for place, parts in groupby(self._parts(piece), key=attrgetter("place")):
            yield Part(place, "".join(part.text for part in parts))

    def _parts(self, piece: str) -> Iterator[Part]:
        text, self._held = self._held + piece, ""
        at = 0
        while at < len(text):
            if self._string is None:
                place, end = self._around(text, at)
            elif text[at] == '"':
                place, end = Place.AROUND, at + 1
                self._string, self._ended = None, not self._open
            else:
                place, end = self._string, self._within(text, at)
                if end == at:
                    self._held = text[at:]
                    return
            yield Part(place, text[at:end])
            at = end

    def finish(self) -> Iterator[Part]:
        """What was held back."""
        if self._held:
            yield Part(self._string or Place.BEHIND, self._held)

    def _around(self, text: str, at: int) -> tuple[Place, int]:
        """The next sign of the structure, with what stands before it."""
        found = _STRUCTURE.search(text, at)
        if self._ended or (not self._begun and (found is None or found.start() > at or found[0] not in '"{[')):
            self._ended = True  # a number or a word alone, or no JSON: it ends with what comes
            return Place.BEHIND, len(text)
        if found is None:
            return Place.AROUND, len(text)
        self._begun = True
        match sign := found[0]:
            case '"':
                key = self._key_follows and self._open[-1:] == ["{"]
                self._string = Place.AROUND if key else Place.TEXT
                self._key_follows = False
            case "{" | "[":
                self._open.append(sign)
                self._key_follows = sign == "{"
            case "}" | "]":
                self._open = self._open[:-1]
                self._ended = not self._open
            case ",":
                self._key_follows = True
        return Place.AROUND, found.end()

    def _within(self, text: str, at: int) -> int:
        """The end of plain text, or of an escape; `at` where more has to come."""
        if text[at] != "\\":
            found = _PLAIN.match(text, at)
            assert found is not None
            return found.end()
        if _FIRST_HALF.match(text, at):
            return at
        escape = _ESCAPE.match(text, at)
        if escape is None:
            return len(text) if len(text) - at >= _LONGEST_ESCAPE else at
        return escape.end()


def simplified(text: str) -> str:
    """Text of a string with its signs as they are where they need no escape: the same value, in which markers can be read."""
    return _ESCAPE.sub(_simple, text) if "\\" in text else text


def prose_of(text: str) -> str:
    """The texts of JSON, each character at its byte, with blanks and line ends for all else."""
    scanner = JsonText()
    parts = (*scanner.feed(text), *scanner.finish())
    return "".join(plain(part.text) if part.place is Place.TEXT else blank(part.text) for part in parts)


def plain(text: str) -> str:
    """Text of a string without its escapes, in as many bytes."""
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def blank(text: str) -> str:
    """A line end and blanks, as many as the text has bytes."""
    return "\n".ljust(len(text.encode("utf-8", "replace")))


def _simple(escape: re.Match[str]) -> str:
    sign = _sign(escape[0])
    return sign if sign.isprintable() and sign not in ('"', "\\") else escape[0]


def _unescaped(escape: re.Match[str]) -> str:
    sign = _sign(escape[0])
    kept = sign if sign.isprintable() and sign != escape[0] else "\n" if sign in "\n\r" else " "
    return kept.rjust(len(escape[0]) - len(kept.encode("utf-8", "replace")) + len(kept))


def _sign(escape: str) -> str:
    """What the escape stands for; itself where it stands for nothing."""
    try:
        return str(json.loads(f'"{escape}"'))
    except ValueError:
        return escape
