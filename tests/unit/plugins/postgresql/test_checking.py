"""What a server refuses to start on, said without a database."""

from types import SimpleNamespace
from typing import Any

import pytest
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr, ValidationError

from ragstone_plugins.postgresql.checking import refused
from ragstone_plugins.postgresql.migrate import SCHEMA, check_schema, check_server
from ragstone_plugins.postgresql.pool import connection_string
from ragstone_plugins.postgresql.settings import PostgresqlConfig
from ragstone_server.spi.errors import StartError

URL = "postgresql://ragstone@db/catalog"


def server(version: int, encoding: str = "UTF8") -> Any:
    """A connection, as far as it is looked at."""
    return SimpleNamespace(info=SimpleNamespace(server_version=version, parameter_status=lambda _: encoding))


def config(url: str = URL, **settings: Any) -> PostgresqlConfig:
    return PostgresqlConfig(url=SecretStr(url), **settings)


@pytest.mark.parametrize(("version", "told"), [(120022, "PostgreSQL 12"), (90624, "PostgreSQL 9")])
def test_a_server_that_is_too_old_is_refused(version: int, told: str) -> None:
    with pytest.raises(StartError, match=f"the database is {told}; Ragstone needs 13 or newer"):
        check_server(server(version))


def test_a_server_that_is_new_enough_is_not() -> None:
    for version in (130000, 130023, 180004, 200000):
        check_server(server(version))


def test_an_encoding_that_does_not_hold_every_text_is_refused() -> None:
    with pytest.raises(StartError, match="encoding is SQL_ASCII; make one with ENCODING 'UTF8'"):
        check_server(server(180000, "SQL_ASCII"))


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        (None, f"no catalog yet, and this program needs {SCHEMA}: run `ragstone migrate` once"),
        ("0000", f"a catalog of schema 0000, and this program needs {SCHEMA}: run `ragstone migrate` once"),
        ("9999", f"its schema is 9999, and this program knows {SCHEMA}; start the newer version"),
    ],
)
def test_a_schema_of_another_version_is_refused(stored: str | None, told: str) -> None:
    with pytest.raises(StartError) as refusal:
        check_schema(stored)
    assert told in refusal.value.message


def test_the_present_schema_is_not() -> None:
    check_schema(SCHEMA)


def test_a_refusal_says_what_to_do() -> None:
    assert "give this one SELECT" in refused(errors.InsufficientPrivilege("permission denied for table meta")).message
    assert "target_session_attrs=read-write" in refused(errors.ReadOnlySqlTransaction("read-only")).message
    assert refused(errors.DiskFull("no\nspace")).message.endswith("written: no space")


def test_every_connection_is_told_what_the_url_does_not_say() -> None:
    told = conninfo_to_dict(connection_string(config(f"{URL}?application_name=mine&keepalives_idle=5")))
    assert (told["application_name"], told["keepalives_idle"], told["keepalives_interval"]) == ("mine", "5", "10")
    assert (told["host"], told["dbname"], told["connect_timeout"]) == ("db", "catalog", "10")


def test_several_hosts_may_be_named() -> None:
    several = "postgresql://ragstone@one:5432,two:5433/catalog?target_session_attrs=read-write"
    assert conninfo_to_dict(connection_string(config(several)))["host"] == "one,two"


def test_a_url_that_cannot_be_read_is_told_without_its_password() -> None:
    with pytest.raises(StartError, match="in user and password write % as %25") as refusal:
        connection_string(config("postgresql://ragstone:se%zzcret@db/catalog"))
    assert "zz" not in refusal.value.message
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"url": "mysql://x"}, "must begin with postgresql://"),
        ({"min_connections": 11}, "min_connections must not be greater than max_connections"),
        ({"max_connections": 1}, "greater than or equal to 2"),
        ({"answer_seconds": 0}, "greater than 0"),
    ],
)
def test_settings_that_cannot_hold_are_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        config(**wrong)
