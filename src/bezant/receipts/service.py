"""Receipts at work: found, opened as far as was asked for, signed once more, erased."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

import msgspec

from bezant.actor import PLATFORM, Actor, Caller, Mode
from bezant.clock import Clock
from bezant.db.database import Database
from bezant.db.outbox import Outbox
from bezant.errors import BezantError, Invalid
from bezant.identity.port import Identity
from bezant.ids import Ids, MalformedId, read, spell
from bezant.money import Money, asset_of
from bezant.receipts import rules
from bezant.receipts.links import PREFIX, Links
from bezant.receipts.port import PAGE_MAX, SUBJECTS_MAX, UnknownReceipt
from bezant.receipts.proving import Proving
from bezant.receipts.receipt import (
    ChangeSettings,
    FollowLink,
    Form,
    Later,
    Outcome,
    ReadFile,
    Receipt,
    ReceiptFile,
    ReceiptPage,
    ReceiptSettings,
    ReceiptsOf,
    ReportPage,
    ReportsOf,
    Show,
)
from bezant.receipts.reporting import Reporting
from bezant.receipts.signing import MODULE, ReceiptKeys
from bezant.receipts.store import receipt as store
from bezant.receipts.store.receipt import ReceiptRow
from bezant.receipts.telling import issued, told
from bezant_verify.jws import from_base64url

LATER_MAX: Final = 100  # A payment is given back in a handful of parts.


class ReceiptsService:
    """Implements `Receipts`."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        outbox: Outbox,
        keys: ReceiptKeys,
        links: Links,
        proving: Proving,
        identity: Identity,
        form: Form = Form.COMPACT,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._outbox = outbox
        self._keys = keys
        self._links = links
        self._proving = proving
        self._identity = identity
        self._form = form
        self._reporting = Reporting(database, clock)

    async def receipt(self, tenant: str, mode: Mode, receipt: str) -> Receipt:
        """Return one receipt."""
        return (await self._told([await self._forms(tenant, mode, receipt)]))[0]

    async def receipts(self, query: ReceiptsOf) -> ReceiptPage:
        """Return a page of receipts, newest first."""
        limit = min(max(query.limit, 1), PAGE_MAX)
        before = None if query.before is None else _id(query.before)
        if query.before is not None:
            await self._forms(query.tenant, query.mode, query.before)
        found = await store.page(
            self._database, query.tenant, query.mode, query.payment, query.refund, query.outcome,
            before, limit + 1,
        )  # fmt: skip
        by_id: dict[UUID, list[ReceiptRow]] = {one: [] for one in found[:limit]}
        for row in await store.forms_of(self._database, list(by_id)):
            by_id[row.id].append(row)
        return ReceiptPage(tuple(await self._told(list(by_id.values()))), len(found) > limit)

    async def file(self, query: ReadFile) -> ReceiptFile:
        """Return what a stranger checks."""
        rows = await self._forms(query.tenant, query.mode, query.receipt)
        return await self._filed(rows, query.show)

    async def follow_link(self, query: FollowLink) -> ReceiptFile:
        """Return the same for whoever holds the payer's link."""
        rows = await store.forms(self._database, await self._links.followed(query.code))
        if not rows:
            raise UnknownReceipt
        return await self._filed(rows, query.show)

    async def sign_in_full(self, tenant: str, mode: Mode, receipt: str) -> Receipt:
        """Sign a receipt with ML-DSA-87 too."""
        rows = await self._forms(tenant, mode, receipt)
        if all(row.form is not Form.FULL for row in rows):
            payload = msgspec.json.decode(rows[0].signed)["payload"]
            claims: dict[str, object] = msgspec.json.decode(from_base64url(payload))
            signed = await self._keys.sign(claims, Form.FULL)
            row = replace(
                rows[0], form=Form.FULL, added=True, issued_at=self._clock.now(),
                signed=signed.text, digest=signed.digest,
            )  # fmt: skip
            async with self._database.transaction() as tx:
                if await store.add(tx, [row]):
                    await self._outbox.append(tx, issued(self._ids, row))
        return await self.receipt(tenant, mode, receipt)

    async def settings(self, tenant: str, mode: Mode) -> ReceiptSettings:
        """Return how a merchant's receipts are signed."""
        chosen = await store.preferences(self._database)
        return ReceiptSettings(chosen.get((tenant, mode), self._form))

    async def change_settings(self, command: ChangeSettings) -> ReceiptSettings:
        """Let a merchant's receipts be signed otherwise from now on."""
        async with self._database.transaction() as tx:
            await store.prefer(tx, command.tenant, command.mode, command.form, self._clock.now())
        return ReceiptSettings(command.form)

    async def erase(self, tenant: str, payments: tuple[str, ...]) -> int:
        """Destroy what opens the receipts of these payments."""
        if len(payments) > SUBJECTS_MAX:
            raise Invalid(f"at most {SUBJECTS_MAX} payments at once", field="payments")
        async with self._database.transaction() as tx:
            return await store.erase(tx, tenant, payments)

    async def reports(self, query: ReportsOf) -> ReportPage:
        """Return a page of summaries."""
        return await self._reporting.reports(query)

    async def _forms(self, tenant: str, mode: Mode, receipt: str) -> list[ReceiptRow]:
        rows = await store.forms(self._database, _id(receipt))
        if not rows or rows[0].mode is not mode or tenant not in ("", rows[0].tenant):
            raise UnknownReceipt
        return rows

    async def _told(self, found: Sequence[Sequence[ReceiptRow]]) -> list[Receipt]:
        opened = await store.disclosures(self._database, [rows[0].id for rows in found])
        return [
            told(
                rows,
                code=await self._links.of(rows[0].id),
                erased=rows[0].id not in opened,
            )
            for rows in found
        ]

    async def _filed(self, rows: Sequence[ReceiptRow], show: Show) -> ReceiptFile:
        newest = rows[-1]
        opened = (await store.disclosures(self._database, [newest.id])).get(newest.id, ())
        visible = rules.shown(opened, show) if opened else ()
        text, finding = await self._proving.file(
            spell(PREFIX, newest.id), newest.mode, newest.signed, newest.digest, visible
        )
        fields = rules.spelled(visible)
        named = any(field.name == "merchant" for field in fields)
        later = await self._later(rows[0])
        whole = bool(opened) and len(visible) == len(opened)
        return ReceiptFile(
            id=spell(PREFIX, newest.id),
            mode=newest.mode,
            code=await self._links.of(newest.id),
            merchant=await self._merchant(newest) if named else "",
            text=text,
            fields=fields,
            hidden=len(opened) - len(visible),
            finding=finding,
            outdated=bool(later),
            # To others it is no business what happened, nor what this receipt hides.
            later=tuple([await self._told_later(row) for row in later]) if whole else (),
        )

    async def _later(self, row: ReceiptRow) -> Sequence[ReceiptRow]:
        """Return what came of the same money afterwards: the last word about each refund."""
        last = {
            (one.about, one.refund): one
            for one in await store.later(self._database, row, LATER_MAX)
        }
        # That no money came back after all is news to whoever holds the receipt that it did.
        return [
            one
            for one in last.values()
            if one.about is row.about or one.outcome is Outcome.SUCCEEDED
        ]

    async def _told_later(self, row: ReceiptRow) -> Later:
        return Later(
            about=row.about,
            outcome=row.outcome,
            amount=Money(int(row.amount), asset_of(row.asset)),
            decided_at=row.decided_at,
            code=await self._links.of(row.id),
        )

    async def _merchant(self, row: ReceiptRow) -> str:
        """Return the merchant's name; a receipt is readable without it."""
        asker = Actor(Caller.MODULE, MODULE, PLATFORM, row.mode, frozenset({"merchants.read"}))
        try:
            return (await self._identity.merchant(asker, row.tenant)).name
        except BezantError:
            return ""


def _id(receipt: str) -> UUID:
    try:
        return read(PREFIX, receipt)
    except MalformedId:
        raise UnknownReceipt from None
