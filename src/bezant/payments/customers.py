"""Customers and the ways to pay they let us keep."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import LiteralString
from uuid import UUID, uuid5

import msgspec

from bezant import ids, telemetry
from bezant.actor import PLATFORM, Mode
from bezant.db import page
from bezant.db.database import Tx
from bezant.errors import BezantError
from bezant.exchange import MethodKind
from bezant.payments import rules
from bezant.payments.method import (
    ChangeCustomer,
    CreateCustomer,
    Customer,
    CustomerPage,
    CustomersOf,
    SavedMethod,
    SaveMethod,
)
from bezant.payments.parts import Parts
from bezant.payments.port import (
    CustomerForgotten,
    KeyReused,
    MethodMissing,
    UnknownCustomer,
    UnknownMethod,
)
from bezant.payments.store import customer as stored
from bezant.payments.store import write
from bezant.vault.port import UnknownCard

METHODS_MAX = 100  # Of one customer; nobody has more cards.
UNFINISHED_MAX = 1_000  # In one round; the next one comes soon.
LABEL_CHARACTERS_MAX = 100
_log = telemetry.log("payments")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, str]).decode


class Customers:
    """Looks after customers. Their names stand in one table, so that they can be erased there."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def create(self, command: CreateCustomer) -> Customer:
        """Remember a customer, once for each key."""
        rules.text(command.name, "name", rules.NAME_CHARACTERS_MAX)
        rules.email(command.email, "email")
        rules.metadata(command.metadata)
        request = rules.request_id(command.tenant, command.mode, command.key)
        fingerprint = rules.fingerprint(
            "customer", command.name, command.email, sorted(command.metadata.items())
        )
        now = self._parts.clock.now()
        row = stored.CustomerRow(
            self._parts.ids.uuid(), now, command.mode is Mode.LIVE, False, command.name or None,
            command.email or None, _json(command.metadata),
        )  # fmt: skip
        whose = rules.tenant_id(command.tenant)
        async with self._parts.database.transaction() as tx:
            asked = await write.ask(tx, request, fingerprint, row.id, now, b"")
            if asked is None:
                await stored.add_customer(tx, row, whose)
        if asked is None:
            return told_customer(row)
        if asked.fingerprint != fingerprint:
            raise KeyReused
        first = await stored.customer(self._parts.database, whose, row.live, asked.subject)
        if first is None:
            raise UnknownCustomer
        # Told as they are now: what was erased is not kept anywhere, not even with a key.
        return replace(told_customer(first), replayed=True)

    async def change(self, command: ChangeCustomer) -> Customer:
        """Change what is known of a customer."""
        if command.name is not None:
            rules.text(command.name, "name", rules.NAME_CHARACTERS_MAX)
        if command.email is not None:
            rules.email(command.email, "email")
        rules.metadata(command.metadata)
        found = await self._found(command.tenant, command.mode, command.customer)
        async with self._parts.database.transaction() as tx:
            row = await stored.locked(tx, found.id)
            if row.forgotten:
                raise CustomerForgotten
            before = _decode(row.metadata) if row.metadata else {}
            changed = replace(
                row,
                name=row.name if command.name is None else command.name or None,
                email=row.email if command.email is None else command.email or None,
                metadata=_json(rules.noted(before, command.metadata)),
            )
            await stored.change_customer(tx, changed)
        return told_customer(changed)

    async def forget(self, tenant: str, mode: Mode, customer: str) -> Customer:
        """Erase a customer's name and address, drop the saved ways to pay, and tell it of each
        payment: others may keep something that names the payer.
        """
        row = await self._found(tenant, mode, customer)
        erased = replace(row, name=None, email=None, metadata=None, forgotten=True)
        now = self._parts.clock.now()

        async def forgotten(tx: Tx) -> None:
            # From here nothing is kept or begun for them: what is under way is waited for.
            seen = await stored.locked(tx, row.id)
            await stored.change_customer(tx, erased)
            if not seen.forgotten:
                await stored.tell_forgotten(tx, row.id, now)

        async def dropped(tx: Tx) -> None:
            for method in methods:
                await stored.drop_method(tx, method.id, now)

        await self._parts.database.attempt(forgotten)
        self._parts.told()
        while methods := await stored.methods(self._parts.database, row.id, METHODS_MAX):
            for method in methods:  # First of all: nobody would look again for what is dropped.
                if method.card:
                    with suppress(UnknownCard):  # It is gone already, which is all that is wanted.
                        await self._parts.vault.forget(tenant, mode, method.card)
            await self._parts.database.attempt(dropped)
        return told_customer(erased)

    async def forget_the_rest(self) -> int:
        """Drop what forgotten customers had saved where that came to no end: the vault was away, or
        this process was. Return how many customers there were.
        """
        found = await stored.forgotten_with_methods(self._parts.database, UNFINISHED_MAX)
        for one in found:
            mode = Mode.LIVE if one.live else Mode.TEST
            try:
                await self.forget(ids.spell("mer", one.tenant), mode, ids.spell("cus", one.id))
            except BezantError as error:
                _log.warn("customer.not_forgotten", customer=f"cus_{one.id.hex}", code=error.code)
        return len(found)

    async def one(self, tenant: str, mode: Mode, customer: str) -> Customer:
        """Return one customer; the platform's people see whose payments they see."""
        if tenant != PLATFORM:
            return told_customer(await self._found(tenant, mode, customer))
        number = rules.customer_id(customer)
        row = await stored.customer(self._parts.database, None, mode is Mode.LIVE, number)
        if row is None:
            raise UnknownCustomer
        return told_customer(row)

    async def page(self, query: CustomersOf) -> CustomerPage:
        """Return a page of customers, newest first."""
        cut = page.cut("cus", rules.limit(query.limit), query.before, query.after)
        conditions, values = _conditions(query)
        rows = await stored.customers(self._parts.database, conditions, values, cut)
        shown, more = cut.shown(rows)
        return CustomerPage(tuple(map(told_customer, shown)), more)

    async def save(self, command: SaveMethod) -> SavedMethod:
        """Keep a way to pay, once for each key."""
        rules.text(command.label, "label", LABEL_CHARACTERS_MAX)
        rules.metadata(command.facts)
        if (command.kind is MethodKind.CARD) != bool(command.card):
            raise MethodMissing("cards, and only they, are named by a token", field="card")
        rules.kept_facts(command.kind, command.facts)
        customer = await self._found(command.tenant, command.mode, command.customer)
        if customer.forgotten:
            raise CustomerForgotten(field="customer")
        if command.card:  # Whose card it is, the vault knows.
            try:
                await self._parts.vault.card(command.tenant, command.mode, command.card)
            except UnknownCard:
                raise UnknownCard(field="card") from None
        request = rules.request_id(command.tenant, command.mode, command.key)
        number = uuid5(request, "method")
        row = stored.MethodRow(
            number, customer.id, self._parts.clock.now(), customer.live,
            stored.METHOD_NUMBERS[command.kind], command.card or None, command.label or None,
            None, await self._parts.safe.sealed(number, command.facts),
        )  # fmt: skip
        async with self._parts.database.transaction() as tx:
            if (await stored.shared(tx, customer.id)).forgotten:
                raise CustomerForgotten(field="customer")
            first = await stored.add_method(tx, row, rules.tenant_id(command.tenant))
        if first:
            return _method(row)
        found = await self._method(command.tenant, command.mode, number)
        kept = dict(await self._parts.safe.facts(found))
        if _same(found) != _same(row) or kept != dict(command.facts):
            raise KeyReused
        return replace(_method(found), replayed=True)

    async def method(self, tenant: str, mode: Mode, method: str) -> SavedMethod:
        """Return one saved way to pay."""
        return _method(await self._method(tenant, mode, ids.read("pm", method, "method")))

    async def methods(self, tenant: str, mode: Mode, customer: str) -> tuple[SavedMethod, ...]:
        """Return a customer's saved ways to pay, newest first."""
        row = await self._found(tenant, mode, customer)
        rows = await stored.methods(self._parts.database, row.id, METHODS_MAX)
        return tuple(_method(one) for one in rows)

    async def drop(self, tenant: str, mode: Mode, method: str) -> SavedMethod:
        """Keep a way to pay no longer."""
        row = await self._method(tenant, mode, ids.read("pm", method, "method"))
        async with self._parts.database.transaction() as tx:
            await stored.drop_method(tx, row.id, self._parts.clock.now())
        return _method(row)

    async def seal_kept(self) -> int:
        """Seal what was kept before it was sealed, and return how much of it there was."""
        rows = await stored.unsealed(self._parts.database, METHODS_MAX)
        for row in rows:
            sealed = await self._parts.safe.sealed(row.id, row.unsealed_facts)
            async with self._parts.database.transaction() as tx:
                await stored.seal(tx, row.id, sealed or b"")
        return len(rows)

    async def _found(self, tenant: str, mode: Mode, customer: str) -> stored.CustomerRow:
        number = rules.customer_id(customer)
        row = await stored.customer(
            self._parts.database, rules.tenant_id(tenant), mode is Mode.LIVE, number
        )
        if row is None:
            raise UnknownCustomer
        return row

    async def _method(self, tenant: str, mode: Mode, method: UUID) -> stored.MethodRow:
        row = await stored.method(
            self._parts.database, rules.tenant_id(tenant), mode is Mode.LIVE, method
        )
        if row is None:
            raise UnknownMethod
        return row


def _conditions(query: CustomersOf) -> tuple[list[LiteralString], dict[str, object]]:
    conditions: list[LiteralString] = ["tenant = %(tenant)s", "live = %(live)s"]
    values: dict[str, object] = {
        "tenant": rules.tenant_id(query.tenant),
        "live": query.mode is Mode.LIVE,
    }
    if query.email is not None:
        conditions.append("lower(email) = lower(%(email)s)")
        values["email"] = query.email
    if query.text:
        conditions.append("(name ILIKE %(text)s OR email ILIKE %(text)s)")
        values["text"] = rules.somewhere(query.text)
    if query.metadata:
        conditions.append("metadata @> %(metadata)s::jsonb")
        values["metadata"] = rules.as_json(query.metadata)
    if query.created_from is not None:
        conditions.append("created_at >= %(created_from)s")
        values["created_from"] = rules.aware(query.created_from, "created_from")
    if query.created_until is not None:
        conditions.append("created_at < %(created_until)s")
        values["created_until"] = rules.aware(query.created_until, "created_until")
    return conditions, values


def told_customer(row: stored.CustomerRow) -> Customer:
    """Return a customer as the port tells it."""
    return Customer(
        id=f"cus_{row.id.hex}",
        mode=Mode.LIVE if row.live else Mode.TEST,
        name=row.name or "",
        email=row.email or "",
        metadata=_decode(row.metadata) if row.metadata else {},
        created_at=row.created_at,
        forgotten=row.forgotten,
    )


def _method(row: stored.MethodRow) -> SavedMethod:
    return SavedMethod(
        id=f"pm_{row.id.hex}",
        mode=Mode.LIVE if row.live else Mode.TEST,
        customer=f"cus_{row.customer.hex}",
        kind=row.kind,
        card=row.card or "",
        label=row.label or "",
        created_at=row.created_at,
    )


def _same(row: stored.MethodRow) -> tuple[object, ...]:
    return row.customer, row.number, row.card, row.label


def _json(values: Mapping[str, str]) -> str | None:
    return _encode(dict(values)).decode() if values else None
