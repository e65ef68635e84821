"""What every part of the service works with."""

import base64
import hashlib
import os
from collections.abc import Callable
from typing import Final

from bezant.clock import Clock
from bezant.db.database import Database
from bezant.identity.passwords import Passwords
from bezant.identity.port import PAGE_MAX
from bezant.ids import Ids
from bezant.keys.port import Keys
from bezant.secret import Secret

TOKEN_BYTES: Final = 32


class Desk:
    """The database, the clock and the rest, handed in once."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        keys: Keys,
        *,
        live: bool,
        passwords: Passwords | None = None,
        chance: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._keys = keys
        self._live = live
        self._passwords = passwords or Passwords()
        self._chance = chance
        self._listeners: list[Callable[[str], None]] = []

    def when_rights_are_taken(self, listener: Callable[[str], None]) -> None:
        """Call this with a key's or session's id once it lost rights; with "" when many did."""
        self._listeners.append(listener)

    def _rights_taken(self, holder: str = "") -> None:
        for listener in self._listeners:
            listener(holder)

    def _new_token(self, prefix: str) -> Secret[str]:
        body = base64.urlsafe_b64encode(self._chance(TOKEN_BYTES)).rstrip(b"=").decode()
        return Secret(f"{prefix}_{body}")


def token_hash(token: Secret[str]) -> bytes:
    """Return what is stored of a token: with 256 random bits a plain hash cannot be guessed."""
    return hashlib.sha256(token.reveal().encode()).digest()


def page_limit(limit: int) -> int:
    """Return how many items a page may have."""
    return max(1, min(limit, PAGE_MAX))
