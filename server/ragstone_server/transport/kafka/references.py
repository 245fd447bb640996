"""Content that an event refers to: read where the operator allows it, and nowhere else."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import aiohttp

from ragstone_server.spi.errors import DocumentTooLarge, InvalidEvent, Overloaded, StageFailed
from ragstone_server.spi.host import Lane

TIMEOUT_S = 60.0
_BUSY = 429
_SERVER = 500
_OK = 200
_PIECE = 64 * 1024


class References:
    """Fetches `file:`, `http:` and `https:` below the beginnings that are allowed."""

    def __init__(self, allowed: tuple[str, ...], max_bytes: int, lane: Lane) -> None:
        # A setting that begins with `file:` would be read as the name of a file that holds a secret.
        self._allowed = tuple(Path(each).as_uri() if each.startswith("/") else each for each in allowed)
        self._max_bytes = max_bytes
        self._lane = lane

    async def __call__(self, uri: str) -> bytes:
        """The content. Raises `InvalidEvent`, `DocumentTooLarge`, and `StageFailed` where trying again may help."""
        parts = urlsplit(uri)
        # Compared as it will be read: neither `..` nor an escape of it leads out.
        path = unquote(parts.path)
        if ".." in path.split("/") or not any(_below(uri, beginning) for beginning in self._allowed):
            raise InvalidEvent(
                f"{uri!r} is not below any of kafka.references; allow it there, or send the content in the event"
            )
        match parts.scheme.lower():
            case "file":
                return await self._lane.run(self._file, Path(path))
            case "http" | "https":
                return await self._http(uri)
            case scheme:
                raise InvalidEvent(f"{scheme}: is not a scheme that is read; use https: or file:")

    def _file(self, path: Path) -> bytes:
        roots = [Path(unquote(urlsplit(each).path)).resolve() for each in self._allowed if each.startswith("file:")]
        real = path.resolve()
        if not any(real.is_relative_to(root) for root in roots):
            raise InvalidEvent(f"{path} leads out of what kafka.references allows")
        try:
            with real.open("rb") as file:
                data = file.read(self._max_bytes + 1)
        except FileNotFoundError as error:
            raise InvalidEvent(f"there is no file {path}") from error
        except OSError as error:
            raise StageFailed(f"{path} cannot be read: {error.strerror}", metadata={"stage": "references"}) from error
        return self._checked(data)

    async def _http(self, uri: str) -> bytes:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            # A redirection could lead out of what is allowed.
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(uri, allow_redirects=False) as response,
            ):
                if response.status == _BUSY:
                    raise Overloaded(f"{uri} is asked too often")
                if response.status >= _SERVER:
                    raise StageFailed(f"{uri} answers {response.status}", metadata={"stage": "references"})
                if response.status != _OK:
                    raise InvalidEvent(f"{uri} answers {response.status}")
                data = bytearray()
                async for piece in response.content.iter_chunked(_PIECE):
                    data += piece
                    if len(data) > self._max_bytes:
                        break
                return self._checked(bytes(data))
        except (TimeoutError, aiohttp.ClientError) as error:
            raise StageFailed(f"{uri} cannot be reached: {error}", metadata={"stage": "references"}) from error

    def _checked(self, data: bytes) -> bytes:
        if len(data) > self._max_bytes:
            raise DocumentTooLarge(
                f"the content has more than {self._max_bytes} bytes", metadata={"limit_bytes": str(self._max_bytes)}
            )
        return data


def _below(uri: str, beginning: str) -> bool:
    """Whether the beginning ends where a part of the URI ends: `/srv/docs` allows nothing in `/srv/docs-private`."""
    if not uri.startswith(beginning):
        return False
    return beginning.endswith("/") or uri[len(beginning) :][:1] in ("", "/", "?")
