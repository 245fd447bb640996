"""A real HTTP server that embeds as OpenAI does and reranks as Cohere and Jina do: by the words of the texts."""

import asyncio
import base64
import json
import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import numpy as np

from ragstone_server.spi.embedder import EmbedRequest, Purpose
from ragstone_server.testing.memory.embedder import MemoryEmbedder

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the server says instead of doing its work."""

    code: int = 200
    body: Any = field(default_factory=lambda: {"error": {"message": "secret refusal", "type": "refused"}})
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, as it came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class EmbeddingProvider:
    """An async context manager. `replies` are played before any work is done; `gate` is waited for before each answer."""

    def __init__(self, dimension: int = 64, *replies: Reply) -> None:
        self.url = ""
        """Base, as clients of OpenAI want it."""
        self.requests: list[Asked] = []
        self.arrived: asyncio.Queue[Asked] = asyncio.Queue()
        self.replies = deque(replies)
        self.gate = asyncio.Event()
        self.gate.set()
        self._embedder = MemoryEmbedder(dimension, max_tokens=100_000)
        self._answering: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._answering:
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._answering.add(task)
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._answering.discard(task)
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        asked = Asked(path=first.split()[1], headers=headers, body=body)
        self.requests.append(asked)
        self.arrived.put_nowait(asked)
        await self.gate.wait()
        reply = self.replies.popleft() if self.replies else Reply(body=await self._work(asked))
        data = reply.body.encode() if isinstance(reply.body, str) else json.dumps(reply.body).encode()
        told = {"Content-Type": "application/json", "Content-Length": str(len(data))} | dict(reply.headers)
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        writer.write(f"HTTP/1.1 {reply.code} {HTTPStatus(reply.code).phrase}\r\n{head}\r\n".encode() + data)
        await writer.drain()
        return True

    async def _work(self, asked: Asked) -> dict[str, Any]:
        if asked.path.endswith("/rerank"):
            return _reranked(asked.body)
        texts = asked.body["input"]
        texts = [texts] if isinstance(texts, str) else texts
        vectors = await self._embedder(EmbedRequest(texts=tuple(texts), purpose=Purpose.PASSAGE))
        wanted = str(asked.body.get("encoding_format"))
        # The last one first: the index counts, not the place. And not of length 1.
        data = [
            {"object": "embedding", "index": index, "embedding": _encoded(vectors[index] * 3, wanted)}
            for index in reversed(range(len(texts)))
        ]
        return {
            "object": "list",
            "model": asked.body["model"],
            "data": data,
            "usage": {"prompt_tokens": 1, "total_tokens": 1},
        }


def _encoded(vector: "np.ndarray[Any, np.dtype[np.float32]]", wanted: str) -> Any:
    if wanted == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return [float(value) for value in vector]


def _reranked(body: dict[str, Any]) -> dict[str, Any]:
    asked = set(_WORD.findall(str(body["query"]).lower()))
    documents: Sequence[Any] = body["documents"]
    texts = [document if isinstance(document, str) else document["text"] for document in documents]
    shares = [len(asked & set(_WORD.findall(text.lower()))) / max(1, len(asked)) for text in texts]
    order = sorted(range(len(texts)), key=lambda index: -shares[index])[: body.get("top_n") or len(texts)]
    results = [{"index": index, "relevance_score": shares[index]} for index in order]
    usage = {"total_tokens": 1}
    return {"id": "rerank-1", "results": results, "usage": usage, "meta": {"billed_units": {"search_units": 1}}}
