"""The statements about sources and dead letters. Each function is the method of `SourceStore` that has its name."""

import sqlite3
from collections.abc import Iterable, Mapping

from ragstone_server.spi.catalog_rows import dead_letter as letter_of
from ragstone_server.spi.catalog_rows import dead_letter_summary as summary_of
from ragstone_server.spi.catalog_rows import to_headers, to_micros
from ragstone_server.spi.sources import (
    DeadLetter,
    DeadLetterId,
    DeadLetterSummary,
    NewDeadLetter,
    SourceClaim,
    SourceLost,
    SourceMove,
    SourceName,
)


def move(connection: sqlite3.Connection, wanted: SourceMove) -> None:
    """By compare-and-set. Raises `SourceLost`."""
    moved = connection.execute(
        "UPDATE source SET next = ?, trying = NULL, tries = 0 WHERE name = ? AND epoch = ? AND next IS ?",
        (wanted.next, wanted.claim.source, wanted.claim.epoch, wanted.expected),
    )
    if moved.rowcount == 0:
        raise SourceLost


def claim(connection: sqlite3.Connection, source: SourceName) -> SourceClaim:
    """Take the source over."""
    former = connection.execute("SELECT clean FROM source WHERE name = ?", (source,)).fetchone()
    row = connection.execute(
        "INSERT INTO source (name, epoch, clean) VALUES (?, 1, 0) "
        "ON CONFLICT (name) DO UPDATE SET epoch = epoch + 1, clean = 0 RETURNING epoch, next",
        (source,),
    ).fetchone()
    clean = former is None or bool(former["clean"])
    return SourceClaim(source=source, epoch=row["epoch"], next=row["next"], clean=clean)


def release(connection: sqlite3.Connection, held: SourceClaim) -> None:
    """Let go of the source."""
    connection.execute("UPDATE source SET clean = 1 WHERE name = ? AND epoch = ?", (held.source, held.epoch))


def begin_try(connection: sqlite3.Connection, held: SourceClaim, offset: int) -> int:
    """Count a try."""
    row = connection.execute(
        "UPDATE source SET tries = CASE WHEN trying = ?1 THEN tries + 1 ELSE 1 END, trying = ?1 "
        "WHERE name = ?2 AND epoch = ?3 RETURNING tries",
        (offset, held.source, held.epoch),
    ).fetchone()
    if row is None:
        raise SourceLost
    return int(row["tries"])


def end_try(connection: sqlite3.Connection, held: SourceClaim) -> None:
    """Begin to count anew."""
    connection.execute(
        "UPDATE source SET trying = NULL, tries = 0 WHERE name = ? AND epoch = ?", (held.source, held.epoch)
    )


def positions(connection: sqlite3.Connection, prefix: str) -> Mapping[SourceName, int]:
    """Offsets of the next events."""
    rows = connection.execute(
        "SELECT name, next FROM source WHERE substr(name, 1, length(?1)) = ?1 AND next IS NOT NULL ORDER BY name",
        (prefix,),
    )
    return {SourceName(row["name"]): row["next"] for row in rows}


def put_dead_letter(connection: sqlite3.Connection, letter: NewDeadLetter) -> None:
    """Keep an event."""
    connection.execute(
        "INSERT INTO dead_letter (source, at, key, value, headers, bound, event_time, reason, message, failed) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            letter.source,
            letter.offset,
            letter.key,
            letter.value,
            to_headers(letter.headers),
            letter.bound,
            to_micros(letter.event_time),
            letter.reason,
            letter.message,
            to_micros(letter.failed),
        ),
    )


def dead_letters(connection: sqlite3.Connection, after: DeadLetterId, limit: int) -> tuple[DeadLetter, ...]:
    """A page."""
    rows = connection.execute("SELECT * FROM dead_letter WHERE id > ? ORDER BY id LIMIT ?", (after, limit))
    return tuple(letter_of(row) for row in rows)


def dead_letter_summaries(
    connection: sqlite3.Connection, after: DeadLetterId, limit: int
) -> tuple[DeadLetterSummary, ...]:
    """A page without the events. SQLite takes a length from the head of the row."""
    rows = connection.execute(
        "SELECT id, source, at, bound, event_time, reason, message, failed, published, length(value) AS size "
        "FROM dead_letter WHERE id > ? ORDER BY id LIMIT ?",
        (after, limit),
    )
    return tuple(summary_of(row) for row in rows)


def dead_letter_count(connection: sqlite3.Connection) -> int:
    """How many there are."""
    return int(connection.execute("SELECT count(*) FROM dead_letter").fetchone()[0])


def dead_letter(connection: sqlite3.Connection, letter: DeadLetterId) -> DeadLetter | None:
    """One letter, or None."""
    row = connection.execute("SELECT * FROM dead_letter WHERE id = ?", (letter,)).fetchone()
    return None if row is None else letter_of(row)


def unpublished(connection: sqlite3.Connection, prefix: str, limit: int) -> tuple[DeadLetter, ...]:
    """Letters to publish."""
    rows = connection.execute(
        "SELECT * FROM dead_letter WHERE NOT published AND substr(source, 1, length(?1)) = ?1 ORDER BY id LIMIT ?2",
        (prefix, limit),
    )
    return tuple(letter_of(row) for row in rows)


def note_published(connection: sqlite3.Connection, letters: Iterable[DeadLetterId]) -> None:
    """Note that the topic has them."""
    connection.executemany("UPDATE dead_letter SET published = 1 WHERE id = ?", [(letter,) for letter in letters])


def delete_dead_letter(connection: sqlite3.Connection, letter: DeadLetterId) -> bool:
    """Forget a letter."""
    return connection.execute("DELETE FROM dead_letter WHERE id = ?", (letter,)).rowcount > 0
