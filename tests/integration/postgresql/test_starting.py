"""What a store says of a database that it cannot open, with what to do about it."""

import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from ragstone_plugins.postgresql.migrate import migrate
from ragstone_plugins.postgresql.settings import PostgresqlConfig
from ragstone_server.spi.errors import StartError
from tests.integration.postgresql.conftest import OpenStore


@pytest.fixture
def guest(postgresql_url: str) -> Iterator[str]:
    """The URL of the database for a role that may connect, and nothing else."""
    name = f"guest_{uuid.uuid4().hex}"
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        role = sql.Identifier(name)
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'guest'").format(role))
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")  # as it is from PostgreSQL 15 on
        parts = urlsplit(postgresql_url)
        yield parts._replace(netloc=f"{name}:guest@{parts.hostname}:{parts.port}").geturl()
        connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
        connection.execute(sql.SQL("DROP ROLE {}").format(role))


async def refusal(open_store: OpenStore, url: str) -> str:
    with pytest.raises(StartError) as refused:
        async with open_store(url):
            pytest.fail("it opened")
    return refused.value.message


async def migrated(url: str) -> str:
    return await migrate(PostgresqlConfig(url=SecretStr(url)))


async def test_a_role_without_rights_is_refused_and_told_which_it_needs(
    postgresql_url: str, guest: str, open_store: OpenStore
) -> None:
    with pytest.raises(StartError, match=r"permission denied for schema public.*migrate as the role that owns"):
        await migrated(guest)
    await migrated(postgresql_url)
    for right in ("SELECT", "INSERT, UPDATE, DELETE"):
        told = await refusal(open_store, guest)
        assert "permission denied for table" in told
        assert "SELECT, INSERT, UPDATE and DELETE on its tables" in told
        with psycopg.connect(postgresql_url, autocommit=True) as connection:
            user = sql.Identifier(urlsplit(guest).username or "")
            connection.execute(sql.SQL(f"GRANT {right} ON ALL TABLES IN SCHEMA public TO {{}}").format(user))
    async with open_store(guest) as store:
        assert store.epoch


async def test_a_replica_is_refused(postgresql_url: str, open_store: OpenStore) -> None:
    await migrated(postgresql_url)
    told = await refusal(open_store, f"{postgresql_url}?options=-cdefault_transaction_read_only%3Don")
    assert "read-only transaction; name the primary" in told


async def test_what_one_store_began_the_next_finds(catalog_url: str, open_store: OpenStore) -> None:
    """Whoever comes first gives the catalog its epoch."""
    async with open_store(catalog_url) as one, open_store(catalog_url) as two:
        assert one.epoch == two.epoch
    async with open_store(catalog_url) as again:
        assert again.epoch == one.epoch
