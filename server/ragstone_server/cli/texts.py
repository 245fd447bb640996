"""What others wrote, for a terminal: texts, bytes, times."""

import codecs
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from ragstone_server.spi.errors import InvalidRequest

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal obeys, or shows in another order, instead of showing it."""
_BINARY = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
_ROW = 16
_MOST_ROWS = 16


class _Timestamp(Protocol):
    def ToDatetime(self) -> datetime:  # noqa: N802 - protobuf's name
        ...


def printable(text: str, keep: str = "\n\t") -> str:
    """Control characters are written out, but those to keep."""
    return _UNPRINTABLE.sub(lambda found: found[0] if found[0] in keep else ascii(found[0])[1:-1], text)


def as_text(data: bytes, *, cut: bool = False) -> str | None:
    """What the bytes say, where they are a text in UTF-8 whose end may be `cut` off; None where they are not."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(data, final=not cut)
    except UnicodeDecodeError:
        return None
    return None if _BINARY.search(text) else text


def one_line(data: bytes) -> str:
    """A text as it is, anything else as hexadecimal digits."""
    text = as_text(data)
    return f"0x{data.hex()}" if text is None else printable(text, keep="")


def dump(data: bytes) -> Iterator[str]:
    """The first bytes in rows: where, in hexadecimal digits, as ASCII."""
    for at in range(0, min(len(data), _ROW * _MOST_ROWS), _ROW):
        row = data[at : at + _ROW]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        yield f"{at:08x}  {row.hex(' '):<{_ROW * 3}} {shown}"


def short_time(moment: _Timestamp) -> str:
    """To the second, in UTC."""
    return moment.ToDatetime().replace(tzinfo=UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def lines_of(file: Path) -> list[str]:
    """The lines of a text that say something. Raises `InvalidRequest`."""
    try:
        return [line for each in file.read_text("utf-8-sig").splitlines() if (line := each.strip())]
    except OSError as error:
        raise InvalidRequest(f"{file} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{file} is not UTF-8 text ({error.reason} at byte {error.start})") from error
