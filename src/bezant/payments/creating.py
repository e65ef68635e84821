"""Asking for money: a payment is made, and charged if it says with what."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid5

import msgspec

from bezant import telemetry
from bezant.actor import Mode
from bezant.errors import BezantError
from bezant.exchange import ProviderRequest
from bezant.payments import fees, limiting, routing, rules
from bezant.payments.attempt import Operation
from bezant.payments.carrying import Carrier
from bezant.payments.codes import METHOD_NUMBERS, METHODS, STATE_NUMBERS, Kind
from bezant.payments.failpoints import Point
from bezant.payments.gathered import DUE
from bezant.payments.parts import Parts
from bezant.payments.paying import Paying, known_customer, looked_up
from bezant.payments.payment import ConfirmPayment, CreatePayment, Payment, PaymentState
from bezant.payments.port import (
    ATTEMPTS_MAX,
    NotInThisState,
    PaymentBusy,
    TooManyAttempts,
    UnknownPayment,
)
from bezant.payments.repeating import AGAIN_SECONDS, Repeats
from bezant.payments.states import PAYMENT, PaymentEvent
from bezant.payments.store import customer as stored
from bezant.payments.store import read, write
from bezant.payments.store.begin import Asked, Beginning
from bezant.payments.told import Facts, Standing, microseconds, spelled, written
from bezant.payments.work import Work, asking

_log = telemetry.log("payments")
_CREATED = STATE_NUMBERS[PaymentState.CREATED]
_PROCESSING = STATE_NUMBERS[PaymentState.PROCESSING]
_encode = msgspec.json.Encoder().encode


class Creating:
    """Creates and confirms payments."""

    def __init__(self, parts: Parts, carrier: Carrier, repeats: Repeats) -> None:
        self._parts = parts
        self._carrier = carrier
        self._repeats = repeats
        self._turns = limiting.Turns()

    async def create(self, command: CreatePayment) -> Payment:
        """Make a payment and charge it."""
        parts = self._parts
        fingerprint = rules.creation(command)
        payment = rules.new_payment(parts.ids.uuid())
        request = (
            rules.request_id(command.tenant, command.mode, command.key)
            if command.key
            else UUID(int=payment.int | 0xFF)  # Nobody can repeat a request without a key.
        )
        now = parts.clock.now()
        try:
            facts, paying = await self._looked_up(command, payment, request, now)
            if paying is None or not command.confirm:
                work, provider_request = None, None
            else:
                work, provider_request = await self._work(facts, paying, request, now)
            needed = await self._needed(facts, work, now)
        except BezantError:
            # What cannot be asked any more may have been asked before.
            repeated = await self._repeats.payment(request, fingerprint)
            if repeated is None:
                raise
            return repeated
        standing = _created(now) if work is None else work.before
        beginning = _beginning(facts, standing, work, request, fingerprint, now)
        parts.failpoints.reach(Point.BEFORE_BEGIN)
        if needed:
            async with self._turns.of(facts):
                asked = await limiting.begin(parts.database, beginning, facts, needed)
        else:
            asked = await parts.gathered.begin(beginning)
        if asked is not None:
            return await self._repeats.answered(asked, fingerprint)
        parts.told()
        _log.info(
            "payment.created",
            payment=facts.spelled,
            amount=str(facts.amount),
            customer=facts.customer.hex if facts.customer else "",
        )
        if work is None or provider_request is None:
            return spelled(facts, standing)
        settled = await self._carrier.carry(work, provider_request)
        if settled is None:
            return await self._repeats.overtaken(payment, request)
        return spelled(facts, settled)

    async def confirm(self, command: ConfirmPayment) -> Payment:
        """Charge a payment that waits for a way to pay."""
        parts = self._parts
        request = rules.request_id(command.tenant, command.mode, command.key)
        pay_with = command.pay_with
        rules.address(command.return_url)
        rules.token(pay_with.card)
        fingerprint = rules.fingerprint(
            "confirm", command.payment, pay_with.kind.value, pay_with.card, pay_with.saved,
            command.return_url,
        )  # fmt: skip
        repeated = await self._repeats.payment(request, fingerprint)
        if repeated is not None:
            return repeated
        row = await found(parts, command.tenant, command.mode, command.payment)
        facts = row.facts()
        customer = f"cus_{facts.customer.hex}" if facts.customer else ""
        paying = await looked_up(parts, command.tenant, command.mode, pay_with, customer)
        now = parts.clock.now()
        may_be_confirmed(row)
        work, provider_request = await self._work(
            _with_return(facts, command.return_url),
            paying,
            request,
            now,
            row.standing(),
            row.attempts + 1,
        )
        needed = await self._needed(facts, work, now)
        parts.failpoints.reach(Point.BEFORE_BEGIN)
        async with AsyncExitStack() as turn:
            if needed or row.limited:
                await turn.enter_async_context(self._turns.of(facts))
            asked = await self._begin_again(work, request, fingerprint, needed, now)
        if asked is not None:
            return await self._repeats.answered(asked, fingerprint)
        parts.told()
        settled = await self._carrier.carry(work, provider_request)
        if settled is None:
            return await self._repeats.overtaken(facts.id, request)
        return spelled(facts, settled)

    async def _begin_again(
        self,
        work: Work,
        request: UUID,
        fingerprint: int,
        needed: Sequence[limiting.Room],
        now: datetime,
    ) -> Asked | None:
        """Store another try of a payment, or return what was asked before under its key."""
        facts = work.facts
        async with self._parts.database.transaction() as tx:
            locked = await read.locked(tx, facts.id)
            assert locked is not None, "payments are not deleted"
            asked = await write.ask(tx, request, fingerprint, facts.id, now, None)
            if asked is not None:
                return asked
            may_be_confirmed(locked)
            if locked.attempts + 1 != work.number:
                raise PaymentBusy(retry_after_seconds=AGAIN_SECONDS)
            if needed or locked.limited:
                # Room an earlier try took is not this one's: it may be paid in another way.
                await limiting.take(tx, facts, needed)
            await write.change(tx, facts.id, work.before, now)
            await write.add_attempt(tx, work, now + DUE)
            await write.add_step(tx, facts.id, Kind.PROCESSING, now, work.number)
        return None

    async def _looked_up(
        self, command: CreatePayment, payment: UUID, request: UUID, now: datetime
    ) -> tuple[Facts, Paying | None]:
        parts = self._parts
        if command.priority:
            fees.known_priority((await parts.rulebook.rules()).fees, command.priority)
        named = command.customer
        if not named and (command.customer_email or command.customer_name):
            named = await self._customer(command, request, now)
        paying = None
        if command.pay_with is not None:
            paying = await looked_up(parts, command.tenant, command.mode, command.pay_with, named)
        customer = None if paying is None else paying.customer
        if customer is None and named:
            known = await known_customer(parts.database, command.tenant, command.mode, named)
            customer = known.id
        return _facts(command, payment, customer, now), paying

    async def _needed(
        self, facts: Facts, work: Work | None, now: datetime
    ) -> tuple[limiting.Room, ...]:
        """Return the room a charge needs; what waits for a way to pay takes up none yet."""
        limits = (await self._parts.rulebook.rules()).limits
        if not limits:
            return ()
        method = None if work is None else METHODS[work.before.method]
        needed = limiting.rooms(limits, facts, method, now)
        return () if work is None else needed

    async def _customer(self, command: CreatePayment, request: UUID, now: datetime) -> str:
        """Make the customer a payment names by address; the same request makes the same one."""
        number = uuid5(request, "customer")
        row = stored.CustomerRow(
            number, now, command.mode is Mode.LIVE, False, command.customer_name or None,
            command.customer_email or None, None,
        )  # fmt: skip
        async with self._parts.database.transaction() as tx:
            await stored.add_customer(tx, row, rules.tenant_id(command.tenant))
        return f"cus_{number.hex}"

    async def _work(
        self,
        facts: Facts,
        paying: Paying,
        request: UUID,
        now: datetime,
        before: Standing | None = None,
        number: int = 1,
    ) -> tuple[Work, ProviderRequest]:
        """Choose a provider and build what is said to it; nothing is stored or sent yet."""
        parts = self._parts
        book = await parts.rulebook.rules()
        wanted = routing.Wanted(
            facts.id, facts.tenant, facts.mode, facts.amount, paying.kind, facts.captures,
            facts.details.get("country", ""),
        )  # fmt: skip
        choice = routing.choose(
            wanted, parts.open_in(facts.mode), book.routing, parts.health.ailing(facts.mode)
        )
        work = Work(
            attempt=rules.attempt_id(facts.id, number),
            facts=facts,
            before=msgspec.structs.replace(
                before or _created(now),
                state=_PROCESSING,
                updated_at=microseconds(now),
                method=METHOD_NUMBERS[paying.kind],
                card=paying.card,
                provider=choice.provider,
                reference="",
                decline=0,
                soft=False,
                failure="",
                action=None,
                busy=number,
                charge=number,
                attempts=number,
            ),
            operation=Operation.CHARGE,
            provider=choice.provider,
            amount=facts.amount,
            sent_at=now,
            why=choice.why,
            card=paying.card,
            request=request,
            saved=paying.saved,
            email=paying.email,
            name=paying.name,
        )
        return work, asking(parts.connectors[choice.provider], work, now)


async def found(parts: Parts, tenant: str, mode: Mode, payment: str) -> read.PaymentRow:
    """Return a payment of this tenant and mode; another's does not exist for them."""
    row = await read.payment(parts.database, rules.payment_id(payment))
    if row is None or row.tenant != rules.tenant_id(tenant) or row.live != (mode is Mode.LIVE):
        raise UnknownPayment
    return row


def _with_return(facts: Facts, return_url: str) -> Facts:
    """Return the facts with where the payer of this charge is sent back to."""
    if not return_url:
        return facts
    return replace(facts, details={**facts.details, "return_url": return_url})


def may_be_confirmed(row: read.PaymentRow) -> None:
    """Refuse a charge where another one is under way, or the money is there already."""
    if row.busy:
        raise PaymentBusy(retry_after_seconds=AGAIN_SECONDS)
    state = row.state_named
    if PAYMENT.after(state, PaymentEvent.CONFIRMED) is None:
        raise NotInThisState(facts={"state": state.value})
    if row.attempts >= ATTEMPTS_MAX:
        raise TooManyAttempts


def _created(now: datetime) -> Standing:
    return Standing(_CREATED, "0", "0", "0", "0", "0", microseconds(now))


def _facts(command: CreatePayment, payment: UUID, customer: UUID | None, now: datetime) -> Facts:
    details = {
        name: value
        for name, value in (
            ("description", command.description),
            ("descriptor", command.descriptor),
            ("return_url", command.return_url),
            ("country", command.country),
            ("priority", command.priority),
        )
        if value
    }
    return Facts(
        payment, command.tenant, command.mode, command.amount, command.capture, now, customer,
        command.order, details, command.metadata,
    )  # fmt: skip


def _beginning(
    facts: Facts,
    standing: Standing,
    work: Work | None,
    request: UUID,
    fingerprint: int,
    now: datetime,
) -> Beginning:
    asset = facts.amount.asset
    return Beginning(
        at=now,
        request=request,
        fingerprint=fingerprint,
        payment=facts.id,
        tenant=rules.tenant_id(facts.tenant),
        customer=facts.customer,
        state=standing.state,
        method=standing.method or None,
        exponent=asset.exponent,
        live=facts.mode is Mode.LIVE,
        captures=facts.captures,
        asset=asset.code,
        amount=facts.amount.minor,
        provider=standing.provider,
        card=standing.card,
        order=facts.order,
        details=_encode(facts.details).decode() if facts.details else "",
        metadata=_encode(facts.metadata).decode() if facts.metadata else "",
        why="" if work is None else work.why,
        answer=None if work is not None else written(standing),
        trace=telemetry.TRACE_ID.get(),
    )
