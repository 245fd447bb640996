"""The servers of the tests do what the tests of the house lean on."""

import threading
from collections.abc import Callable

import psycopg
import pytest

from tests.services.postgresql import PostgreSQL


def test_every_test_has_an_empty_database_with_vectors_at_hand(postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url) as connection:
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert connection.execute(tables).fetchone() == (0,)
        connection.execute("CREATE EXTENSION vector")
        assert connection.execute("SELECT '[1,2]'::vector <-> '[1,4]'").fetchone() == (2.0,)


def test_postgresql_keeps_what_it_committed_before_it_was_killed(postgresql_server: PostgreSQL) -> None:
    url = postgresql_server.url
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    postgresql_server.kill()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)
    postgresql_server.start()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_a_frozen_postgresql_answers_when_it_goes_on(postgresql_server: PostgreSQL) -> None:
    answers: list[object] = []
    with psycopg.connect(postgresql_server.url) as connection:
        postgresql_server.freeze()
        asking = threading.Thread(target=lambda: answers.append(connection.execute("SELECT 1").fetchone()))
        asking.start()
        asking.join(0.3)
        assert answers == []
        postgresql_server.resume()
        asking.join()
    assert answers == [(1,)]


def test_postgresql_stops_in_order_and_starts_again(postgresql_server: PostgreSQL) -> None:
    postgresql_server.stop()
    assert "database system is shut down" in postgresql_server.log()
    postgresql_server.start()
    psycopg.connect(postgresql_server.url).close()


def test_a_wrong_password_is_refused(postgresql_server: PostgreSQL) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgresql_server.url, password="wrong")


def test_postgresql_16_is_there_too(new_postgresql: Callable[..., PostgreSQL]) -> None:
    with psycopg.connect(new_postgresql(major=16).url) as connection:
        assert connection.info.server_version // 10_000 == 16
