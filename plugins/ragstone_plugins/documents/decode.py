"""Bytes of a text in an unknown encoding."""

import codecs
import re

from ragstone_plugins.documents.outcome import Failure, Refused
from ragstone_plugins.documents.western import reads_western

# The marks of UTF-32 begin with those of UTF-16, so they come first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WIDE = (("utf-32-le", (0,), 4), ("utf-32-be", (3,), 4), ("utf-16-le", (0,), 2), ("utf-16-be", (1,), 2))
_SAMPLE = 4096
_ESCAPE = b"\x1b"  # ISO 2022 switches with it between alphabets of seven bits, so its bytes are valid UTF-8
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\x80-\x84\x86-\x9f]")


def decode(content: bytes, charset: str | None = None) -> str:
    """The text: by its mark, as UTF-8, by what its first lines or `charset` declare, or as Windows-1252 where that reads well.

    Raises:
        Refused: BROKEN where the bytes are no text, or none in an encoding that can be told without guessing.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _strict(content[len(mark) :], encoding)
    wide = _wide(content[:_SAMPLE])
    if wide:
        return _strict(content, wide)
    if b"\x00" in content:
        raise Refused(Failure.BROKEN, "zero bytes in what should be text")
    names = [name for name in (_known(charset), _known(_declared(content))) if name]
    if _ESCAPE in content and names:
        return _strict(content, names[0])
    try:
        return _text(content.decode())
    except UnicodeDecodeError as error:
        if names:
            return _strict(content, names[0])
        text = content.decode("cp1252", errors="replace")
        if reads_western(text):
            return _text(text)
        raise Refused(Failure.BROKEN, f"the encoding of the text is unclear: {error.reason}") from error


def _strict(content: bytes, encoding: str) -> str:
    try:
        return _text(content.decode(encoding))
    except (UnicodeDecodeError, ValueError) as error:
        raise Refused(Failure.BROKEN, f"not {encoding}") from error


def _text(text: str) -> str:
    """Pass what has hardly a control character, as text does."""
    controls = len(_CONTROLS.findall(text[: _SAMPLE * 4]))
    if controls * 50 > min(len(text), _SAMPLE * 4) + 100:
        raise Refused(Failure.BROKEN, "control characters in what should be text")
    return text


def _wide(sample: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: mostly Latin text, so that zero bytes stand at the same place in each unit."""
    sample = sample[: len(sample) // 4 * 4]
    if len(sample) < 4 or b"\x00" not in sample:
        return None
    for encoding, (low,), width in _WIDE:
        lows = sample[low::width]
        zeros = sum(sample[at::width].count(0) for at in range(width) if at != low)
        if lows.count(0) == 0 and zeros > 0.7 * (len(sample) - len(lows)):
            return encoding
    return None


def _declared(content: bytes) -> str | None:
    match = _DECLARED.search(content[:_SAMPLE])
    return match[1].decode("ascii") if match else None


def _known(name: str | None) -> str | None:
    """Python's name of an encoding of text, or None; codecs that expand, as `zip` does, are none.

    What calls itself ASCII or Latin-1 is read as Windows-1252, as browsers do: the Latin-1 of the standard has no quotes.
    """
    if not name:
        return None
    try:
        "".encode(name)
        known = codecs.lookup(name).name
    except (LookupError, ValueError):
        return None
    return "cp1252" if known in ("ascii", "iso8859-1") else known
