"""Merchants: added, suspended and let in again by the platform."""

from bezant.actor import PLATFORM, Actor
from bezant.identity import rules
from bezant.identity.desk import Desk, page_limit
from bezant.identity.port import (
    AlreadyExists,
    ChangeMerchant,
    CreateMerchant,
    Merchant,
    MerchantPage,
    MerchantsOf,
    MerchantState,
    NotAllowed,
    UnknownMerchant,
)
from bezant.identity.store import merchant as store
from bezant.identity.store.merchant import MerchantRow
from bezant.ids import read, spell


class Merchants(Desk):
    """The part of the service that is about merchants."""

    async def create_merchant(self, command: CreateMerchant) -> Merchant:
        """Add a merchant once."""
        _by_the_platform(command.by)
        row = MerchantRow(
            id=read("mer", command.id, "id"),
            name=rules.normal_name(command.name),
            state=MerchantState.ACTIVE,
            demo=command.demo,
            created_at=self._clock.now(),
        )
        async with self._database.transaction() as tx:
            added = await store.add(tx, row)
            if added:
                about = {"by": command.by.subject, "demo": row.demo}
                await self._record(tx, "merchant.created", command.id, command.id, about)
            stored = row if added else await store.find(tx, row.id)
        if stored is None or (stored.name, stored.demo) != (row.name, row.demo):
            raise AlreadyExists(field="id")
        return told(stored)

    async def change_merchant(self, command: ChangeMerchant) -> Merchant:
        """Suspend a merchant or let it work again."""
        _by_the_platform(command.by)
        merchant_id = rules.merchant_id(command.merchant)
        async with self._database.transaction() as tx:
            await store.set_state(tx, merchant_id, command.state)
            stored = await store.find(tx, merchant_id)
            if stored is not None:
                about = {"by": command.by.subject, "state": command.state}
                name = told(stored).id
                await self._record(tx, "merchant.changed", name, name, about)
            tx.after_commit(self._rights_taken)
        if stored is None:
            raise UnknownMerchant
        return told(stored)

    async def merchant(self, by: Actor, merchant: str) -> Merchant:
        """Return one merchant."""
        rules.permit(by, "merchants.read", merchant)
        async with self._database.transaction() as tx:
            stored = await store.find(tx, rules.merchant_id(merchant))
        if stored is None:
            raise UnknownMerchant
        return told(stored)

    async def merchants(self, query: MerchantsOf) -> MerchantPage:
        """Return a page of the merchants one may see: all of them, or one's own."""
        rules.permit(query.by, "merchants.read")
        if query.by.tenant != PLATFORM:
            return MerchantPage((await self.merchant(query.by, query.by.tenant),), has_more=False)
        limit = page_limit(query.limit)
        after = read("mer", query.after, "after") if query.after else None
        async with self._database.transaction() as tx:
            rows = await store.page(tx, after, limit + 1)
        return MerchantPage(tuple(told(row) for row in rows[:limit]), has_more=len(rows) > limit)


def told(row: MerchantRow) -> Merchant:
    """Return a merchant as the door tells it."""
    return Merchant(spell("mer", row.id), row.name, row.state, row.demo, row.created_at)


def _by_the_platform(by: Actor) -> None:
    rules.permit(by, "merchants.write")
    if by.tenant != PLATFORM:
        raise NotAllowed
