"""Deadlines that share one timer: each is noticed, and nothing runs where none is waited for."""

import asyncio
import threading

import pytest
from tests.harness.waiting import until

from bezant.errors import OutcomeUnknown
from bezant.rpc.alarms import ROUND_SECONDS, Alarms, alarms
from bezant.rpc.deadline import within


class Waiter:
    """Somebody who notes when the time is over."""

    def __init__(self) -> None:
        self.late_at: list[float] = []

    def late(self) -> None:
        self.late_at.append(asyncio.get_running_loop().time())


async def test_each_hears_of_its_own_deadline_once_and_never_too_early():
    loop = asyncio.get_running_loop()
    bells, began = Alarms(loop), loop.time()
    waiters = [Waiter() for _ in range(200)]
    for number, waiter in enumerate(waiters):
        bells.add(began + number / 1_000, waiter)
    await until(lambda: all(waiter.late_at for waiter in waiters), "all have heard")
    for number, waiter in enumerate(waiters):
        assert len(waiter.late_at) == 1
        assert waiter.late_at[0] >= began + number / 1_000


async def test_who_was_taken_away_hears_nothing_while_others_do():
    loop = asyncio.get_running_loop()
    bells, gone, stays = Alarms(loop), Waiter(), Waiter()
    place = bells.add(loop.time() + 0.05, gone)
    bells.add(loop.time() + 0.05, stays)
    bells.take_away(place, gone)
    bells.take_away(place, gone)
    await until(lambda: bool(stays.late_at), "the other one has heard")
    assert gone.late_at == []


async def test_after_a_pause_deadlines_are_noticed_again():
    loop = asyncio.get_running_loop()
    bells = Alarms(loop)
    for _ in range(3):
        waiter = Waiter()
        bells.add(loop.time() + ROUND_SECONDS, waiter)
        await until(lambda waiter=waiter: bool(waiter.late_at), "it has heard")
        await asyncio.sleep(3 * ROUND_SECONDS)


async def test_many_calls_at_once_end_by_their_own_deadlines():
    async def call(seconds: float) -> str:
        try:
            async with within(seconds):
                await asyncio.sleep(0 if seconds > 1 else 3_600)
        except OutcomeUnknown:
            return "late"
        return "done"

    ends = await asyncio.gather(*[call(0.05 if place % 2 else 30.0) for place in range(100)])
    assert ends == ["done", "late"] * 50


async def test_a_caller_who_leaves_is_not_taken_for_one_who_is_late():
    async def call() -> None:
        async with within(30.0):
            await asyncio.sleep(3_600)

    task = asyncio.create_task(call())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_deadline_inside_another_one_ends_only_what_is_inside():
    async with within(30.0):
        with pytest.raises(OutcomeUnknown):
            async with within(0.05):
                await asyncio.sleep(3_600)
        await asyncio.sleep(0)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_each_loop_has_alarms_of_its_own():
    here = alarms(asyncio.get_running_loop())
    assert alarms(asyncio.get_running_loop()) is here
    found: list[Alarms] = []

    async def elsewhere() -> None:
        found.append(alarms(asyncio.get_running_loop()))
        with pytest.raises(OutcomeUnknown):
            async with within(0.05):
                await asyncio.sleep(3_600)

    thread = threading.Thread(target=lambda: asyncio.run(elsewhere()))
    thread.start()
    await until(lambda: not thread.is_alive(), "the other loop has ended")
    assert found
    assert found[0] is not here
    assert alarms(asyncio.get_running_loop()) is here
