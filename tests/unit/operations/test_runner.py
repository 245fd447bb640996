"""The runner over a store in memory, in virtual time: once at a time, resumed, taken over, cancelled."""

import asyncio

import pytest

from ragstone_server.spi.errors import CollectionNotFound, OperationNotFound, OperationRunning
from ragstone_server.spi.operations import NewOperation, OperationState
from ragstone_server.spi.reasons import Reason
from tests.unit.operations.farm import SETTINGS, STEP_S, Farm
from tests.unit.transport.kafka.virtual import in_virtual_time


@in_virtual_time
async def test_an_operation_runs_to_its_result() -> None:
    farm = Farm()
    async with farm.runner("a").running() as runner:
        begun = await farm.desk(runner).begin(NewOperation(kind="count-sheep", parameters='{"most": 3}'))
        ended = await farm.ended(begun.id, runner)
    assert (ended.state, ended.result, ended.progress) == (OperationState.SUCCEEDED, '{"sheep":3}', '{"at":3}')
    assert farm.sheep.counted == [("a", 1), ("a", 2), ("a", 3)]


@in_virtual_time
async def test_a_bounded_number_runs_at_once_and_all_run() -> None:
    farm = Farm()
    operations = [await farm.begin() for _ in range(7)]
    async with farm.runner("a").running() as runner:
        for each in operations:
            assert (await farm.ended(each, runner)).state is OperationState.SUCCEEDED
    assert farm.sheep.most_at_once == SETTINGS.at_once


@in_virtual_time
async def test_two_processes_share_the_work_and_never_run_one_twice() -> None:
    farm = Farm()
    operations = [await farm.begin(most=4) for _ in range(10)]
    async with farm.runner("a").running() as a, farm.runner("b").running():
        for each in operations:
            assert (await farm.ended(each, a)).state is OperationState.SUCCEEDED
    assert len(farm.sheep.counted) == 40, "each sheep once"
    assert {who for who, _ in farm.sheep.counted} == {"a", "b"}
    assert farm.sheep.most_at_once <= 2 * SETTINGS.at_once


@in_virtual_time
async def test_after_a_kill_the_same_instance_goes_on_at_once_from_the_last_step() -> None:
    farm = Farm()
    operation = await farm.begin(most=5)
    async with farm.killed(farm.runner("a")):
        await asyncio.sleep(2.5 * STEP_S)
    died = farm.clock.monotonic()
    async with farm.runner("a").running() as again:
        await asyncio.sleep(0)
        ended = await farm.ended(operation, again)
    assert ended.result == '{"sheep":5}'
    assert [count for _, count in farm.sheep.counted] == [1, 2, 3, 4, 5]
    assert farm.clock.monotonic() - died < 4 * STEP_S, "nobody waited for a takeover"


@in_virtual_time
async def test_another_process_takes_over_after_a_while() -> None:
    farm = Farm()
    operation = await farm.begin(most=5)
    async with farm.killed(farm.runner("a")):
        await asyncio.sleep(2.5 * STEP_S)
    async with farm.runner("b").running() as b:
        ended = await farm.ended(operation, b)
    assert ended.result == '{"sheep":5}'
    assert farm.sheep.counted == [("a", 1), ("a", 2), ("b", 3), ("b", 4), ("b", 5)]


@in_virtual_time
async def test_one_that_lives_is_not_taken_over_however_long_a_step() -> None:
    farm = Farm()
    operation = await farm.begin(most=20)
    async with farm.runner("a").running() as a:
        await asyncio.sleep(1)
        async with farm.runner("b").running():
            ended = await farm.ended(operation, a)
    assert ended.epoch == 1
    assert {who for who, _ in farm.sheep.counted} == {"a"}


@in_virtual_time
async def test_a_frozen_runner_that_wakes_writes_nothing() -> None:
    """Its beats did not reach the catalog; another has taken over and is further."""
    farm = Farm()
    operation = await farm.begin(most=20)
    async with farm.runner("a").running() as a:
        await asyncio.sleep(1.5 * STEP_S)
        farm.store.away = lambda claim: claim is not None and claim.epoch == 1
        async with farm.runner("b").running():
            await asyncio.sleep(100)
            farm.store.away = lambda _: False
            ended = await farm.ended(operation, a)
    assert (ended.epoch, ended.result) == (2, '{"sheep":20}')
    by_b = [count for who, count in farm.sheep.counted if who == "b"]
    assert by_b == list(range(by_b[0], 21)), "it is not disturbed"
    assert farm.sheep.at_once == 0


@in_virtual_time
async def test_a_catalog_that_is_away_is_waited_for() -> None:
    farm = Farm()
    operation = await farm.begin(most=3)
    async with farm.runner("a").running() as a:
        await asyncio.sleep(1.5 * STEP_S)
        farm.store.away = lambda _: True
        await asyncio.sleep(300)
        farm.store.away = lambda _: False
        back = farm.clock.monotonic()
        ended = await farm.ended(operation, a)
    assert ended.result == '{"sheep":3}'
    assert farm.clock.monotonic() - back < 10 + 3 * STEP_S, "the pauses are bounded"


@in_virtual_time
async def test_a_running_one_is_cancelled_between_two_steps() -> None:
    farm = Farm()
    operation = await farm.begin(most=50)
    async with farm.runner("a").running() as a:
        await asyncio.sleep(2.5 * STEP_S)
        asked = await farm.desk(a).cancel(operation)
        assert (asked.state, asked.cancel_requested) == (OperationState.RUNNING, True)
        ended = await farm.ended(operation, a)
    assert (ended.state, ended.progress) == (OperationState.CANCELLED, '{"at":3}')
    assert len(farm.sheep.counted) == 3


@in_virtual_time
async def test_one_whose_runner_is_gone_is_cancelled_by_anyone() -> None:
    """Also where only that runner could have run it."""
    farm = Farm()
    operation = await farm.begin(most=5, runs_on="a")
    async with farm.killed(farm.runner("a")):
        await asyncio.sleep(1)
    async with farm.runner("b", farm.sheep.kind("b", name="other")).running() as b:
        await asyncio.sleep(200)
        assert (await farm.store.operations(None, 1))[0].state is OperationState.RUNNING, "it is not b's to run"
        await farm.desk(b).cancel(operation)
        ended = await farm.ended(operation, b)
    assert ended.state is OperationState.CANCELLED


@in_virtual_time
async def test_an_operation_is_run_only_where_it_can_be() -> None:
    farm = Farm()
    elsewhere = await farm.begin(runs_on="b")
    unknown = await farm.begin(kind="shear-sheep")
    async with farm.runner("a").running() as a:
        assert (await farm.ended(elsewhere, a, 200)).state is OperationState.WAITING
        async with farm.runner("b").running():
            assert (await farm.ended(elsewhere, a)).state is OperationState.SUCCEEDED
        assert (await farm.ended(unknown, a, 1)).state is OperationState.WAITING


@in_virtual_time
async def test_a_process_that_ends_lets_go_of_its_operations() -> None:
    farm = Farm()
    operation = await farm.begin(most=4)
    async with farm.runner("a").running():
        await asyncio.sleep(1.5 * STEP_S)
    left = await farm.store.operation(operation)
    assert left is not None
    assert (left.state, left.runner, left.progress) == (OperationState.WAITING, "", '{"at":1}')
    stopped = farm.clock.monotonic()
    async with farm.runner("b").running() as b:
        await farm.ended(operation, b)
    assert farm.clock.monotonic() - stopped < 4 * STEP_S


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [(CollectionNotFound("it is gone"), Reason.COLLECTION_NOT_FOUND), (ZeroDivisionError("secret"), Reason.INTERNAL)],
)
def test_what_cannot_be_done_fails_with_its_reason(trouble: Exception, reason: Reason) -> None:
    @in_virtual_time
    async def run() -> None:
        farm = Farm()
        farm.sheep.troubles[1] = trouble
        operation = await farm.begin()
        async with farm.runner("a").running() as a:
            ended = await farm.ended(operation, a)
        assert ended.state is OperationState.FAILED
        assert ended.failure is not None
        assert ended.failure.reason == reason
        assert "secret" not in ended.failure.message

    run()


@in_virtual_time
async def test_a_look_and_a_wait_end_in_time() -> None:
    farm = Farm()
    operation = await farm.begin(most=100)
    async with farm.runner("a").running() as a:
        began = farm.clock.monotonic()
        assert not (await farm.ended(operation, a, 7)).done
        assert farm.clock.monotonic() - began == pytest.approx(7)
        stopped = await farm.desk(a).wait(operation, 1000, lambda: farm.clock.monotonic() > 20)
        assert not stopped.done
        assert farm.clock.monotonic() < 21


@in_virtual_time
async def test_only_what_has_ended_is_deleted() -> None:
    farm = Farm()
    runner = farm.runner("a")
    desk = farm.desk(runner)
    operation = await farm.begin()
    with pytest.raises(OperationRunning) as refused:
        await desk.delete(operation)
    assert refused.value.metadata == {"state": "waiting"}
    await desk.cancel(operation)
    await desk.delete(operation)
    for gone in (desk.delete(operation), desk.get(operation), desk.cancel(operation)):
        with pytest.raises(OperationNotFound):
            await gone


@in_virtual_time
async def test_what_ended_long_ago_is_forgotten() -> None:
    farm = Farm()
    async with farm.runner("a", keep_days=1).running() as a:
        old = await farm.begin(most=1)
        await farm.ended(old, a)
        await asyncio.sleep(86_400 / 2)
        assert await farm.store.operation(old) is not None
        await asyncio.sleep(86_400)
        assert await farm.store.operation(old) is None


@in_virtual_time
async def test_all_operations_of_a_former_life_go_on_at_once_though_not_all_at_a_time() -> None:
    farm = Farm()
    operations = [await farm.begin(most=2) for _ in range(4)]
    async with farm.killed(farm.runner("a", at_once=4)):
        await asyncio.sleep(0.5 * STEP_S)
    died = farm.clock.monotonic()
    async with farm.runner("a", at_once=2).running() as again:
        for each in operations:
            assert (await farm.ended(each, again)).state is OperationState.SUCCEEDED
    assert farm.clock.monotonic() - died < 5 * STEP_S, "nobody waited for a takeover"


@in_virtual_time
async def test_a_server_that_stops_while_the_catalog_is_away_does_not_wait_for_it() -> None:
    farm = Farm()
    operation = await farm.begin(most=1)
    async with farm.runner("a").running():
        await asyncio.sleep(0.5 * STEP_S)
        farm.store.away = lambda _: True
        await asyncio.sleep(3 * STEP_S)
        stopped = farm.clock.monotonic()
    assert farm.clock.monotonic() - stopped < 1
    farm.store.away = lambda _: False
    left = await farm.store.operation(operation)
    assert left is not None
    assert not left.done
