"""Clients that post keys, write down what they were promised, and ask again until they know.

async with Load(folder, book.post, clients=12) as load:
    ...kill something...
await load.resolve()
verdict = journal.check(folder, effects(dsn))
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.harness.journal import Journal, Word, unanswered

from bezant.errors import BezantError, Unavailable

Post = Callable[[str], Awaitable[None]]
PAUSE_SECONDS = 0.02  # After an answer that was none; doubled each time in a row.
PAUSE_SECONDS_MAX = 0.2  # A client that hurries more only makes its journal long.
RESOLVE_SECONDS = 60.0  # Nobody answers any more.
RESOLVED_AT_ONCE = 500


async def written(journal: Journal, word: Word, key: str) -> None:
    """Write in a thread: a client waiting for its disk does not hold up the others."""
    await asyncio.to_thread(journal.write, word, key)


class Load:
    """A number of clients, each with its own journal, that post until they are told to stop."""

    def __init__(self, folder: Path, post: Post, *, clients: int, label: str = "key") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.acknowledged = 0
        self.unavailable = 0
        self.wrong: list[str] = []  # errors a client cannot act upon
        self._post = post
        self._clients = clients
        self._label = label
        self._stop = asyncio.Event()
        self._changed = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Load":
        self._tasks = [asyncio.create_task(self._client(number)) for number in range(self._clients)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)

    async def more(self, acknowledged: int, timeout_seconds: float = 60) -> None:
        """Wait until so many more keys have been acknowledged."""
        wanted = self.acknowledged + acknowledged
        await self._until(lambda: self.acknowledged >= wanted, timeout_seconds)

    async def resolve(self, post: Post | None = None) -> None:
        """Send every key that has no answer again, until it has one, or nothing is answered."""
        loop = asyncio.get_running_loop()
        answered_at = loop.time()
        with Journal(self.folder / "resolve.journal") as journal:
            while keys := unanswered(self.folder):
                for start in range(0, len(keys), RESOLVED_AT_ONCE):
                    batch = keys[start : start + RESOLVED_AT_ONCE]
                    if any(
                        await asyncio.gather(
                            *(self._ask(post or self._post, journal, key) for key in batch)
                        )
                    ):
                        answered_at = loop.time()
                    elif loop.time() - answered_at > RESOLVE_SECONDS:
                        return
                    else:
                        await asyncio.sleep(PAUSE_SECONDS)

    async def _client(self, number: int) -> None:
        silences = 0
        with Journal(self.folder / f"{self._label}-{number}.journal") as journal:
            for count in itertools.count():
                if self._stop.is_set():
                    return
                key = f"{self._label}-{number}-{count}"
                await written(journal, Word.SENT, key)
                silences = 0 if await self._ask(self._post, journal, key) else silences + 1
                if silences:
                    pause_seconds = PAUSE_SECONDS * 2 ** min(silences - 1, 10)
                    await asyncio.sleep(min(pause_seconds, PAUSE_SECONDS_MAX))

    async def _ask(self, post: Post, journal: Journal, key: str) -> bool:
        """Post a key and write down what was promised; false if nobody said anything."""
        answered = True
        try:
            await post(key)
        except Unavailable:
            self.unavailable += 1
            answered = False
        except BezantError as error:
            self.wrong.append(repr(error))
            await written(journal, Word.REFUSED, key)
        except Exception as error:  # noqa: BLE001 (collected for the test to show)
            self.wrong.append(repr(error))
            answered = False
        else:
            await written(journal, Word.ACKNOWLEDGED, key)
            self.acknowledged += 1
        async with self._changed:
            self._changed.notify_all()
        return answered

    async def _until(self, true: Callable[[], bool], timeout_seconds: float) -> None:
        async with asyncio.timeout(timeout_seconds), self._changed:
            await self._changed.wait_for(true)
