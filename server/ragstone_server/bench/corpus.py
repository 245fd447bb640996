"""Texts to measure with."""

import csv
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

LEAST_CHARACTERS = 16
COLUMNS = ("text", "summary", "abstract", "body")
"""Names of the field that holds the text, the first that there is."""


class BadCorpus(Exception):
    """A file that has no texts, or none that can be found."""


def read_corpus(files: tuple[Path, ...], most: int | None = None) -> list[str]:
    """Distinct texts of JSON lines (`.jsonl`, objects with one of `COLUMNS`) or TSV (a first line that names one of them).

    Texts shorter than `LEAST_CHARACTERS` are left out. Raises `BadCorpus`.
    """
    texts: dict[str, None] = {}
    for file in files:
        rows = _json_lines(file) if file.suffix in (".jsonl", ".ndjson") else _tsv(file)
        for text in rows:
            stripped = text.strip()
            if len(stripped) >= LEAST_CHARACTERS:
                texts[stripped] = None
            if most is not None and len(texts) >= most:
                return list(texts)
    if not texts:
        raise BadCorpus(f"no texts of {LEAST_CHARACTERS} characters or more in {', '.join(map(str, files))}")
    return list(texts)


def digest(texts: list[str]) -> str:
    """Of the texts and their order."""
    hashed = hashlib.sha256()
    for text in texts:
        hashed.update(text.encode())
        hashed.update(b"\0")
    return hashed.hexdigest()


def _json_lines(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                yield next(str(row[name]) for name in COLUMNS if name in row)
            except (ValueError, TypeError) as error:
                raise BadCorpus(f"{file}:{number}: no JSON object: {error}") from error
            except StopIteration:
                raise BadCorpus(f"{file}:{number}: has none of the fields {', '.join(COLUMNS)}") from None


def _tsv(file: Path) -> Iterator[str]:
    csv.field_size_limit(sys.maxsize)
    with file.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        column = next((name for name in COLUMNS if name in (rows.fieldnames or ())), None)
        if column is None:
            raise BadCorpus(f"{file}: the first line names none of the columns {', '.join(COLUMNS)}")
        for row in rows:
            yield row[column] or ""
