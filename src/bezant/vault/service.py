"""The vault at work: cards sealed, requests filled and sent, answers cleaned.

`VaultService` is both doors. Only it and what it calls here ever hold a card number.
"""

import asyncio
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final
from uuid import UUID

from bezant import telemetry
from bezant.actor import PLATFORM, Actor, Caller, Mode
from bezant.clock import Clock
from bezant.db.database import Database
from bezant.db.poster import Poster
from bezant.errors import BezantError, Forbidden
from bezant.exchange import ProviderAnswer, ProviderRequest, Sending
from bezant.http.limits import Limits, MemoryLimits, Rule, bucket_of_address
from bezant.ids import Ids, MalformedId, read, spell
from bezant.keys.port import Keys
from bezant.psp.port import Transport
from bezant.vault import filling, rules, store
from bezant.vault.codes import Codes, Kept, wipe
from bezant.vault.filling import CardData
from bezant.vault.port import (
    CardFace,
    CardForgotten,
    CardNumberInvalid,
    CardWithoutMerchant,
    Tokenise,
    TooManyCards,
    UnknownCard,
)
from bezant.vault.reading import read_card
from bezant.vault.sealing import DataKeys
from bezant.vault.store import CardRow, SealedRow

PERMISSION: Final = "tokens.write"
SWEEP_SECONDS: Final = 20
# Stolen numbers are tried out where tokens are free. A payer needs a handful of tries; a wrong
# number costs five of them. Servers with a secret key tokenise for many payers from one address.
PAYERS_OF_ADDRESS: Final = Rule(30, 60)
PAYERS_OF_KEY: Final = Rule(1_200, 60)
SERVERS: Final = Rule(6_000, 60)
WRONG_NUMBER_COST: Final = 4  # Beside the one that every try costs.
_log = telemetry.log("vault")


class CardsRefused(Forbidden):
    """This caller may not turn cards into tokens."""

    code = "cards_refused"


class VaultService:
    """Implements `Vault` and `CardDoor`."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        keys: Keys,
        transport: Transport,
        machine_seconds: Callable[[], float] = monotonic,
        limits: Limits | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._transport = transport
        self._data_keys = DataKeys(database, keys, clock)
        self._codes = Codes(machine_seconds)
        self._limits = limits or MemoryLimits(machine_seconds)
        # Many sendings at once ask for their cards in one question.
        self._asking: Poster[UUID, SealedRow] = Poster(
            "vault cards", self._sealed, key_of=lambda card: card
        )
        self._sweeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Make the sealing key on first use, and begin to wipe codes whose time is over."""
        await self._data_keys.start()
        self._asking.start()
        self._sweeping = asyncio.create_task(self._sweep(), name="vault codes")

    async def stop(self) -> None:
        """Wipe every code and end."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.gather(self._sweeping, return_exceptions=True)
        await self._asking.stop()
        self._codes.clear()

    @property
    def codes_kept(self) -> int:
        """How many card codes lie in memory."""
        return len(self._codes)

    async def tokenise(self, command: Tokenise) -> CardFace:
        """Seal a card and return its token."""
        by = command.by
        if not by.may(PERMISSION):
            raise CardsRefused
        if by.tenant == PLATFORM:
            raise CardWithoutMerchant
        self._spend(by, command.address, 1)
        asked = read_card(command.body)
        if asked.checkout_session:
            read("cs", asked.checkout_session, "checkout_session")
        now = self._clock.now()
        try:
            card = rules.card(asked.number.reveal(), asked.exp_month, asked.exp_year, by.mode, now)
        except CardNumberInvalid:
            self._spend(by, command.address, WRONG_NUMBER_COST)
            raise
        code = rules.cvc(asked.cvc.reveal(), card.brand)
        tenant = read("mer", by.tenant)
        number = card.number.reveal()
        row = CardRow(
            id=self._ids.uuid(),
            tenant=tenant,
            mode=by.mode,
            brand=card.brand,
            last4=card.last4,
            exp_month=card.exp_month,
            exp_year=card.exp_year,
            fingerprint=await self._data_keys.fingerprint(tenant, by.mode, number),
            checkout_session=asked.checkout_session,
            created_at=now,
        )
        # From here it succeeds.
        key_id, sealed = await self._data_keys.seal(row.id, tenant, by.mode, number)
        async with self._database.transaction() as tx:
            await store.add_card(tx, row, key_id, sealed)
        face = _face(row)
        if code is not None:
            self._codes.keep(face.token, code)
        _log.info("card.tokenised", card=face.token, by=by.subject, tenant=by.tenant)
        return face

    async def card(self, tenant: str, mode: Mode, token: str) -> CardFace:
        """Return what may be shown of a card."""
        try:
            card_id, merchant = read("card", token), read("mer", tenant)
        except MalformedId:
            raise UnknownCard from None
        row = await store.card(self._database, card_id, merchant, mode)
        if row is None:
            raise UnknownCard
        return _face(row)

    async def send(self, request: ProviderRequest) -> ProviderAnswer:
        """Fill a request's placeholders, send it, and clean what comes back."""
        filling.refuse_placeholders(request)
        if not request.card:
            return await self._transport.send(request)
        row = await self._row(request)
        assert row.sealed is not None
        number = await self._data_keys.open(row.id, row.tenant, row.mode, row.key_id, row.sealed)
        card = CardData(number, row.exp_month, row.exp_year)
        kept = self._codes.take(request.card) if filling.wants_code(request) else None
        code = None if kept is None else kept.code
        gone = False
        try:
            whole = filling.filled(request, card, code)
            gone = True
            answer = await self._transport.send(whole)
            gone = answer.sending is not Sending.NOT_SENT
            return filling.cleaned(answer, number, code)
        except BezantError:
            gone = False  # The transport raises only what it knows before anything was sent.
            raise
        finally:
            self._used(request.card, kept, gone=gone)

    async def forget(self, tenant: str, mode: Mode, token: str) -> None:
        """Destroy a card's number; its face stays for the records."""
        face = await self.card(tenant, mode, token)
        async with self._database.transaction() as tx:
            await store.forget(
                tx, read("card", token), read("mer", tenant), mode, self._clock.now()
            )
        self._codes.forget(face.token)
        _log.info("card.forgotten", card=token, tenant=tenant)

    async def rewrap(self) -> int:
        """Bring data keys under the newest version of the key room's key."""
        return await self._data_keys.rewrap()

    async def _row(self, request: ProviderRequest) -> SealedRow:
        try:
            row = await self._asking.submit(read("card", request.card))
        except MalformedId:
            raise UnknownCard from None
        if spell("mer", row.tenant) != request.tenant or row.mode is not request.mode:
            raise UnknownCard
        if row.sealed is None:
            raise CardForgotten
        return row

    async def _sealed(self, wanted: Sequence[UUID]) -> Sequence[SealedRow | BezantError]:
        rows = {row.id: row for row in await store.sealed_cards(self._database, wanted)}
        return [rows.get(card) or UnknownCard() for card in wanted]

    def _used(self, token: str, kept: Kept | None, *, gone: bool) -> None:
        """Wipe a code that left; keep one for which nothing was sent at all."""
        if kept is None:
            return
        if gone:
            wipe(kept)
        else:
            self._codes.give_back(token, kept)

    def _spend(self, by: Actor, address: str, cost: int) -> None:
        """Slow down whoever tries many cards."""
        buckets = [(f"key {by.subject}", SERVERS)]
        if by.pays:
            buckets = [(_page_of(by), PAYERS_OF_KEY)]
            if address:
                buckets.append((f"address {bucket_of_address(address)}", PAYERS_OF_ADDRESS))
        for bucket, rule in buckets:
            spent = self._limits.spend(bucket, rule, cost)
            if not spent.allowed:
                raise TooManyCards(retry_after_seconds=spent.reset_seconds)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self._codes.sweep()


def _page_of(by: Actor) -> str:
    """Name the bucket of the page a payer stands on. A link gives whoever follows it a checkout of
    their own, as often as they like: those of one merchant share a bucket, as a page's key does.
    """
    if by.caller is Caller.CLIENT:
        return f"pages {by.tenant} {by.mode}"
    return f"key {by.subject}"


def _face(row: CardRow) -> CardFace:
    return CardFace(
        token=spell("card", row.id),
        brand=row.brand,
        last4=row.last4,
        exp_month=row.exp_month,
        exp_year=row.exp_year,
        fingerprint=row.fingerprint.hex(),
        created_at=row.created_at,
        checkout_session=row.checkout_session,
    )
