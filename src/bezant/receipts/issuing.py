"""Every final outcome that the payments' feed tells gets a receipt, once.

Signing may be a call to another process or to a device, and no call leaves while a transaction is
open. So this stands between the feed and its follower: what is read is signed at once, and what
was signed is written in the transaction that moves the follower on. Killed in between, the next
one signs again, and nobody has seen the first.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from bezant.clock import Clock
from bezant.db.database import Database, Tx
from bezant.db.outbox import Outbox
from bezant.events import FedEvent, Feed
from bezant.ids import Ids, spell
from bezant.receipts import rules
from bezant.receipts.issuer import Issuer
from bezant.receipts.links import PREFIX
from bezant.receipts.outcome import PAYER_FORGOTTEN, Ended, ended_by
from bezant.receipts.receipt import Form
from bezant.receipts.signing import ReceiptKeys, SignedReceipt
from bezant.receipts.store import receipt as store
from bezant.receipts.store.receipt import ReceiptRow
from bezant.receipts.telling import claims_of, issued

FOLLOWER: Final = "receipts"
FEED: Final = "payments"


@dataclass(frozen=True, slots=True)
class Made:
    """A receipt that is signed and not written yet."""

    row: ReceiptRow
    disclosures: tuple[str, ...]


class Issuing:
    """A feed that signs what passes, and what its follower does with it."""

    def __init__(
        self,
        feed: Feed,
        database: Database,
        clock: Clock,
        ids: Ids,
        chance: Callable[[int], bytes],
        keys: ReceiptKeys,
        issuer: Issuer,
        outbox: Outbox,
        form: Form = Form.COMPACT,
    ) -> None:
        """Take from this feed; who chose nothing gets receipts in this form."""
        self._feed = feed
        self._database = database
        self._clock = clock
        self._ids = ids
        self._chance = chance
        self._keys = keys
        self._issuer = issuer
        self._outbox = outbox
        self._form = form
        self._made: dict[int, Made | None] = {}
        """What was read last, by position; whoever handles anything else is wrong."""

    async def read(self, after: int, limit: int) -> tuple[FedEvent, ...]:
        """Return the next events of the payments; those that are outcomes are signed."""
        events = await self._feed.read(after, limit)
        ended = {fed.position: ended_by(fed.event) for fed in events}
        there = {position: one for position, one in ended.items() if one is not None}
        self._made = dict.fromkeys(ended)
        if there:
            issuer = await self._issuer.claims()
            forms = await store.preferences(self._database)
            made = await asyncio.gather(
                *(
                    self._signed(one, issuer, forms.get((one.tenant, one.mode), self._form))
                    for one in there.values()
                )
            )
            self._made |= zip(there, made, strict=True)
        return events

    async def handle(self, tx: Tx, events: Sequence[FedEvent]) -> None:
        """Write the receipts of these events, and tell of them; destroy what opens the receipts of
        payers who are forgotten.
        """
        made = [one for fed in events if (one := self._made[fed.position]) is not None]
        if made:
            added = await store.add(tx, [one.row for one in made])
            new = [one for one in made if one.row.id in added]
            await store.add_disclosures(tx, [(one.row.id, one.disclosures) for one in new])
            await self._outbox.append(tx, *(issued(self._ids, one.row) for one in new))
        forgotten: defaultdict[str, list[str]] = defaultdict(list)
        for fed in events:
            if fed.event.type == PAYER_FORGOTTEN:
                forgotten[fed.event.tenant].append(fed.event.subject)
        for tenant, payments in forgotten.items():
            await store.erase(tx, tenant, payments)

    async def _signed(self, ended: Ended, issuer: Mapping[str, str], form: Form) -> Made:
        receipt, at = self._ids.uuid(), self._clock.now()
        disclosures = rules.salted(rules.contents(ended), self._chance)
        claims = claims_of(issuer, spell(PREFIX, receipt), ended.mode, at, disclosures)
        signed = await self._keys.sign(claims, form)
        return Made(_row(receipt, ended, at, signed), disclosures)


def _row(receipt: UUID, ended: Ended, at: datetime, signed: SignedReceipt) -> ReceiptRow:
    return ReceiptRow(
        id=receipt,
        form=signed.form,
        added=False,
        outcome_event=ended.event,
        tenant=ended.tenant,
        mode=ended.mode,
        about=ended.about,
        outcome=ended.outcome,
        payment=ended.payment,
        refund=ended.refund,
        asset=ended.amount.asset.code,
        exponent=ended.amount.asset.exponent,
        amount=Decimal(ended.amount.minor),
        provider=ended.provider,
        reference=ended.reference,
        decided_at=ended.decided_at,
        issued_at=at,
        signed=signed.text,
        digest=signed.digest,
    )
