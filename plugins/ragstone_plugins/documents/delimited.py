"""CSV and its relatives: comma, semicolon, tab or bar between the cells."""

import csv
import io
from collections import Counter
from collections.abc import Iterable
from itertools import islice

from ragstone_plugins.documents.outcome import Failure, Refused
from ragstone_plugins.documents.text import TextBuilder

# In this order where two cut alike: `1,5;2,5` is two numbers with decimal commas.
_DELIMITERS = "\t;|,"
_SAMPLE_ROWS = 50
_FEWEST_ROWS = 3


def read_delimited(text: str, out: TextBuilder) -> None:
    """One table of all rows.

    Raises:
        Refused: BROKEN where the quoting makes no sense.
    """
    # A cell may be as long as the file; the standard limit of 128 KiB is a guess of another time.
    csv.field_size_limit(max(len(text), 1))
    delimiter = _delimiter(text) or ","
    try:
        out.table(list(_rows(text, delimiter)))
    except csv.Error as error:
        raise Refused(Failure.BROKEN, str(error)) from error


def looks_delimited(head: str) -> bool:
    """Whether some delimiter cuts every line but the last, which may be cut off, into as many cells."""
    delimiter = _delimiter(head)
    if delimiter is None:
        return False
    widths = [len(row) for row in islice(_rows(head, delimiter), _SAMPLE_ROWS) if row][:-1]
    return len(widths) >= _FEWEST_ROWS and len(set(widths)) == 1


def _rows(text: str, delimiter: str) -> Iterable[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)


def _delimiter(text: str) -> str | None:
    """The one that cuts most rows alike into more than one cell; the earlier of two equals."""
    best, best_score = None, 0
    for delimiter in _DELIMITERS:
        try:
            widths = Counter(len(row) for row in islice(_rows(text, delimiter), _SAMPLE_ROWS) if row)
        except csv.Error:
            continue
        width, rows = max(widths.items(), key=lambda item: item[1] * (item[0] > 1), default=(1, 0))
        if width > 1 and rows > best_score:
            best, best_score = delimiter, rows
    return best
