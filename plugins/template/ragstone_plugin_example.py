"""A reranker: passages that hold the words of the question come first."""

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from pydantic import Field

from ragstone_server.spi.evidence import rendered
from ragstone_server.spi.hooks import hookimpl
from ragstone_server.spi.host import Host
from ragstone_server.spi.provider import Provider, Settings
from ragstone_server.spi.reranker import Ranked, Reranker, RerankRequest

_WORD = re.compile(r"\w+")


class ExampleSettings(Settings):
    """Section `reranker` of the configuration, where it uses `example`."""

    weight: float = Field(default=0.5, ge=0, le=1, description="Weight of the words; the former score has the rest.")


class ExampleOptions(Settings):
    """What a caller may set in a single request."""

    weight: float | None = Field(default=None, ge=0, le=1, description="Instead of the configured weight.")


@asynccontextmanager
async def open_example(settings: ExampleSettings, host: Host) -> AsyncIterator[Reranker]:
    """Open the reranker. What it has to load goes before `yield`, what it has to close after it."""

    async def rerank(request: RerankRequest, /) -> tuple[Ranked, ...]:
        options = request.context.options_of("reranker", ExampleOptions)
        weight = settings.weight if options.weight is None else options.weight
        asked = _words(request.question)
        scores = [
            weight * _share(asked, rendered(scored.passage.title, scored.passage.headings, scored.passage.text))
            + (1 - weight) * scored.score
            for scored in request.passages
        ]
        best_first = sorted(range(len(scores)), key=lambda index: -scores[index])
        return tuple(Ranked(index=index, score=scores[index]) for index in best_first)

    yield rerank


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.lower()))


def _share(asked: set[str], text: str) -> float:
    """Share of the words that the text has, 0 to 1."""
    return len(asked & _words(text)) / len(asked) if asked else 0.0


@hookimpl
def ragstone_rerankers() -> Iterable[Provider[Reranker, Any]]:
    """Offer the reranker; the server calls this once, when it starts."""
    return (
        Provider(
            name="example",
            summary="prefers passages that hold the words of the question",
            config=ExampleSettings,
            open=open_example,
            options=ExampleOptions,
        ),
    )
