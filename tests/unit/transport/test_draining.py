"""When a server that ends stops to listen."""

import asyncio

import pytest

from ragstone_server.spi.errors import ShuttingDown
from ragstone_server.transport.grpc import interceptor
from ragstone_server.transport.grpc.drain import Drain
from ragstone_server.transport.grpc.interceptor import CallInterceptor
from ragstone_server.transport.grpc.settings import GrpcSettings


def calls() -> CallInterceptor:
    return CallInterceptor(GrpcSettings(), Drain())


async def test_one_that_was_not_asked_lately_stops_at_once() -> None:
    async with asyncio.timeout(5):
        await calls().drain(600)


async def test_callers_are_refused_until_none_comes_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interceptor, "QUIET_S", 1.0)
    monkeypatch.setattr(interceptor, "LOUD_S", 60.0)
    ending = calls()
    refused = 0

    async def insist() -> None:
        nonlocal refused
        for _ in range(5):
            with pytest.raises(ShuttingDown):
                ending.enter()
            refused += 1
            await asyncio.sleep(0.01)

    ending.enter()
    draining = asyncio.create_task(ending.drain(600))
    await asyncio.sleep(0)
    ending.leave()
    insisting = asyncio.create_task(insist())
    await draining
    assert refused == 5
    await insisting


async def test_callers_that_never_cease_do_not_hold_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interceptor, "QUIET_S", 60.0)
    monkeypatch.setattr(interceptor, "LOUD_S", 0.05)
    ending = calls()
    ending.enter()
    ending.leave()
    async with asyncio.timeout(30):
        await ending.drain(600)


async def test_what_takes_too_long_is_not_waited_for() -> None:
    ending = calls()
    ending.enter()
    async with asyncio.timeout(30):
        await ending.drain(0.01)
