"""Content that events refer to: read where it is allowed, and nowhere else."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiohttp import web

from ragstone_server.spi.errors import DocumentTooLarge, InvalidEvent, Overloaded, RequestError, StageFailed
from ragstone_server.transport.kafka.references import References
from ragstone_server.transport.kafka.room import Room
from tests.unit.transport.kafka.bench import Inline

MOST = 1000


def references(*allowed: str) -> References:
    return References(allowed, MOST, 4 * MOST, Inline())


async def read(uri: str, *allowed: str) -> bytes:
    async with references(*allowed)(uri) as content:
        return content


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    (tmp_path / "docs" / "deep").mkdir(parents=True)
    (tmp_path / "docs" / "deep" / "a b.txt").write_bytes(b"The ferry.")
    (tmp_path / "docs" / "large.txt").write_bytes(b"x" * (MOST + 1))
    (tmp_path / "docs" / "most.txt").write_bytes(b"x" * MOST)
    (tmp_path / "docs-private").mkdir()
    (tmp_path / "docs-private" / "secret.txt").write_bytes(b"secret")
    (tmp_path / "docs" / "link.txt").symlink_to(tmp_path / "docs-private" / "secret.txt")
    (tmp_path / "docs" / "circle.txt").symlink_to(tmp_path / "docs" / "circle.txt")
    os.mkfifo(tmp_path / "docs" / "pipe")
    return tmp_path / "docs"


@pytest.mark.parametrize("end", ["", "/"])
async def test_a_file_is_read_below_what_is_allowed(docs: Path, end: str) -> None:
    allowed = f"file://{docs}{end}"
    assert await read(f"file://{docs}/deep/a%20b.txt", allowed) == b"The ferry."
    assert len(await read(f"file://{docs}/most.txt", allowed)) == MOST


@pytest.mark.parametrize(
    "path",
    [
        "docs-private/secret.txt",
        "docs/../docs-private/secret.txt",
        "docs/%2e%2e/docs-private/secret.txt",
        "docs/link.txt",
        "",
    ],
)
async def test_no_path_leads_out(docs: Path, path: str) -> None:
    with pytest.raises(InvalidEvent, match=r"kafka\.references"):
        await read(f"file://{docs.parent}/{path}", f"file://{docs}")


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("none.txt", InvalidEvent),
        ("deep", InvalidEvent),
        ("pipe", InvalidEvent),
        ("circle.txt", InvalidEvent),
        ("most.txt/below", InvalidEvent),
        ("a%00b", InvalidEvent),
        ("x" * 300, InvalidEvent),
        ("large.txt", DocumentTooLarge),
    ],
)
async def test_what_can_never_be_read_is_no_reason_to_wait(docs: Path, path: str, error: type[RequestError]) -> None:
    with pytest.raises(error):
        await read(f"file://{docs}/{path}", f"file://{docs}")


async def test_a_disk_that_fails_is_waited_for(docs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*args: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "open", fails)
    with pytest.raises(StageFailed, match="Input/output error"):
        await read(f"file://{docs}/most.txt", f"file://{docs}")


@pytest.mark.parametrize("uri", ["s3://bucket/key", "ftp://example.com/a"])
async def test_a_scheme_that_is_not_read_says_which_are(uri: str) -> None:
    with pytest.raises(InvalidEvent, match="use https: or file:"):
        await read(uri, uri)


@pytest.fixture
async def server() -> AsyncIterator[str]:
    """Answers with the status that the path names."""

    async def answer(request: web.Request) -> web.StreamResponse:
        name = request.path.rpartition("/")[2]
        match name:
            case "endless":
                response = web.StreamResponse()
                await response.prepare(request)
                try:
                    while True:
                        await response.write(b"x" * 100)
                except ConnectionError:
                    return response
            case "cut":
                response = web.StreamResponse(headers={"Content-Length": "100"})
                await response.prepare(request)
                await response.write(b"x")
                assert request.transport is not None
                request.transport.abort()
                return response
            case "zipped":
                zipped = web.Response(body=b"x" * 50 * MOST)
                zipped.enable_compression()
                return zipped
            case "elsewhere":
                raise web.HTTPFound("/docs/200")
            case _:
                return web.Response(status=int(name), body=f"page {name}".encode())

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    yield f"http://127.0.0.1:{port}"
    await runner.cleanup()


async def test_a_page_is_read_below_what_is_allowed(server: str) -> None:
    assert await read(f"{server}/docs/200", f"{server}/docs/") == b"page 200"
    assert await read(f"{server}/docs/200?version=2", f"{server}/docs") == b"page 200"


@pytest.mark.parametrize("path", ["other/200", "docs-private/200", "docs/%2e%2e/other/200"])
async def test_no_address_leads_out(server: str, path: str) -> None:
    with pytest.raises(InvalidEvent, match=r"kafka\.references"):
        await read(f"{server}/{path}", f"{server}/docs")
    host = server.replace("http://", "http://user@")
    with pytest.raises(InvalidEvent, match=r"kafka\.references"):
        await read(f"{host}/docs/200", server)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("404", InvalidEvent),
        ("403", InvalidEvent),
        ("elsewhere", InvalidEvent),
        ("429", Overloaded),
        ("503", StageFailed),
        ("cut", StageFailed),
        ("endless", DocumentTooLarge),
        ("zipped", DocumentTooLarge),
    ],
)
async def test_what_a_server_answers_decides_over_waiting(server: str, path: str, error: type[RequestError]) -> None:
    with pytest.raises(error):
        await read(f"{server}/docs/{path}", server)


async def test_a_server_that_is_away_is_waited_for(server: str) -> None:
    with pytest.raises(StageFailed, match="cannot be reached"):
        await read("http://127.0.0.1:1/docs", "http://127.0.0.1:1/")


async def test_an_error_of_who_uses_the_content_stays_what_it_is(docs: Path, server: str) -> None:
    for uri, allowed in ((f"file://{docs}/most.txt", f"file://{docs}"), (f"{server}/200", server)):
        with pytest.raises(TimeoutError, match="mine"):
            async with references(allowed)(uri):
                raise TimeoutError("mine")


async def test_contents_together_have_so_much_room(docs: Path) -> None:
    fetch = references(f"file://{docs}")
    async with AsyncExitStack() as stack:
        for _ in range(4):
            await stack.enter_async_context(fetch(f"file://{docs}/most.txt"))
        waiting = asyncio.ensure_future(stack.enter_async_context(fetch(f"file://{docs}/deep/a%20b.txt")))
        done, _ = await asyncio.wait({waiting}, timeout=0.05)
        assert not done
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    async with fetch(f"file://{docs}/deep/a%20b.txt") as content:
        assert content == b"The ferry."
    assert fetch._room.used == 0


async def test_what_is_larger_than_the_room_has_it_alone_and_nobody_is_overtaken() -> None:
    room, came = Room(10), []

    async def take(name: str, size: int) -> None:
        async with room.taken(size):
            came.append(name)
            await asyncio.sleep(0)

    await asyncio.gather(take("a", 6), take("large", 100), take("b", 6), take("c", 4))
    assert came == ["a", "large", "b", "c"]
    assert room.used == 0
