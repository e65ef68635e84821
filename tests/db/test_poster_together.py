"""Commands that come together: queued in one go, answered each for itself, in their order."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bezant.db.poster import Poster, PosterFull, PosterStopped
from bezant.errors import BezantError, OutcomeUnknown, Refused, Unavailable

DEADLINE_SECONDS = 30


class Book:
    """A store of numbers that may wait, refuse, break, or keep its outcome to itself."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.poison: set[int] = set()
        self.troubles: list[Exception] = []
        self.called = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def write(self, numbers: Sequence[int]) -> Sequence[int | BezantError]:
        self.batches.append(list(numbers))
        self.called.set()
        await self.gate.wait()
        if self.troubles:
            raise self.troubles.pop(0)
        if self.poison & set(numbers):
            raise LookupError
        return [number * 10 if number >= 0 else Refused() for number in numbers]


@asynccontextmanager
async def posting(book: Book, **options: Any) -> AsyncGenerator[Poster[int, int]]:
    poster: Poster[int, int] = Poster("numbers", book.write, **options)
    poster.start()
    async with asyncio.timeout(DEADLINE_SECONDS):
        yield poster
        await poster.stop()


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 200])
@pytest.mark.parametrize("batch_max", [3, 64])
async def test_each_gets_its_own_answer_however_the_batches_are_cut(size: int, batch_max: int):
    book = Book()
    async with posting(book, batch_max=batch_max) as poster:
        answers = await poster.submit_all(range(size))
    assert answers == [number * 10 for number in range(size)]
    assert [number for batch in book.batches for number in batch] == list(range(size))
    assert all(len(batch) <= batch_max for batch in book.batches)


async def test_a_batch_that_has_gathered_enough_takes_no_more_but_keeps_together_what_came_so():
    book = Book()
    async with posting(book, batch_max=8, gather_max=4) as poster:
        book.gate.clear()
        first = poster.submit(0)
        await book.called.wait()
        crowds = [asyncio.create_task(poster.submit_all(range(size))) for size in (7, 3, 4, 4, 6)]
        await asyncio.sleep(0)
        singles = [poster.submit(number) for number in range(6)]
        book.gate.set()
        await asyncio.gather(first, *crowds, *singles)
    assert [len(batch) for batch in book.batches] == [1, 7, 7, 4, 6, 4, 2]


async def test_one_that_is_refused_and_one_that_breaks_its_batch_leave_the_others_alone():
    book = Book()
    book.poison = {70}
    async with posting(book) as poster:
        answers = await poster.submit_all([*range(100), -1])
    assert isinstance(answers[70], LookupError)
    assert isinstance(answers[100], Refused)
    assert [answers[n] for n in range(100) if n != 70] == [n * 10 for n in range(100) if n != 70]


async def test_singles_and_crowds_share_a_batch_and_keep_the_order_they_came_in():
    book = Book()
    async with posting(book, batch_max=8) as poster:
        book.gate.clear()
        first = poster.submit(0)
        await book.called.wait()
        crowd = asyncio.create_task(poster.submit_all([1, 2, 3]))
        await asyncio.sleep(0)
        single = poster.submit(4)
        late = asyncio.create_task(poster.submit_all([5, 6, 7, 8, 9]))
        await asyncio.sleep(0)
        assert poster.queued == 9
        book.gate.set()
        assert await asyncio.gather(first, single) == [0, 40]
        assert await crowd == [10, 20, 30]
        assert await late == [50, 60, 70, 80, 90]
        assert poster.queued == 0
    assert book.batches == [[0], [1, 2, 3, 4], [5, 6, 7, 8, 9]]


async def test_a_caller_who_goes_away_cancels_none_of_them():
    book = Book()
    async with posting(book) as poster:
        book.gate.clear()
        crowd = asyncio.create_task(poster.submit_all(range(600)))
        await book.called.wait()
        crowd.cancel()
        with pytest.raises(asyncio.CancelledError):
            await crowd
        book.gate.set()
        assert await poster.submit_all([7]) == [70]
    assert [number for batch in book.batches for number in batch] == [*range(600), 7]
    assert poster.written.crashes == 0


async def test_all_of_them_find_room_in_the_queue_or_none():
    book = Book()
    async with posting(book, batch_max=4, queue_max=4) as poster:
        book.gate.clear()
        writing = poster.submit(0)
        await book.called.wait()
        waiting = poster.submit(1)
        with pytest.raises(PosterFull):
            await poster.submit_all([2, 3, 4, 5])
        assert poster.queued == 1
        fits = asyncio.create_task(poster.submit_all([2, 3, 4]))
        await asyncio.sleep(0)
        with pytest.raises(PosterFull):
            poster.submit(5)
        book.gate.set()
        assert await asyncio.gather(writing, waiting) == [0, 10]
        assert await fits == [20, 30, 40]
    with pytest.raises(PosterStopped):
        await poster.submit_all([6])


async def test_an_unknown_outcome_is_settled_for_all_of_them_and_an_absence_told_to_each():
    book = Book()
    async with posting(book) as poster:
        book.troubles = [OutcomeUnknown()]
        assert await poster.submit_all([1, 2]) == [10, 20]
        assert book.batches == [[1, 2], [1, 2]]
        book.troubles = [Unavailable(retry_after_seconds=1.0)]
        assert [type(answer) for answer in await poster.submit_all([3, 4])] == [Unavailable] * 2
        assert await poster.submit_all([3, 4]) == [30, 40]


async def test_equal_keys_are_sent_once_whoever_they_came_with():
    book = Book()
    async with posting(book, key_of=int) as poster:
        book.gate.clear()
        poster.submit(0)
        await book.called.wait()
        crowd = asyncio.create_task(poster.submit_all([5, 6, 5, -1]))
        await asyncio.sleep(0)
        single = poster.submit(6)
        book.gate.set()
        answers = await crowd
        assert await single == 60
    assert answers[:3] == [50, 60, 50]
    assert isinstance(answers[3], Refused)
    assert book.batches == [[0], [5, 6, -1]]
