"""A server whose generator is a model behind a URL: from the caller's question to the provider's connection, and back."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ragstone import AsyncClient, Completed, Delta, FinishReason, RagstoneError
from tests.providers.faulty import Answer, FaultyProvider, Quote, Status
from tests.served import Served

QUESTION = "When was the harbour of Nordvik opened?"
KEY = "sk-of-the-test"


@pytest.fixture
async def provider() -> AsyncIterator[FaultyProvider]:
    async with FaultyProvider(always=Quote()) as provider:
        yield provider


@pytest.fixture
async def client(tmp_path: Path, provider: FaultyProvider) -> AsyncIterator[AsyncClient]:
    settings = {
        "KEY": KEY,
        "RAGSTONE__GENERATOR__USE": "openai_compatible",
        "RAGSTONE__GENERATOR__MODEL": "small",
        "RAGSTONE__GENERATOR__URL": provider.url,
        "RAGSTONE__GENERATOR__API_KEY": "env:KEY",
    }
    served = Served(tmp_path / "data", **settings)
    await asyncio.to_thread(served.start)
    try:
        async with AsyncClient(served.address) as client:
            await client.upsert_document("harbour", text="The harbour of Nordvik was opened in 1911. It has piers.")
            await client.retrieve("harbour", min_watermark="session")
            yield client
    finally:
        await asyncio.to_thread(served.terminate)
    assert "Traceback" not in served.log(), served.log()
    assert KEY not in served.log()
    assert "secret refusal" not in served.log()


async def test_answers_and_cites_from_the_prompt(client: AsyncClient, provider: FaultyProvider) -> None:
    events = [event async for event in client.query(QUESTION)]
    completed = events[-1]
    assert isinstance(completed, Completed)
    assert completed.finish_reason is FinishReason.STOP
    assert "was opened in 1911" in completed.text
    (seen,) = provider.requests
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert QUESTION in seen.body["messages"][-1]["content"]


async def test_a_caller_that_goes_away_closes_the_connection(client: AsyncClient, provider: FaultyProvider) -> None:
    provider.plan(Answer(delay_s=3600))
    async with asyncio.timeout(60):
        async for event in client.query(QUESTION):
            if isinstance(event, Delta):
                break
        seen = await provider.arrived.get()
        await seen.closed.wait()
    assert not seen.closed_by_us
    assert not seen.answered


async def test_p5_an_error_is_a_status_and_no_text(client: AsyncClient, provider: FaultyProvider) -> None:
    provider.plan(Status(401))
    with pytest.raises(RagstoneError) as caught:
        [event async for event in client.query(QUESTION)]
    assert "secret" not in str(caught.value)


def test_the_fast_path_imports_no_library_of_a_provider() -> None:
    code = (
        "import sys; import ragstone_plugins.openai_compatible.plugin; assert 'aiohttp' not in sys.modules; "
        "import ragstone_plugins.openai_compatible.generator; "
        "assert not {'litellm', 'openai', 'anthropic', 'tiktoken'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
