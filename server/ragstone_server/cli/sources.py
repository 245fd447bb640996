"""What `ragstone ingest` reads: files, folders, and lines of JSON."""

import json
import mimetypes
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragstone import NewDocument


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that could not be read as a document."""

    document: str
    """For people: what UTF-8 has no form for is escaped."""
    reason: str


def documents(paths: tuple[Path, ...], collection: str) -> Iterator[NewDocument | Unreadable]:
    """Every document below the paths, one after the other; hidden files and folders are passed over.

    A file's id is its path below the folder that was named, with the folder's name; or its name, where it was named itself.
    """
    for path in paths:
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                parts = file.relative_to(path).parts
                if file.is_file() and not any(part.startswith(".") for part in parts):
                    yield from _file(file, Path(path.resolve().name, *parts).as_posix(), collection)
        elif path.exists():
            yield from _file(path, path.name, collection)
        else:
            yield Unreadable(_shown(str(path)), "there is no such file or folder")


def count(paths: tuple[Path, ...]) -> int:
    """How many files there are, for the progress bar."""
    return sum(sum(1 for f in path.rglob("*") if f.is_file()) if path.is_dir() else 1 for path in paths)


def _file(path: Path, document: str, collection: str) -> Iterator[NewDocument | Unreadable]:
    if path.suffix == ".jsonl":
        yield from _lines(path, collection)
        return
    if not _encodable(document):
        yield Unreadable(_shown(document), "the name is not UTF-8")
        return
    try:
        content = path.read_bytes()
    except OSError as error:
        yield Unreadable(document, f"cannot be read ({error.strerror})")
        return
    yield NewDocument(
        document=document,
        content=content,
        filename=path.name,
        mime_type=mimetypes.guess_type(path.name)[0],
        uri=path.resolve().as_uri(),
        collection=collection,
    )


def _lines(path: Path, collection: str) -> Iterator[NewDocument | Unreadable]:
    try:
        with path.open("r", encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _line(f"{_shown(path.name)}:{number}", line, collection)
    except (OSError, UnicodeDecodeError) as error:
        yield Unreadable(_shown(path.name), f"cannot be read ({error})")


def _line(where: str, line: str, collection: str) -> NewDocument | Unreadable:
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError) as error:  # also numbers of thousands of digits, and lists in lists in lists
        return Unreadable(where, f"is not JSON ({error})")
    if not isinstance(row, dict):
        return Unreadable(where, "is not an object with id, title, text and metadata")
    document, text, title = row.get("id", row.get("_id")), row.get("text"), row.get("title") or None
    if document is None or not isinstance(text, str):
        return Unreadable(where, "needs `id` (or `_id`) and `text`")
    if not isinstance(title, str | None):
        return Unreadable(where, "`title` is text")
    metadata = row.get("metadata") or {}
    if not isinstance(metadata, dict) or not all(_fits(value) for value in metadata.values()):
        return Unreadable(where, "metadata is an object of strings, numbers, bools, and lists of them")
    if not _encodable(str(document), text, title or "", json.dumps(metadata, ensure_ascii=False)):
        return Unreadable(where, "holds half a surrogate pair (\\ud800 to \\udfff), which no text in UTF-8 can")
    return NewDocument(document=str(document), text=text, title=title, metadata=metadata, collection=collection)


def _encodable(*texts: str) -> bool:
    """Whether UTF-8 has a form for all of it; it has none for lone surrogates."""
    try:
        for text in texts:
            text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def _fits(value: object) -> bool:
    if isinstance(value, list):
        return all(isinstance(element, str | int | float | bool) for element in value)
    return isinstance(value, str | int | float | bool)
