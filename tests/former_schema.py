"""Catalogs of the schema from before generations, with what a present catalog holds: as its former program would have left them."""

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

SQLITE = "0004"
POSTGRESQL = "0002"
TABLES = (
    "meta",
    "tenant",
    "collection",
    "document",
    "content",
    "block",
    "passage",
    "space",
    "vector",
    "change",
    "fence",
    "follower",
)
"""What has documents in it; each after those that it names."""
COUNTED = "(SELECT count(*) FROM passage p WHERE p.content = content.key)"
IN_SQLITE = {
    ("collection", "embedder"): "generations ->> '$[0].embedder'",
    ("collection", "chunker"): "generations ->> '$[0].chunker'",
    ("content", "passages"): COUNTED,
}
IN_POSTGRESQL = {
    ("collection", "embedder"): "generations::json -> 0 ->> 'embedder'",
    ("collection", "chunker"): "generations::json -> 0 ->> 'chunker'",
    ("content", "passages"): COUNTED,
}
"""How a column of the former schema, of a table, is read from the present one; the others are still there."""


def postgresql_of(url: str, revision: str) -> None:
    """Give an empty database the catalog's schema of a revision."""
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", "ragstone_plugins.postgresql:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def postgresql_from(present_url: str, former_url: str) -> None:
    """Make a catalog of the former schema in an empty database; nobody writes to the present one."""
    postgresql_of(former_url, POSTGRESQL)
    with psycopg.connect(present_url) as present, psycopg.connect(former_url) as former:
        for table in TABLES:
            found = former.execute(sql.SQL("SELECT * FROM {} LIMIT 0").format(sql.Identifier(table)))
            columns = [each.name for each in found.description or ()]
            rows = present.execute(sql.SQL(_read(table, columns, IN_POSTGRESQL))).fetchall()
            into = sql.SQL("COPY {} ({}) FROM STDIN").format(
                sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
            )
            with former.cursor() as cursor, cursor.copy(into) as copy:
                for row in rows:
                    copy.write_row(row)
            if "key" in columns and table != "meta":
                former.execute(
                    sql.SQL("SELECT setval(pg_get_serial_sequence({}, 'key'), max(key)) FROM {}").format(
                        sql.Literal(table), sql.Identifier(table)
                    )
                )


def sqlite_from(path: Path) -> None:
    """Replace a catalog, which nobody has open, by one of the former schema."""
    former = path.with_name("former.sqlite3")
    engine = create_engine(f"sqlite:///{former}", poolclass=NullPool)
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", "ragstone_plugins.sqlite:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, SQLITE)
    engine.dispose()
    with closing(sqlite3.connect(path)) as present:
        present.execute("ATTACH ? AS former", (str(former),))
        for table in TABLES:
            columns = [name for (name,) in present.execute(f"SELECT name FROM pragma_table_info('{table}', 'former')")]
            present.execute(
                f"INSERT OR REPLACE INTO former.{table} ({', '.join(columns)}) {_read(table, columns, IN_SQLITE)}"
            )
        present.commit()
    with closing(sqlite3.connect(former)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    for name in (f"{path.name}-wal", f"{path.name}-shm"):
        path.with_name(name).unlink(missing_ok=True)
    shutil.move(former, path)


def _read(table: str, columns: list[str], otherwise: Mapping[tuple[str, str], str]) -> str:
    """Of the present `main` catalog, in the columns of the former one."""
    return f"SELECT {', '.join(otherwise.get((table, column), column) for column in columns)} FROM {table}"
