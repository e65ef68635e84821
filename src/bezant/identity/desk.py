"""What every part of the service works with."""

import base64
import hashlib
import os
from collections.abc import Callable, Mapping
from typing import Final

from bezant.actor import Mode
from bezant.clock import Clock
from bezant.db.database import Database, Tx
from bezant.db.nudges import Nudges
from bezant.db.outbox import Outbox
from bezant.events import Event
from bezant.identity.passwords import Passwords
from bezant.identity.people.party import Party, party_of
from bezant.identity.port import PAGE_MAX
from bezant.identity.provider.issuer import Issuer
from bezant.ids import Ids
from bezant.keys.port import Keys
from bezant.secret import Secret

MODULE: Final = "identity"
SEALING_KEY: Final = "identity-secrets"
"""The logical key under which lie what makes people's codes, and letters to them."""
TOKEN_BYTES: Final = 32
NOWHERE: Final = Issuer("http://localhost")
"""Where nobody comes to sign in; a command beside a running platform needs no issuer."""


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
        nudges: Nudges | None = None,
        issuer: Issuer = NOWHERE,
        party: Party | None = None,
        signs_up_at: str = "",
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._keys = keys
        self._live = live
        self._passwords = passwords or Passwords()
        self._chance = chance
        self._issuer = issuer
        self._party = party or party_of(issuer)
        self._signs_up_at = signs_up_at
        self._outbox = Outbox(MODULE, nudges or Nudges())
        self._listeners: list[Callable[[str], None]] = []

    def when_rights_are_taken(self, listener: Callable[[str], None]) -> None:
        """Call this with a key's or session's id once it lost rights; with "" when many did."""
        self._listeners.append(listener)

    def _rights_taken(self, holder: str = "") -> None:
        for listener in self._listeners:
            listener(holder)

    async def _record(
        self,
        tx: Tx,
        what: str,
        tenant: str,
        subject: str,
        data: Mapping[str, object],
        mode: Mode | None = None,
    ) -> None:
        """Tell the feed, by ids alone: no name, no address, nothing that is a person's.

        What belongs to no mode is told in the one the installation was made for.
        """
        own = Mode.LIVE if self._live else Mode.TEST
        event = Event(
            id=self._ids.new("evt"),
            type=what,
            version=1,
            mode=mode or own,
            tenant=tenant,
            subject=subject,
            occurred_at=self._clock.now(),
            data=data,
        )
        await self._outbox.append(tx, event)

    def _new_token(self, prefix: str) -> Secret[str]:
        body = base64.urlsafe_b64encode(self._chance(TOKEN_BYTES)).rstrip(b"=").decode()
        return Secret(f"{prefix}_{body}")


def token_hash(token: Secret[str]) -> bytes:
    """Return what is stored of a token: with 256 random bits a plain hash cannot be guessed."""
    return hashlib.sha256(token.reveal().encode()).digest()


def page_limit(limit: int) -> int:
    """Return how many items a page may have."""
    return max(1, min(limit, PAGE_MAX))
