"""The servers of the tests do what the tests of the house lean on."""

import threading
from collections.abc import Callable
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.services.local import free_port
from tests.services.pgbouncer import PgBouncer
from tests.services.postgresql import PostgreSQL
from tests.services.proxy import Proxy


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


def through(proxy: Proxy, url: str) -> str:
    """The same database, with the proxy before it."""
    parts = urlsplit(url)
    proxy.target = f"{parts.hostname}:{parts.port}"
    return parts._replace(netloc=f"{parts.username}:{parts.password}@{proxy.address}").geturl()


def test_a_proxy_cuts_and_mends(postgresql_url: str) -> None:
    with Proxy() as proxy:
        url = through(proxy, postgresql_url)
        connection = psycopg.connect(url)
        assert proxy.connections == 1
        proxy.cut()
        assert proxy.connections == 0
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
        connection.close()
        with pytest.raises(psycopg.OperationalError, match="refused"):
            psycopg.connect(url)
        proxy.mend()
        with psycopg.connect(url) as again:
            assert again.execute("SELECT 1").fetchone() == (1,)


def test_a_frozen_proxy_accepts_and_passes_nothing(postgresql_url: str) -> None:
    with Proxy() as proxy:
        url = through(proxy, postgresql_url)
        proxy.freeze()
        answers: list[object] = []
        asking = threading.Thread(target=lambda: answers.append(asked(url)))
        asking.start()
        asking.join(0.3)
        assert (answers, proxy.connections) == ([], 1)
        proxy.mend()
        asking.join()
        assert answers == [(1,)]


def test_a_slow_proxy_passes_everything(postgresql_url: str) -> None:
    with Proxy() as proxy:
        url = through(proxy, postgresql_url)
        proxy.slow(delay_s=0.01, bytes_per_s=100_000)
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT repeat('x', 30000)").fetchone() == ("x" * 30_000,)


def test_a_very_slow_proxy_keeps_clients_waiting(postgresql_url: str) -> None:
    with Proxy() as proxy:
        url = through(proxy, postgresql_url)
        proxy.slow(delay_s=3_600)
        with pytest.raises(psycopg.errors.ConnectionTimeout):
            psycopg.connect(url, connect_timeout=2)


def test_a_proxy_tells_the_client_that_there_is_no_server() -> None:
    with Proxy(f"127.0.0.1:{free_port()}") as proxy, pytest.raises(psycopg.OperationalError):
        psycopg.connect(f"postgresql://somebody@{proxy.address}/postgres")


def test_pgbouncer_pools_transactions(postgresql_url: str, new_pgbouncer: Callable[[str], PgBouncer]) -> None:
    pooler = new_pgbouncer(postgresql_url)
    backend = "SELECT pg_backend_pid()"
    with psycopg.connect(pooler.url, autocommit=True) as one, psycopg.connect(pooler.url, autocommit=True) as other:
        assert one.execute("SELECT 1").fetchone() == (1,)
        # The only connection to the server is whose transaction runs.
        assert one.execute(backend).fetchone() == other.execute(backend).fetchone()
    pooler.kill()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(pooler.url)
    pooler.start()
    assert asked(pooler.url) == (1,)


def asked(url: str) -> object:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT 1").fetchone()
