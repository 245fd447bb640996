"""Faults of providers in random order under load: every stream ends once, in time, and none has an error as text."""

import asyncio
import json
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from ragstone import AsyncClient, AttemptDiscarded, Completed, Delta, RagstoneError
from tests.providers.faulty import (
    Answer,
    Cut,
    Empty,
    ErrorInside,
    FaultyProvider,
    MalformedSse,
    Stall,
    Status,
    Step,
    WrongContentType,
)
from tests.served import Served

SEED = int(os.environ.get("RAGSTONE_FAULT_SEED", "0"))
DEADLINE_S = 20.0
AT_ONCE = 16
TOKENS = ("The", " harbour", " opened", " in", " 1911", " [1]", ".")
WHOLE = "The harbour opened in 1911 [1]."
FAULTS: tuple[Step, ...] = (
    *(Stall(after=after, tokens=TOKENS) for after in (-1, 0, 3)),
    *(Cut(after=after, tokens=TOKENS) for after in (-1, 0, 3)),
    *(MalformedSse(after=after, tokens=TOKENS) for after in (0, 3)),
    *(ErrorInside(after=after, tokens=TOKENS) for after in (0, 3)),
    Empty(),
    WrongContentType(),
    *(Status(code=code) for code in (400, 401, 500, 503)),
    Status(code=429, retry_after="0"),
)


@pytest.mark.parametrize("streams", [150, pytest.param(1000, marks=pytest.mark.faults)])
async def test_p5_faults_in_random_order_under_load(tmp_path: Path, streams: int) -> None:
    chance = random.Random(SEED)
    good = Answer(tokens=TOKENS, usage=(40, 7))
    async with FaultyProvider(always=good) as first, FaultyProvider(always=good) as second:
        # Two of three requests to the first fail, and one of four to the second.
        first.plan(*(chance.choice(FAULTS) if chance.random() < 2 / 3 else good for _ in range(4 * streams)))
        second.plan(*(chance.choice(FAULTS) if chance.random() < 1 / 4 else good for _ in range(4 * streams)))
        async with _served(tmp_path, first.url, second.url) as client:
            places = asyncio.Semaphore(AT_ONCE)
            outcomes = Counter(await asyncio.gather(*(_ask(client, places) for _ in range(streams))))
    assert outcomes.total() == streams
    assert set(outcomes) <= {"answered", "STAGE_FAILED", "OVERLOADED"}, f"seed {SEED}: {outcomes}"
    assert outcomes["answered"] > streams / 2, f"seed {SEED}: {outcomes}"


def _served(folder: Path, *urls: str) -> "_Client":
    deployments = ", ".join(
        f'{{ provider = "openai_compatible", name = "{name}", model = "m-{name}", url = "{url}" }}'
        for name, url in zip(("first", "second"), urls, strict=True)
    )
    return _Client(
        folder,
        {
            "RAGSTONE__GENERATOR__USE": "routes",
            "RAGSTONE__ROUTES__DEFAULT__DEPLOYMENTS": f"[{deployments}]",
            "RAGSTONE__ROUTES__DEFAULT__STALL_SECONDS": "0.3",
            "RAGSTONE__ROUTES__DEFAULT__FIRST_TOKEN_SECONDS": "1.0",
            "RAGSTONE__ROUTES__DEFAULT__BREAKER_SECONDS": "0.1",
            "RAGSTONE__ROUTES__DEFAULT__RETRIES": json.dumps(2),
        },
    )


class _Client:
    """A client of a server of its own, with one document."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self._served = Served(folder / "data", **settings)

    async def __aenter__(self) -> AsyncClient:
        await asyncio.to_thread(self._served.start)
        self._client = AsyncClient(self._served.address)
        await self._client.__aenter__()
        await self._client.upsert_document("harbour", text="The harbour of Nordvik was opened in 1911.")
        await self._client.retrieve("harbour", min_watermark="session")
        return self._client

    async def __aexit__(self, *error: object) -> None:
        await self._client.__aexit__(None, None, None)
        await asyncio.to_thread(self._served.terminate)
        assert "Traceback" not in self._served.log(), self._served.log()


async def _ask(client: AsyncClient, places: asyncio.Semaphore) -> str:
    """How one stream ended. A stream that hangs past its deadline fails the test."""
    text, ends = "", 0
    async with places, asyncio.timeout(2 * DEADLINE_S):
        try:
            async for event in client.query("When was the harbour opened?", timeout=DEADLINE_S):
                assert not ends, "nothing comes after the end"
                match event:
                    case Delta():
                        text += event.text
                    case AttemptDiscarded():
                        text = ""
                    case Completed():
                        ends += 1
                        assert text == event.text == WHOLE
                        answered = event.attempts[-1]
                        assert answered.fault == ""
                        assert (answered.usage.input_tokens, answered.usage.output_tokens) == (40, 7)
                        assert not answered.usage.estimated
        except RagstoneError as error:
            assert not ends
            assert WHOLE.startswith(text)
            return error.reason
        assert ends == 1
        return "answered"
