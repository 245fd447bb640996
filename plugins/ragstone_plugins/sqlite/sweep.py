"""Deletion that leaves nothing: contents with their texts, passages, and the vectors that no other passage uses."""

import sqlite3
from collections.abc import Sequence

_AT_ONCE = 500


def delete_contents(connection: sqlite3.Connection, contents: Sequence[int]) -> None:
    """Delete contents and what hangs on them. A vector stays while a passage of its tenant has the same text."""
    for begin in range(0, len(contents), _AT_ONCE):
        group = contents[begin : begin + _AT_ONCE]
        marks = ",".join("?" * len(group))
        vectors = connection.execute(
            f"SELECT DISTINCT k.tenant, p.text_hash FROM passage p JOIN content c ON c.key = p.content "  # noqa: S608 - marks only
            f"JOIN document d ON d.key = c.document JOIN collection k ON k.key = d.collection WHERE c.key IN ({marks})",
            group,
        ).fetchall()
        connection.execute(f"DELETE FROM content WHERE key IN ({marks})", group)  # noqa: S608 - marks only
        connection.executemany(
            "DELETE FROM vector WHERE text_hash = ?2 AND space IN (SELECT key FROM space WHERE tenant = ?1) "
            "AND NOT EXISTS (SELECT 1 FROM passage p JOIN content c ON c.key = p.content "
            "JOIN document d ON d.key = c.document JOIN collection k ON k.key = d.collection "
            "WHERE p.text_hash = ?2 AND k.tenant = ?1)",
            [(row["tenant"], row["text_hash"]) for row in vectors],
        )
