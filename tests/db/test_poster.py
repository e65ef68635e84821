"""The poster: one answer for every caller, whatever happens to the batch it travels in."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.db.rooms import Rooms

from bezant.db.poster import Poster, PosterFull, PosterStopped
from bezant.errors import BezantError, OutcomeUnknown, Refused, Unavailable

DEADLINE_SECONDS = 30
Batch = Sequence[int]
Answers = Sequence[int | BezantError]


class Book:
    """A store of numbers that can be told to fail; every number is written at most once."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.written: list[int] = []
        self.troubles: list[Exception] = []
        """Raised by the next calls, after the effect if it is an unknown outcome."""
        self.poison: set[int] = set()
        self.gate = asyncio.Event()
        self.gate.set()

    async def write(self, numbers: Batch) -> Answers:
        self.batches.append(list(numbers))
        await self.gate.wait()
        trouble = self.troubles.pop(0) if self.troubles else None
        if trouble is not None and not isinstance(trouble, OutcomeUnknown):
            raise trouble
        if self.poison & set(numbers):
            raise LookupError
        self.written += [number for number in numbers if number not in self.written]
        if trouble is not None:
            raise trouble
        return [number * 10 if number >= 0 else Refused() for number in numbers]


@asynccontextmanager
async def posting(
    write: Callable[[Batch], Awaitable[Answers]], **options: Any
) -> AsyncIterator[Poster[int, int]]:
    poster: Poster[int, int] = Poster("numbers", write, **options)
    poster.start()
    yield poster
    async with asyncio.timeout(DEADLINE_SECONDS):
        await poster.stop()


async def all_of(poster: Poster[int, int], numbers: Sequence[int]) -> list[object]:
    async with asyncio.timeout(DEADLINE_SECONDS):
        return await asyncio.gather(
            *(poster.submit(number) for number in numbers), return_exceptions=True
        )


async def test_those_who_come_together_share_one_write_and_get_their_own_answers():
    book = Book()
    async with posting(book.write) as poster:
        assert await all_of(poster, range(100)) == [number * 10 for number in range(100)]
        assert book.batches == [list(range(100))]
        assert await poster.submit(7) == 70


async def test_a_batch_forms_while_the_last_one_is_written_and_is_bounded():
    book = Book()
    async with posting(book.write, batch_max=8) as poster:
        book.gate.clear()
        first = poster.submit(0)
        await reached(lambda: len(book.batches) == 1)
        others = [poster.submit(number) for number in range(1, 20)]
        book.gate.set()
        await asyncio.gather(first, *others)
    assert [len(batch) for batch in book.batches] == [1, 8, 8, 3]
    assert book.written == list(range(20))


async def test_a_refusal_is_for_its_own_caller():
    async with posting(Book().write) as poster:
        answers = await all_of(poster, [1, -1, 2])
        assert (answers[0], answers[2]) == (10, 20)
        assert isinstance(answers[1], Refused)


async def test_a_poisonous_command_fails_alone():
    book = Book()
    book.poison = {13, 77}
    async with posting(book.write) as poster:
        answers = await all_of(poster, range(100))
        for number, answer in enumerate(answers):
            if number in book.poison:
                assert isinstance(answer, LookupError)
            else:
                assert answer == number * 10
        assert poster.written.bisections < 40


async def test_a_caller_who_goes_away_cancels_nothing():
    book = Book()
    async with posting(book.write) as poster:
        book.gate.clear()
        callers = [asyncio.create_task(one(poster, number)) for number in range(5)]
        await reached(lambda: len(book.batches) == 1)
        callers[1].cancel()
        queued = asyncio.create_task(one(poster, 9))
        await asyncio.sleep(0)
        queued.cancel()
        await asyncio.gather(callers[1], queued, return_exceptions=True)
        book.gate.set()
        assert [await callers[n] for n in (0, 2, 3, 4)] == [0, 20, 30, 40]
        await reached(lambda: book.written == [0, 1, 2, 3, 4, 9])


async def one(poster: Poster[int, int], number: int) -> int:
    return await poster.submit(number)


async def test_an_unknown_outcome_is_settled_by_sending_the_same_batch_again():
    book = Book()
    book.troubles = [OutcomeUnknown(), Unavailable(), OutcomeUnknown()]
    async with posting(book.write) as poster:
        assert await all_of(poster, [1, 2, 3]) == [10, 20, 30]
        assert book.batches == [[1, 2, 3]] * 4
        assert book.written == [1, 2, 3]
        assert poster.written.resends == 3


async def test_an_outcome_that_stays_unknown_is_told_as_unknown():
    book = Book()
    book.troubles = [OutcomeUnknown(), *(Unavailable() for _ in range(1_000))]
    async with posting(book.write, outcome_seconds=0.3) as poster:
        answers = await all_of(poster, [1, 2])
        assert all(isinstance(answer, OutcomeUnknown) for answer in answers)
        book.troubles = []
        assert await all_of(poster, [1, 2]) == [10, 20]  # Asking again with the same key tells.
        assert book.written == [1, 2]


async def test_a_database_that_is_away_is_told_at_once_and_the_poster_lives_on():
    book = Book()
    book.troubles = [Unavailable()]
    async with posting(book.write) as poster:
        answers = await all_of(poster, [1, 2])
        assert all(type(answer) is Unavailable for answer in answers)
        assert book.batches == [[1, 2]]
        assert await all_of(poster, [1, 2]) == [10, 20]


async def test_the_loop_survives_any_exception():
    calls = 0

    async def broken(numbers: Batch) -> Answers:
        nonlocal calls
        calls += 1
        if calls == 1:
            return [1, 2, 3]  # Not one answer for each.
        if calls == 2:
            raise MemoryError
        return [0 for _ in numbers]

    def hook() -> None:
        if calls == 3:
            raise LookupError

    async with posting(broken, after_batch=hook) as poster:
        assert isinstance((await all_of(poster, [1]))[0], AssertionError)
        assert isinstance((await all_of(poster, [1]))[0], MemoryError)
        assert await all_of(poster, [1]) == [0]  # The hook failed after the answers were given.
        assert await all_of(poster, [1]) == [0]
        assert poster.written.crashes == 1


async def test_a_full_queue_says_when_to_come_back():
    book = Book()
    async with posting(book.write, batch_max=4, queue_max=4) as poster:
        book.gate.clear()
        writing = poster.submit(0)
        await reached(lambda: len(book.batches) == 1)
        waiting = [poster.submit(number) for number in range(1, 5)]
        with pytest.raises(PosterFull) as caught:
            poster.submit(5)
        assert caught.value.retry_after_seconds
        book.gate.set()
        assert await asyncio.gather(writing, *waiting) == [0, 10, 20, 30, 40]
        assert await poster.submit(5) == 50


async def test_stopping_writes_what_was_queued_and_takes_no_more():
    book = Book()
    async with posting(book.write, batch_max=2) as poster:
        book.gate.clear()
        queued = [poster.submit(number) for number in range(5)]
        stopping = asyncio.create_task(poster.stop())
        await asyncio.sleep(0)
        with pytest.raises(PosterStopped):
            poster.submit(9)
        book.gate.set()
        await stopping
        assert await asyncio.gather(*queued) == [0, 10, 20, 30, 40]


async def test_equal_keys_in_one_batch_are_sent_once_and_share_the_answer():
    book = Book()
    async with posting(book.write, key_of=lambda number: number) as poster:
        answers = await all_of(poster, [5, 6, 5, -1, 5, -1])
        assert book.batches == [[5, 6, -1]]
        assert [answers[n] for n in (0, 1, 2, 4)] == [50, 60, 50, 50]
        assert isinstance(answers[3], Refused)
        assert answers[3] is answers[5]


async def test_a_pause_follows_busy_batches_only(monkeypatch: pytest.MonkeyPatch):
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def noticed(seconds: float) -> None:
        if seconds:
            pauses.append(seconds)
        await sleep(seconds)

    monkeypatch.setattr(asyncio, "sleep", noticed)
    book = Book()
    async with posting(book.write, pause_seconds=0.001, pause_from=4) as poster:
        for _ in range(3):
            await poster.submit(1)
        assert pauses == []
        await all_of(poster, range(4))
        await poster.submit(1)
        assert pauses == [0.001]
        await poster.submit(1)
        assert pauses == [0.001]


@pytest.mark.catalogue("T53")
async def test_two_posters_and_one_database_write_every_key_once(rooms: Rooms):
    """As from two processes: the same keys at the same time, through lines of their own."""
    async with rooms.open("alpha") as database:
        lines = [database.line(f"poster {number}") for number in range(2)]
        posters: list[Poster[int, str]] = []
        for line in lines:

            async def write(keys: Sequence[int], line: object = line) -> Sequence[str]:
                new = await line.call_value(  # pyright: ignore[reportAttributeAccessIssue]
                    "WITH new AS (INSERT INTO thing (id) SELECT unnest(%s::int[]) ORDER BY 1 "
                    "ON CONFLICT (id) DO NOTHING RETURNING id) SELECT array_agg(id) FROM new",
                    (list(keys),),
                )
                return ["new" if key in (new or []) else "known" for key in keys]

            posters.append(Poster("keys", write, batch_max=16, key_of=lambda key: key))
            posters[-1].start()
        answers = await asyncio.gather(
            *(poster.submit(key) for _ in range(3) for key in range(50) for poster in posters)
        )
        for poster in posters:
            await poster.stop()
        for line in lines:
            await line.close()
        assert await database.fetch_value("SELECT count(*) FROM thing") == 50
        assert answers.count("new") >= 50


async def reached(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not condition():
            await asyncio.sleep(0.001)
