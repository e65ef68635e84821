"""What a client was promised, on disk before it goes on; and the check of it against the database.

Every line is fsynced. A client writes `sent` before it sends a key, `acknowledged` when the answer
came, and `refused` when the answer said that nothing happened. After a crash the same keys are sent
again until each has an answer; then the journal is compared with what the database really holds.
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Word(StrEnum):
    """What happened to a key."""

    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"


class Journal:
    """An append-only file of one client. Several clients use several files of one folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, word: Word, key: str) -> None:
        os.write(self._descriptor, f"{word} {key}\n".encode())
        os.fsync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the promises of a journal compare with what was found."""

    sent: int
    acknowledged: int
    lost: tuple[str, ...]  # acknowledged, and not there
    doubled: tuple[str, ...]  # there more than once
    unresolved: tuple[str, ...]  # sent, and never answered even when asked again
    undone: tuple[str, ...]  # refused, and there all the same
    invented: tuple[str, ...]  # there, and never sent

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.unresolved or self.undone or self.invented)


def read(folder: Path) -> Iterator[tuple[Word, str]]:
    """Yield every whole line of every journal; a torn last line was never promised."""
    for path in sorted(folder.glob("*.journal")):
        for line in path.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                word, _, key = line.strip().partition(" ")
                yield Word(word), key


def unanswered(folder: Path) -> list[str]:
    """Return the keys that were sent and have no answer yet, in the order they were sent."""
    waiting: dict[str, None] = {}
    for word, key in read(folder):
        if word is Word.SENT:
            waiting[key] = None
    for word, key in read(folder):
        if word is not Word.SENT:
            waiting.pop(key, None)
    return list(waiting)


def check(folder: Path, found: Iterable[str]) -> Verdict:
    """Compare the journals in a folder with the keys the database really holds, one per effect."""
    said: dict[Word, set[str]] = {word: set() for word in Word}
    for word, key in read(folder):
        said[word].add(key)
    effects = Counter(found)
    answered = said[Word.ACKNOWLEDGED] | said[Word.REFUSED]
    return Verdict(
        sent=len(said[Word.SENT]),
        acknowledged=len(said[Word.ACKNOWLEDGED]),
        lost=tuple(sorted(said[Word.ACKNOWLEDGED] - effects.keys())),
        doubled=tuple(sorted(key for key, times in effects.items() if times > 1)),
        unresolved=tuple(sorted(said[Word.SENT] - answered)),
        undone=tuple(sorted((said[Word.REFUSED] - said[Word.ACKNOWLEDGED]) & effects.keys())),
        invented=tuple(sorted(effects.keys() - said[Word.SENT])),
    )
