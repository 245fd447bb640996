"""The scripted provider does what its script says, over real connections."""

import asyncio
import json

import aiohttp
import pytest

from tests.providers.faulty import (
    TOKENS,
    Answer,
    Cut,
    Empty,
    ErrorInside,
    FaultyProvider,
    MalformedSse,
    Quote,
    Stall,
    Status,
    WrongContentType,
    refused,
)

PROMPT = "~~~~ [1] Harbour\nIt opened in 1911. It has piers.\n~~~~\n\n~~~~ [2] Travel\nBy rail.\n~~~~\n\nWhen?"


def asked(**more: object) -> dict[str, object]:
    messages = [{"role": "user", "content": PROMPT}]
    return {"model": "small", "messages": messages, "stream": True, "stream_options": {"include_usage": True}} | more


async def said(client: aiohttp.ClientSession, url: str, **more: object) -> tuple[str, list[dict[str, object]]]:
    """Text and all data of a streamed answer."""
    text, data = "", []
    async with client.post(f"{url}/chat/completions", json=asked(**more)) as response:
        async for raw in response.content:
            line = raw.decode()
            if line.startswith("data: {"):
                data.append(json.loads(line.removeprefix("data: ")))
                text += "".join(c["delta"].get("content", "") for c in data[-1].get("choices", []))
    return text, data


async def test_streams_answers_over_one_connection() -> None:
    async with (
        FaultyProvider(Answer(), Answer(piece_bytes=1, tokens=("é", "ß"))) as provider,
        aiohttp.ClientSession() as client,
    ):
        text, data = await said(client, provider.url)
        assert (text, data[-1]["usage"]) == (
            "".join(TOKENS),
            {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
        )
        assert (await said(client, provider.url, stream_options=None))[0] == "éß"
        assert (provider.accepted, provider.open, len(provider.requests)) == (1, 1, 2)
        seen = await provider.arrived.get()
        assert (seen.body["model"], seen.headers["content-type"]) == ("small", "application/json")
        assert (await (await client.get(f"{provider.url}/models")).json())["data"][0]["id"] == "small"
    assert seen.answered
    assert seen.closed.is_set()


async def test_quotes_the_first_passage_within_the_budget() -> None:
    async with FaultyProvider(always=Quote()) as provider, aiohttp.ClientSession() as client:
        assert (await said(client, provider.url))[0] == "It opened in 1911. [1]"
        text, data = await said(client, provider.url, max_tokens=2)
        assert (text, data[-2]["choices"][0]["finish_reason"]) == ("It opened", "length")  # type: ignore[index]
        whole = await (await client.post(f"{provider.url}/chat/completions", json=asked(stream=False))).json()
        assert whole["choices"][0]["message"]["content"] == "It opened in 1911. [1]"
        begun = [{"role": "user", "content": PROMPT}, {"role": "assistant", "content": "It opened"}]
        assert (await said(client, provider.url, messages=begun))[0] == " in 1911. [1]"


@pytest.mark.parametrize("step", [Cut(), Cut(reset=True), Cut(after=-1), Cut(after=0)])
async def test_cuts_connections(step: Cut) -> None:
    async with FaultyProvider(step) as provider, aiohttp.ClientSession() as client:
        with pytest.raises(aiohttp.ClientError):
            await said(client, provider.url)
        await provider.requests[0].closed.wait()
        assert provider.requests[0].closed_by_us


async def test_sees_that_the_client_leaves() -> None:
    async with FaultyProvider(Stall(after=0), Stall(after=-1)) as provider, aiohttp.ClientSession() as client:
        for _ in range(2):
            task = asyncio.create_task(said(client, provider.url))
            seen = await provider.arrived.get()
            task.cancel()
            await seen.closed.wait()
            assert not seen.closed_by_us
            assert not seen.answered
        assert provider.open == 0


async def test_refuses_and_talks_nonsense_by_model() -> None:
    async with FaultyProvider(always=Empty()) as provider, aiohttp.ClientSession() as client:
        url = f"{provider.url}/chat/completions"
        provider.plan(Status(code=429, retry_after="3"), WrongContentType(), ErrorInside(), MalformedSse(), model="a")
        limited = await client.post(url, json=asked(model="a"))
        assert (limited.status, limited.headers["retry-after"]) == (429, "3")
        assert (await client.post(url, json=asked(model="a"))).content_type == "text/html"
        assert '"error"' in await (await client.post(url, json=asked(model="a"))).text()
        with pytest.raises(json.JSONDecodeError):
            await (await client.post(url, json=asked(model="a", stream=False))).json()
        assert (await said(client, provider.url, model="a"))[0] == ""
    with refused() as url, pytest.raises(aiohttp.ClientConnectorError):
        async with aiohttp.ClientSession() as client:
            await client.get(url)
