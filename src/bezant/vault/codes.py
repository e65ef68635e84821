"""Card codes (CVC): in this process's memory only, for one use, a quarter of an hour at most.

PCI DSS 3.3.1: a code is never stored once a payment was authorised, not even encrypted. So it is
never written anywhere, and what held it is overwritten as soon as it is used or too old. The time
is the machine's, not the platform's business time: moving a demo's clock keeps no code alive.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

KEPT_SECONDS: Final = 15 * 60
CODES_MAX: Final = 20_000  # About 4 MB; whoever fills it drives the oldest out.


@dataclass(slots=True)
class Kept:
    """A code and when it has to be gone."""

    code: bytearray
    until_seconds: float


class Codes:
    """Codes by their card's token."""

    def __init__(self, machine_seconds: Callable[[], float], codes_max: int = CODES_MAX) -> None:
        self._machine_seconds = machine_seconds
        self._codes_max = codes_max
        self._kept: dict[str, Kept] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, token: str, code: bytearray) -> None:
        """Remember a code."""
        self._put(token, Kept(code, self._machine_seconds() + KEPT_SECONDS))

    def take(self, token: str) -> Kept | None:
        """Hand a code out, for good: a second asker finds none."""
        kept = self._kept.pop(token, None)
        if kept is not None and kept.until_seconds <= self._machine_seconds():
            wipe(kept)
            return None
        return kept

    def give_back(self, token: str, kept: Kept) -> None:
        """Take back a code that left for nowhere; it lives no longer for it."""
        if kept.until_seconds <= self._machine_seconds():
            wipe(kept)
        else:
            self._put(token, kept)

    def forget(self, token: str) -> None:
        """Wipe a code."""
        wipe(self._kept.pop(token, None))

    def sweep(self) -> None:
        """Wipe every code whose time is over."""
        now = self._machine_seconds()
        for token in [token for token, kept in self._kept.items() if kept.until_seconds <= now]:
            self.forget(token)

    def clear(self) -> None:
        """Wipe all of them."""
        for token in list(self._kept):
            self.forget(token)

    def _put(self, token: str, kept: Kept) -> None:
        self.forget(token)
        while len(self._kept) >= self._codes_max:
            self.forget(next(iter(self._kept)))
        self._kept[token] = kept


def wipe(kept: Kept | None) -> None:
    """Overwrite a code where it lies."""
    if kept is not None:
        kept.code[:] = bytes(len(kept.code))
