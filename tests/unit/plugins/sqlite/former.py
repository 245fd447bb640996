"""A catalog of the first schema, as a former version of the program would have left it."""

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from ragstone_plugins.sqlite.blocks import rows_of
from ragstone_server.spi.catalog_rows import to_blob, to_micros
from ragstone_server.spi.positions import ContentKey
from ragstone_server.testing.conformance.catalog_samples import EMBEDDER, NAME, NOW, content, fields

CHUNKER = "sample-chunker"
PIECES = ("ferry", "island")


def make(path: Path, revision: str = "0001") -> None:
    """With a collection that has a document of two passages, and an empty one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    config = Config()
    config.set_main_option("script_location", "ragstone_plugins.sqlite:migrations")
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        _fill(connection)
    connection.close()


def _fill(connection: sqlite3.Connection) -> None:
    now, new = to_micros(NOW), content(*PIECES)
    (cut,) = new.cuts.values()
    connection.execute("INSERT INTO meta VALUES ('epoch', 'former')")
    connection.execute("INSERT INTO tenant VALUES (1, ?)", (NAME.tenant,))
    for key, name, made_by in ((1, str(NAME), (EMBEDDER, CHUNKER)), (2, f"{NAME}-empty", (None, None))):
        connection.execute(
            "INSERT INTO collection VALUES (?, 1, ?, 'Sample.', 'tenant', 'number', ?, ?, ?, 0, ?, ?)",
            (key, name, *made_by, int(key == 1), now, now),
        )
    connection.execute(
        "INSERT INTO document VALUES (1, 1, 'a', 1, '', 'text/plain', 'en', ?, 1, ?, ?)",
        (fields().attributes.key, now, now),
    )
    data = new.text.encode()
    connection.execute(
        "INSERT INTO content VALUES (1, 1, 1, 1, '', ?, ?, ?, 2, NULL)",
        (new.content_hash, new.size_bytes, len(data)),
    )
    connection.executemany("INSERT INTO block VALUES (?, ?, ?)", rows_of(ContentKey(1), data))
    connection.execute("INSERT INTO space VALUES (1, 1, ?)", (EMBEDDER,))
    for ordinal, passage in enumerate(cut.passages):
        connection.execute(
            "INSERT INTO passage VALUES (?, 1, 1, ?, ?, ?, ?, ?, '', ?, ?)",
            (
                ordinal + 5,
                ordinal,
                passage.passage_id,
                passage.range.start,
                passage.range.end,
                passage.page,
                passage.text_hash,
                passage.tokens,
            ),
        )
        vector = to_blob(cut.vectors[passage.text_hash])
        connection.execute("INSERT INTO vector (space, text_hash, data) VALUES (1, ?, ?)", (passage.text_hash, vector))
    connection.execute("INSERT INTO change VALUES (1, 1, 1, 'put')")
    connection.execute("INSERT INTO follower VALUES (1, 'vectors', 1)")
