"""Suite of catalog stores: long-running operations."""

import asyncio
from datetime import timedelta

import pytest

from ragstone_server.spi.catalog_store import CatalogStore
from ragstone_server.spi.operations import (
    NewOperation,
    Operation,
    OperationClaim,
    OperationFailure,
    OperationId,
    OperationLost,
    OperationState,
)
from ragstone_server.testing.conformance.catalog_samples import LATER, NOW

NEW = NewOperation(
    kind="count-sheep",
    parameters='{"most": "ä\\u0000"}',
    collection="tenants/acme/collections/handbook",
    runs_on="server-1",
)
FIRST = OperationId(0)
MUCH_LATER = LATER + timedelta(days=1)
ENDS = (OperationState.SUCCEEDED, OperationState.FAILED, OperationState.CANCELLED)


async def begun(store: CatalogStore) -> tuple[Operation, OperationClaim]:
    """An operation that runs, as it was before it was claimed."""
    seen = await store.operations.put(NEW, NOW)
    claim = await store.operations.claim(seen, "server-1", NOW)
    assert claim is not None
    return seen, claim


async def read(store: CatalogStore, operation: OperationId) -> Operation:
    """One that is there."""
    found = await store.operations.operation(operation)
    assert found is not None
    return found


class OperationTests:
    """Claims, progress, ends, cancelling and lists."""

    async def test_a_new_operation_waits(self, store: CatalogStore) -> None:
        """It has all that was asked, and nobody runs it."""
        made = await store.operations.put(NEW, NOW)
        assert made.new == NEW
        assert (made.state, made.progress, made.result, made.failure) == (OperationState.WAITING, "", "", None)
        assert (made.created, made.updated, made.cancel_requested) == (NOW, NOW, False)
        assert (made.runner, made.epoch) == ("", 0)
        assert await store.operations.operation(made.id) == made
        assert await store.operations.operation(OperationId(made.id + 1)) is None

    async def test_one_of_many_that_claim_gets_it(self, store: CatalogStore) -> None:
        """Nobody else does, not even later with what was seen before."""
        seen = await store.operations.put(NEW, NOW)
        claims = await asyncio.gather(*(store.operations.claim(seen, f"server-{n}", LATER) for n in range(8)))
        (claim,) = [each for each in claims if each is not None]
        held = await read(store, seen.id)
        assert (held.state, held.epoch, held.updated) == (OperationState.RUNNING, claim.epoch, LATER)
        assert held.runner.startswith("server-")
        assert await store.operations.claim(seen, "late", LATER) is None

    async def test_a_beat_tells_that_the_runner_lives(self, store: CatalogStore) -> None:
        """Who saw the operation before it does not get it, and nothing else changes."""
        _, claim = await begun(store)
        before = await read(store, claim.id)
        assert await store.operations.beat(claim) is False
        after = await read(store, claim.id)
        assert after.beats > before.beats
        assert (after.updated, after.progress) == (before.updated, before.progress)
        assert await store.operations.claim(before, "server-2", LATER) is None
        assert await store.operations.claim(after, "server-2", LATER) is not None

    async def test_a_claim_fences_the_former_runner(self, store: CatalogStore) -> None:
        """Whatever it writes, it hears that it lost."""
        _, old = await begun(store)
        await store.operations.save(old, '{"at": 1}', NOW)
        new = await store.operations.claim(await read(store, old.id), "server-2", LATER)
        assert new is not None
        assert new.epoch > old.epoch
        for lost in (
            store.operations.beat(old),
            store.operations.save(old, '{"at": 2}', LATER),
            store.operations.finish(old, OperationState.SUCCEEDED, LATER),
        ):
            with pytest.raises(OperationLost):
                await lost
        await store.operations.release(old, LATER)
        held = await read(store, old.id)
        assert (held.state, held.runner, held.progress) == (OperationState.RUNNING, "server-2", '{"at": 1}')

    async def test_progress_is_kept_for_the_next_runner(self, store: CatalogStore) -> None:
        """Who lets go leaves it to be taken at once; the claim is over."""
        _, claim = await begun(store)
        assert await store.operations.save(claim, '{"at": "ü"}', LATER) is False
        await store.operations.release(claim, MUCH_LATER)
        free = await read(store, claim.id)
        assert (free.state, free.runner, free.progress) == (OperationState.WAITING, "", '{"at": "ü"}')
        assert free.updated == MUCH_LATER
        with pytest.raises(OperationLost):
            await store.operations.save(claim, "{}", MUCH_LATER)
        assert await store.operations.claim(free, "server-2", MUCH_LATER) is not None
        with pytest.raises(OperationLost):
            await store.operations.beat(claim)

    @pytest.mark.parametrize("end", ENDS)
    async def test_an_end_is_final(self, store: CatalogStore, end: OperationState) -> None:
        """Nobody claims, saves, ends or cancels it again."""
        _, claim = await begun(store)
        await store.operations.save(claim, '{"at": 3}', NOW)
        failure = OperationFailure(reason="INTERNAL", message="thê end") if end is OperationState.FAILED else None
        await store.operations.finish(claim, end, LATER, result='{"sheep": 3}', failure=failure)
        ended = await read(store, claim.id)
        assert (ended.state, ended.done, ended.result, ended.failure) == (end, True, '{"sheep": 3}', failure)
        assert (ended.updated, ended.progress, ended.runner) == (LATER, '{"at": 3}', "")
        assert await store.operations.claim(ended, "server-2", MUCH_LATER) is None
        with pytest.raises(OperationLost):
            await store.operations.finish(claim, OperationState.SUCCEEDED, MUCH_LATER)
        assert await store.operations.request_cancel(claim.id, MUCH_LATER) == ended

    async def test_a_running_one_hears_that_it_is_to_be_cancelled(self, store: CatalogStore) -> None:
        """With each beat and each step, also the next runner."""
        _, claim = await begun(store)
        asked = await store.operations.request_cancel(claim.id, LATER)
        assert asked is not None
        assert (asked.state, asked.cancel_requested, asked.updated) == (OperationState.RUNNING, True, LATER)
        assert await store.operations.beat(claim) is True
        assert await store.operations.save(claim, "{}", LATER) is True
        next_one = await store.operations.claim(await read(store, claim.id), "server-2", LATER)
        assert next_one is not None
        assert await store.operations.beat(next_one) is True

    async def test_a_waiting_one_is_cancelled_at_once(self, store: CatalogStore) -> None:
        """Who saw it waiting does not get it any more."""
        seen = await store.operations.put(NEW, NOW)
        cancelled = await store.operations.request_cancel(seen.id, LATER)
        assert cancelled is not None
        assert (cancelled.state, cancelled.cancel_requested) == (OperationState.CANCELLED, True)
        assert await store.operations.claim(seen, "server-1", LATER) is None
        assert await store.operations.request_cancel(OperationId(seen.id + 1), LATER) is None

    async def test_cancelling_and_claiming_at_once(self, store: CatalogStore) -> None:
        """Either it is cancelled and nobody has it, or whoever has it hears of it."""
        for _ in range(5):
            seen = await store.operations.put(NEW, NOW)
            claim, asked = await asyncio.gather(
                store.operations.claim(seen, "server-1", LATER), store.operations.request_cancel(seen.id, LATER)
            )
            assert asked is not None
            if claim is None:
                assert (await read(store, seen.id)).state is OperationState.CANCELLED
            else:
                assert await store.operations.beat(claim) is True

    async def test_operations_come_in_pages_the_latest_first(self, store: CatalogStore) -> None:
        """Those that have not ended come by themselves, the oldest first."""
        made = [await store.operations.put(NEW, NOW) for _ in range(5)]
        claim = await store.operations.claim(made[1], "server-1", NOW)
        assert claim is not None
        await store.operations.finish(claim, OperationState.SUCCEEDED, NOW)
        page = await store.operations.operations(None, 2)
        rest = await store.operations.operations(page[-1].id, 10)
        assert [each.id for each in (*page, *rest)] == [each.id for each in reversed(made)]
        waiting = await store.operations.unfinished(FIRST, 2)
        more = await store.operations.unfinished(waiting[-1].id, 10)
        assert [each.id for each in (*waiting, *more)] == [made[n].id for n in (0, 2, 3, 4)]

    async def test_what_has_ended_can_be_forgotten(self, store: CatalogStore) -> None:
        """What runs or waits stays; an id is not used again."""
        waiting = await store.operations.put(NEW, NOW)
        _, running = await begun(store)
        _, claim = await begun(store)
        await store.operations.finish(claim, OperationState.SUCCEEDED, LATER)
        assert not await store.operations.delete(waiting.id)
        assert not await store.operations.delete(running.id)
        assert await store.operations.delete(claim.id)
        assert not await store.operations.delete(claim.id)
        assert await store.operations.operation(claim.id) is None
        assert (await store.operations.put(NEW, NOW)).id > claim.id

    async def test_old_ones_are_forgotten(self, store: CatalogStore) -> None:
        """By the time of their end."""
        waiting = await store.operations.put(NEW, NOW)
        ended = []
        for at in (NOW, LATER):
            _, claim = await begun(store)
            await store.operations.finish(claim, OperationState.SUCCEEDED, at)
            ended.append(claim.id)
        assert await store.operations.delete_ended(LATER) == 1
        left = await store.operations.operations(None, 10)
        assert [each.id for each in left] == [ended[1], waiting.id]
