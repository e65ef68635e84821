"""Payment links: anybody may follow one, so many may pay by it, and no more."""

from dataclasses import replace
from typing import Final
from uuid import UUID

from bezant.actor import Mode
from bezant.db import page
from bezant.ids import MalformedId, read, spell
from bezant.orders import rules
from bezant.orders.checkout import (
    CreateLink,
    LinkPage,
    LinksOf,
    NewSession,
    OpenLink,
    OpenSession,
    PaymentLink,
)
from bezant.orders.checkouts import Checkouts
from bezant.orders.port import (
    LinkClosed,
    LinkUsedUp,
    OrderKeyReused,
    UnknownPaymentLink,
)
from bezant.orders.standing import LINK
from bezant.orders.store import checkout as store
from bezant.orders.store.checkout import LinkRow
from bezant.orders.telling import money

FIRST: Final = b"link"
"""In place of a request's fingerprint: sessions of a link are opened under no key."""


class Links(Checkouts):
    """The part of the service that is about payment links."""

    async def create_link(self, command: CreateLink) -> PaymentLink:
        """Make a payment link."""
        rules.well_formed(command.offer)
        now = self._desk.clock.now()
        rules.link_lasts(command.expires_at, command.uses_max, now)
        idem = rules.idem("link", command.tenant, command.mode, command.key)
        offer = command.offer
        row = LinkRow(
            id=self._desk.ids.uuid(),
            tenant=command.tenant,
            mode=command.mode,
            asset=offer.amount.asset.code,
            amount=rules.whole(offer.amount),
            offer=rules.store_offer(offer),
            created_at=now,
            expires_at=command.expires_at,
            closed_at=None,
            uses=0,
            uses_max=command.uses_max,
            request=rules.fingerprint(replace(command, key="")),
        )
        async with self._desk.database.transaction() as tx:
            if await store.add_link(tx, row, idem):
                return self._link(row)
            assert idem is not None
            known = await store.link_by_idem(tx, idem)
        if known is None or known.request != row.request:
            raise OrderKeyReused
        return self._link(known, replayed=True)

    async def link(self, tenant: str, mode: Mode, link: str) -> PaymentLink:
        """Return a payment link."""
        return self._link(await self._link_row(tenant, mode, link))

    async def links(self, query: LinksOf) -> LinkPage:
        """Return a page of payment links."""
        cut = page.cut(LINK, rules.limit(query.limit), query.before, query.after)
        async with self._desk.database.transaction() as tx:
            shown, more = cut.shown(await store.links(tx, query, cut))
        return LinkPage(tuple(map(self._link, shown)), has_more=more)

    async def close_link(self, tenant: str, mode: Mode, link: str) -> PaymentLink:
        """Let nobody pay by a link any more."""
        row = await self._link_row(tenant, mode, link)
        async with self._desk.database.transaction() as tx:
            await store.close_link(tx, row.id, self._desk.clock.now())
        return await self.link(tenant, mode, link)

    async def open_link(self, command: OpenLink) -> NewSession:
        """Open a checkout session for a payer who follows a link."""
        row = await self._link_row(command.tenant, command.mode, command.link)
        now = self._desk.clock.now()
        if row.closed_at is not None or (row.expires_at is not None and row.expires_at <= now):
            raise LinkClosed
        if row.uses_max is not None and row.uses >= row.uses_max:
            raise LinkUsedUp  # Said early, for the payer's sake; it is decided when they pay.
        offer = rules.read_offer(row.offer, money(row.amount, row.asset))
        opening = OpenSession("", row.tenant, row.mode, offer)
        until = rules.lasts_until(None, now, rules.SESSION_LIFE)
        async with self._desk.database.transaction() as tx:
            order_id = await self._order_of(tx, opening)
            session = self._session_row(opening, order_id, row.id, until, FIRST)
            await store.add_session(tx, session, None)
        return await self.new_session(session)

    async def _link_row(self, tenant: str, mode: Mode, link: str) -> LinkRow:
        async with self._desk.database.transaction() as tx:
            row = await store.link(tx, _number(link), tenant, mode)
        if row is None:
            raise UnknownPaymentLink
        return row

    def _link(self, row: LinkRow, *, replayed: bool = False) -> PaymentLink:
        now = self._desk.clock.now()
        return PaymentLink(
            id=spell(LINK, row.id),
            mode=row.mode,
            offer=rules.read_offer(row.offer, money(row.amount, row.asset)),
            uses=row.uses,
            uses_max=row.uses_max,
            open=row.closed_at is None
            and (row.expires_at is None or row.expires_at > now)
            and (row.uses_max is None or row.uses < row.uses_max),
            created_at=row.created_at,
            expires_at=row.expires_at,
            replayed=replayed,
        )


def _number(link: str) -> UUID:
    try:
        return read(LINK, link)
    except MalformedId:
        raise UnknownPaymentLink from None
