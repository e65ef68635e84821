"""What tokens are worth, remembered: whoever guards an API asks about the same ones all the time.

A client that proves itself by its certificate shows the same proof each time, so the whole question
is found again. An answer lasts while a small question at most every `CONFIRMED` says that nothing
behind any token changed since, and that names those of which something did. A signed assertion is
good once, so clients that show one are always asked in full.
"""

import asyncio
import hashlib
import os
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509

from bezant.identity.openid import Asked, TokenFacts
from bezant.identity.provider import jose
from bezant.identity.provider.telling import Telling

CONFIRMED: Final = timedelta(seconds=2)
LASTS: Final = timedelta(minutes=10)
REMEMBERED_MAX: Final = 20_000  # About 25 MB.
_KNOWN: Final = frozenset({"client_id", "token", "token_type_hint"})
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class Worth:
    """Answers by question."""

    def __init__(self) -> None:
        self.answers: dict[bytes, tuple[TokenFacts, str, datetime]] = {}
        self.number = -1
        self.told_at = _LONG_AGO
        self.rounds = 0
        self.turn = asyncio.Lock()
        self.pepper = os.urandom(32)

    def forget(self, _holder: str = "") -> None:
        """Ask again at once what changed: something did, here."""
        self.told_at = _LONG_AGO


class Introspecting(Telling):
    """The part of the provider that answers what tokens are worth."""

    _worth: Worth | None = None

    async def introspect(self, asked: Asked) -> TokenFacts:
        """Tell a client that proved who it is what a token is worth."""
        if not asked.certificate or not frozenset(name for name, _ in asked.parameters) <= _KNOWN:
            return await super().introspect(asked)
        worth = self._remembered()
        await self._confirm(worth)
        question, now = _digest(asked, worth.pepper), self._clock.now()
        known = worth.answers.get(question)
        if known is not None and now < known[2]:
            return known[0]
        rounds = worth.rounds
        facts = await super().introspect(asked)
        # What changed while we asked may have been told in between. Refresh tokens are spent.
        if rounds == worth.rounds and facts.active and facts.audience and facts.expires_at:
            _keep(worth, question, asked, facts, min(facts.expires_at, now + LASTS))
        return facts

    def _remembered(self) -> Worth:
        if self._worth is None:
            self._worth = Worth()
            self.when_rights_are_taken(self._worth.forget)
        return self._worth

    async def _confirm(self, worth: Worth) -> None:
        """Forget what is told to have changed, unless that was asked just now."""
        if timedelta(0) <= self._clock.now() - worth.told_at < CONFIRMED:
            return
        async with worth.turn:
            now = self._clock.now()
            if timedelta(0) <= now - worth.told_at < CONFIRMED:
                return
            worth.told_at = now
            try:
                told = await self.rechecks(worth.number)
            except BaseException:
                worth.forget()
                raise
            worth.rounds += 1
            worth.number = told.number
            if told.everybody:
                worth.answers.clear()
            elif named := frozenset(told.delegations):
                kept = worth.answers.items()
                worth.answers = {key: one for key, one in kept if one[1] not in named}


def _keep(worth: Worth, question: bytes, asked: Asked, facts: TokenFacts, until: datetime) -> None:
    certificate = x509.load_der_x509_certificate(asked.certificate)
    until = min(until, certificate.not_valid_after_utc)
    token = dict(asked.parameters)["token"]
    delegation = jose.read(token, jose.ACCESS).text_of("dlg")
    while len(worth.answers) >= REMEMBERED_MAX:
        del worth.answers[next(iter(worth.answers))]
    worth.answers[question] = facts, delegation, until


def _digest(asked: Asked, pepper: bytes) -> bytes:
    found = hashlib.blake2b(asked.certificate, digest_size=32, key=pepper)
    for text in (asked.realm, *(text for pair in asked.parameters for text in pair)):
        written = text.encode(errors="surrogatepass")
        found.update(len(written).to_bytes(4) + written)
    return found.digest()
