"""Content that an event refers to: read where the operator allows it, and nowhere else."""

import asyncio
import errno
import stat
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import aiohttp

from ragstone_server.spi.errors import DocumentTooLarge, InvalidEvent, Overloaded, StageFailed
from ragstone_server.spi.host import Lane
from ragstone_server.transport.kafka.room import Room

CONNECT_S = 10.0
READ_S = 30.0
CONTENT_S = 120.0
_STAGE = {"stage": "references"}
_LATER = frozenset({408, 425, 429})
_SERVER = 500
_OK = 200
_PIECE = 64 * 1024
_NEVER = frozenset({errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL})
"""What is wrong with the path; anything else may be mended where the file lies."""


class References:
    """Fetches `file:`, `http:` and `https:` below the beginnings that are allowed."""

    def __init__(self, allowed: tuple[str, ...], max_bytes: int, room_bytes: int, lane: Lane) -> None:
        """`room_bytes`: of all contents at once; one that has more is fetched while there is no other."""
        # A setting that begins with `file:` would be read as the name of a file that holds a secret.
        self._allowed = tuple(Path(each).as_uri() if each.startswith("/") else each for each in allowed)
        self._max_bytes = max_bytes
        self._room = Room(room_bytes)
        self._lane = lane

    @asynccontextmanager
    async def __call__(self, uri: str) -> AsyncIterator[bytes]:
        """The content, which counts until the context is left.

        Raises `InvalidEvent`, `DocumentTooLarge`, and `StageFailed` or `Overloaded` where trying again may help.
        """
        parts = urlsplit(uri)
        # Compared as it will be read: neither `..` nor an escape of it leads out.
        path = unquote(parts.path)
        if ".." in path.split("/") or not any(_below(uri, beginning) for beginning in self._allowed):
            raise InvalidEvent(
                f"{uri!r} is not below any of kafka.references; allow it there, or send the content in the event"
            )
        match parts.scheme.lower():
            case "file":
                size = await self._lane.run(self._size, path)
                async with self._room.taken(size):
                    yield await self._lane.run(self._read, path)
            case "http" | "https":
                async with self._http(uri) as content:
                    yield content
            case scheme:
                raise InvalidEvent(f"{scheme}: is not a scheme that is read; use https: or file:")

    def _size(self, path: str) -> int:
        with _failing(path):
            real = self._allowed_file(path)
            status = real.stat()
            if not stat.S_ISREG(status.st_mode):
                raise InvalidEvent(f"{path} is no file")
        return self._checked(status.st_size)

    def _read(self, path: str) -> bytes:
        with _failing(path), self._allowed_file(path).open("rb") as file:
            data = file.read(self._max_bytes + 1)
        self._checked(len(data))
        return data

    def _allowed_file(self, path: str) -> Path:
        roots = [Path(unquote(urlsplit(each).path)).resolve() for each in self._allowed if each.startswith("file:")]
        real = Path(path).resolve()
        if not any(real.is_relative_to(root) for root in roots):
            raise InvalidEvent(f"{path} leads out of what kafka.references allows")
        return real

    @asynccontextmanager
    async def _http(self, uri: str) -> AsyncIterator[bytes]:
        # What waits for room is not waited for; what comes has its own limit.
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=READ_S)
        async with AsyncExitStack() as stack:
            with _reaching(uri):
                session = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
                # A redirection could lead out of what is allowed.
                response = await stack.enter_async_context(session.get(uri, allow_redirects=False))
                _check(uri, response.status)
            plain = response.content_length is not None and "Content-Encoding" not in response.headers
            size = self._checked(response.content_length or 0) if plain else self._max_bytes
            await stack.enter_async_context(self._room.taken(size))
            with _reaching(uri):
                content = await self._all(response)
            yield content

    async def _all(self, response: aiohttp.ClientResponse) -> bytes:
        data = bytearray()
        async with asyncio.timeout(CONTENT_S):
            async for piece in response.content.iter_chunked(_PIECE):
                data += piece
                self._checked(len(data))
        return bytes(data)

    def _checked(self, size: int) -> int:
        if size > self._max_bytes:
            raise DocumentTooLarge(
                f"the content has more than {self._max_bytes} bytes", metadata={"limit_bytes": str(self._max_bytes)}
            )
        return size


@contextmanager
def _failing(path: str) -> Iterator[None]:
    """What the errors of a file mean."""
    try:
        yield
    except FileNotFoundError as error:
        raise InvalidEvent(f"there is no file {path}") from error
    except (ValueError, RuntimeError) as error:
        raise InvalidEvent(f"{path!r} is no path") from error  # a NUL, or links in a circle
    except OSError as error:
        if error.errno in _NEVER:
            raise InvalidEvent(f"{path} cannot be read: {error.strerror}") from error
        raise StageFailed(f"{path} cannot be read: {error.strerror}", metadata=_STAGE) from error


@contextmanager
def _reaching(uri: str) -> Iterator[None]:
    """What the errors of a request mean."""
    try:
        yield
    except (aiohttp.InvalidURL, UnicodeError) as error:
        raise InvalidEvent(f"{uri!r} is no address") from error
    except (TimeoutError, OSError, aiohttp.ClientError) as error:
        raise StageFailed(f"{uri} cannot be reached: {error or 'no answer in time'}", metadata=_STAGE) from error


def _check(uri: str, status: int) -> None:
    if status in _LATER:
        raise Overloaded(f"{uri} answers {status}: it is asked too often")
    if status >= _SERVER:
        raise StageFailed(f"{uri} answers {status}", metadata=_STAGE)
    if status != _OK:
        raise InvalidEvent(f"{uri} answers {status}")


def _below(uri: str, beginning: str) -> bool:
    """Whether the beginning ends where a part of the URI ends: `/srv/docs` allows nothing in `/srv/docs-private`."""
    if not uri.startswith(beginning):
        return False
    return beginning.endswith("/") or uri[len(beginning) :][:1] in ("", "/", "?")
