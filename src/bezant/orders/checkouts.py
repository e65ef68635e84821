"""Checkout sessions: one payer, one order, one payment, however often the payer tries."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from bezant import telemetry
from bezant.actor import Mode
from bezant.db import page
from bezant.db.database import Tx
from bezant.errors import BezantError
from bezant.ids import MalformedId, read, spell
from bezant.orders import rules
from bezant.orders.checkout import (
    CheckoutSession,
    ConfirmSession,
    NewSession,
    Offer,
    OpenSession,
    ReadSession,
    SessionPage,
    SessionsOf,
)
from bezant.orders.order import CreateOrder
from bezant.orders.ordering import Desk, Ordering, own_key
from bezant.orders.port import (
    CardOfAnotherSession,
    CheckoutBusy,
    MalformedOffer,
    OrderKeyReused,
    PaymentNotTaken,
    SessionOver,
    SignInRequired,
    UnknownCheckoutSession,
    UnknownOrder,
    WayNotOffered,
)
from bezant.orders.secrets import ClientSecrets
from bezant.orders.standing import LINK, PAID, SESSION, UNDER_WAY, may_try_again, session_of
from bezant.orders.store import checkout as store
from bezant.orders.store.checkout import SessionRow, Wanted
from bezant.orders.store.order import hold_names
from bezant.orders.telling import PREFIX, money
from bezant.orders.uses import Uses
from bezant.payments.port import (
    ConfirmPayment,
    CreatePayment,
    LimitExceeded,
    ManyOf,
    MethodKind,
    NotInThisState,
    Payment,
    PaymentBusy,
    Payments,
    PaymentState,
    PayWith,
    VoidPayment,
)
from bezant.vault.port import Vault

CUSTOMER: Final = "cus"
ENDED_AT_ONCE: Final = 100
FIRST_OF_ALL: Final = (datetime(1970, 1, 1, tzinfo=UTC), UUID(int=0))
_log = telemetry.log("orders")


class Checkouts(Ordering):
    """The part of the service that is about checkout sessions."""

    def __init__(
        self, desk: Desk, payments: Payments, vault: Vault, secrets: ClientSecrets
    ) -> None:
        super().__init__(desk)
        self._payments = payments
        self._vault = vault
        self._secrets = secrets
        self._uses = Uses(desk, payments)
        self._looked_at = FIRST_OF_ALL

    async def open_session(self, command: OpenSession) -> NewSession:
        """Let a payer pay."""
        rules.well_formed(command.offer)
        if command.customer:
            read(CUSTOMER, command.customer, "customer")
            await self._payments.customer(command.tenant, command.mode, command.customer)
        now = self._desk.clock.now()
        until = rules.lasts_until(command.expires_at, now, rules.SESSION_LIFE)
        idem = rules.idem("session", command.tenant, command.mode, command.key)
        request = rules.fingerprint(replace(command, key=""))
        async with self._desk.database.transaction() as tx:
            row = None
            if idem is not None:
                # Of two at the same moment the second one finds what the first one made.
                await hold_names(tx, command.tenant, command.mode, (idem.hex(),))
                row = await store.session_by_idem(tx, idem)
            if row is None:
                order_id = await self._order_of(tx, command)
                row = self._session_row(command, order_id, None, until, request)
                await store.add_session(tx, row, idem)
        if row.request != request:
            raise OrderKeyReused
        return await self.new_session(row)

    async def session(self, query: ReadSession) -> CheckoutSession:
        """Return a checkout session."""
        row = await self._row(query.tenant, query.mode, query.session)
        if query.client_secret is not None:
            await self._secrets.check(query.session, query.client_secret)
        return await self._told(row)

    async def sessions(self, query: SessionsOf) -> SessionPage:
        """Return a page of checkout sessions."""
        cut = page.cut(SESSION, rules.limit(query.limit), query.before, query.after)
        wanted = Wanted(
            read(PREFIX, query.order, "order") if query.order else None,
            read(LINK, query.link, "link") if query.link else None,
        )
        async with self._desk.database.transaction() as tx:
            shown, more = cut.shown(await store.sessions(tx, query, wanted, cut))
        paid = tuple({row.payment for row in shown if row.payment})
        found = await self._payments.many(ManyOf(query.tenant, query.mode, payments=paid))
        payments, now = {one.id: one for one in found.payments}, self._desk.clock.now()
        told = (session_of(row, payments.get(row.payment), now) for row in shown)
        return SessionPage(tuple(told), has_more=more)

    async def confirm(self, command: ConfirmSession) -> CheckoutSession:
        """Pay."""
        row = await self._row(command.tenant, command.mode, command.session)
        await self._secrets.check(command.session, command.client_secret)
        offer = rules.read_offer(row.offer, money(row.amount, row.asset))
        if offer.sign_in and not command.signed_in:
            raise SignInRequired
        rules.web_address(command.return_url, "return_url")
        return_url = command.return_url or offer.return_url
        if offer.ways and command.way not in offer.ways:
            raise WayNotOffered(field="method")
        await self._may_use(command, row)
        payment = await self._told_before(command, row, return_url)
        if payment is None:
            row = await self._begin(row.id)
            row = replace(row, payment=await self._payment_of(row, offer))
            payment = await self._confirmed(command, row, return_url)
            await self._uses.tried(row, payment)
        return session_of(row, payment, self._desk.clock.now())

    async def expire_session(self, tenant: str, mode: Mode, session: str) -> CheckoutSession:
        """End a session that was not paid."""
        row = await self._row(tenant, mode, session)
        if not await self._end(row):
            raise SessionOver("this checkout was paid, or is just being paid")
        return await self._told(await self._row(tenant, mode, session))

    async def end_overdue(self) -> int:
        """End sessions whose time is over; returns how many were looked at."""
        async with self._desk.database.transaction() as tx:
            now, behind = self._desk.clock.now(), self._looked_at
            rows = await store.overdue_sessions(tx, now, behind, ENDED_AT_ONCE)
        # Those that cannot end yet, such as a bank's that takes days, must not hide the others.
        more = len(rows) == ENDED_AT_ONCE
        self._looked_at = (rows[-1].expires_at, rows[-1].id) if more else FIRST_OF_ALL
        for row in rows:
            try:
                await self._end(row)
            except BezantError as refusal:  # Its turn comes again; the others have theirs now.
                _log.warn("checkout.not_ended", code=refusal.code)
        return len(rows)

    async def give_back_uses(self) -> int:
        """Give uses of links back whose payers were declined; returns how many were looked at."""
        return await self._uses.look()

    async def new_session(self, row: SessionRow) -> NewSession:
        """Return a session with its secret."""
        session = spell(SESSION, row.id)
        return NewSession(await self._told(row), await self._secrets.of(session))

    def _session_row(
        self,
        command: OpenSession,
        order_id: UUID,
        link_id: UUID | None,
        until: datetime,
        request: bytes,
    ) -> SessionRow:
        offer = command.offer
        return SessionRow(
            id=self._desk.ids.uuid(),
            tenant=command.tenant,
            mode=command.mode,
            order_id=order_id,
            link_id=link_id,
            asset=offer.amount.asset.code,
            amount=rules.whole(offer.amount),
            offer=rules.store_offer(offer),
            customer=command.customer,
            created_at=self._desk.clock.now(),
            expires_at=until,
            ended_at=None,
            uses_link=False,
            payment="",
            request=request,
            look_at=None,
        )

    async def _order_of(self, tx: Tx, command: OpenSession) -> UUID:
        """Return the order to be paid, made now if none is named: no money without an order."""
        offer = command.offer
        if command.order:
            try:
                found = await self.found(tx, command.tenant, command.mode, command.order)
            except UnknownOrder:
                raise UnknownOrder(field="order") from None
            if found.asset != offer.amount.asset.code:
                raise MalformedOffer("the order is in another asset", field="amount")
            return found.id
        row = self.new(
            CreateOrder(
                "",
                command.tenant,
                command.mode,
                offer.amount,
                description=offer.description,
                customer=command.customer,
                metadata=offer.metadata,
            )
        )
        return (await self.add(tx, row))[0].id

    async def _row(self, tenant: str, mode: Mode, session: str) -> SessionRow:
        try:
            session_id = read(SESSION, session)
        except MalformedId:
            raise UnknownCheckoutSession from None
        async with self._desk.database.transaction() as tx:
            row = await store.session(tx, session_id, tenant, mode)
        if row is None:
            raise UnknownCheckoutSession
        return row

    async def _may_use(self, command: ConfirmSession, row: SessionRow) -> None:
        """Refuse means of payment that were not given for this checkout, or are not the payer's."""
        if command.card:
            face = await self._vault.card(command.tenant, command.mode, command.card)
            if face.checkout_session not in ("", command.session):
                raise CardOfAnotherSession(field="card")
        if command.saved:
            kept = await self._payments.method(command.tenant, command.mode, command.saved)
            if not row.customer or kept.customer != row.customer:
                raise WayNotOffered(field="saved")

    async def _told_before(
        self, command: ConfirmSession, row: SessionRow, return_url: str
    ) -> Payment | None:
        """Return what a try came to that was let go of; a repeat of it is no new one."""
        if row.link_id is None or row.uses_link or not row.payment:
            return None
        try:
            return await self._confirmed(command, row, return_url)
        except (SessionOver, CheckoutBusy):
            return None

    async def _begin(self, session_id: UUID) -> SessionRow:
        """Let the payer try if the session is open, and count the use of its link once."""
        async with self._desk.database.transaction() as tx:
            row = await store.lock_session(tx, session_id)
            if row.ended_at is not None or row.expires_at <= self._desk.clock.now():
                raise SessionOver
            await self._uses.take(tx, row)
        return row

    async def _payment_of(self, row: SessionRow, offer: Offer) -> str:
        """Return the session's payment: the one it has, or a new one if that came to nothing."""
        key, failed = own_key(f"checkout:{spell(SESSION, row.id)}"), False
        if row.payment:
            known = await self._payments.payment(row.tenant, row.mode, row.payment)
            if known.state is not PaymentState.FAILED and not may_try_again(row, known):
                return row.payment
            failed = known.state is PaymentState.FAILED
            key += f":{row.payment}"  # Nobody was charged by that one, and nobody will be.
        try:
            created = await self._payments.create(
                CreatePayment(
                    key=key,
                    tenant=row.tenant,
                    mode=row.mode,
                    amount=offer.amount,
                    confirm=False,
                    capture=offer.capture,
                    customer=row.customer,
                    order=spell(PREFIX, row.order_id),
                    description=offer.description,
                    descriptor=offer.descriptor,
                    metadata=offer.metadata,
                    return_url=offer.return_url,
                )
            )
        except LimitExceeded:  # What a merchant may take, and has taken, is not a payer's to know.
            raise PaymentNotTaken from None
        if failed:
            await self._uses.let_go(row, row.payment)
        async with self._desk.database.transaction() as tx:
            await store.set_payment(tx, row.id, row.payment, created.id)
            now = await store.lock_session(tx, row.id)
        if now.payment != created.id:  # What was made waits for nobody, and is unpaid.
            raise SessionOver if now.ended_at is not None else CheckoutBusy(retry_after_seconds=1)
        return created.id

    async def _confirmed(
        self, command: ConfirmSession, row: SessionRow, return_url: str
    ) -> Payment:
        means = f"{command.way}\n{command.card}\n{command.saved}\n{command.key}"
        digest = hashlib.sha256(means.encode()).hexdigest()[:32]
        pay_with = PayWith(MethodKind(command.way.value), command.card, command.saved)
        try:
            return await self._payments.confirm(
                ConfirmPayment(
                    own_key(f"checkout:{row.payment}:{digest}"),
                    command.tenant,
                    command.mode,
                    row.payment,
                    pay_with,
                    return_url,
                )
            )
        except LimitExceeded:
            raise PaymentNotTaken from None
        except NotInThisState:
            now = await self._payments.payment(row.tenant, row.mode, row.payment)
            if may_try_again(row, now):
                raise CheckoutBusy(retry_after_seconds=1) from None
            raise SessionOver("this checkout was paid, or is just being paid") from None

    async def _end(self, row: SessionRow) -> bool:
        """End a session for good, unless it was paid or may yet be; give its use of a link back."""
        if row.payment and not await self._gave_up(row):
            return False
        async with self._desk.database.transaction() as tx:
            now = await store.lock_session(tx, row.id)
            if now.ended_at is None:
                if now.payment != row.payment:
                    return False  # Somebody has just begun to pay.
                await store.end_session(tx, row.id, self._desk.clock.now())
                if now.uses_link and now.link_id is not None:
                    await store.set_uses_link(tx, row.id, uses=False)
                    await store.give_back_use(tx, now.link_id)
        return True

    async def _gave_up(self, row: SessionRow) -> bool:
        """Make sure that a session's payment will never be paid; False if it was, or may be."""
        payment = await self._payments.payment(row.tenant, row.mode, row.payment)
        unpaid = payment.state in (PaymentState.CREATED, PaymentState.DECLINED, PaymentState.FAILED)
        if unpaid or payment.state in UNDER_WAY:
            key = own_key(f"checkout:{row.payment}:void")
            expired = VoidPayment(
                key, row.tenant, row.mode, row.payment, "checkout expired", unpaid
            )
            try:
                payment = await self._payments.void(expired)
            except (NotInThisState, PaymentBusy):
                return False
        if payment.state in PAID:
            async with self._desk.database.transaction() as tx:
                await store.end_session(tx, row.id, self._desk.clock.now())
            return False
        return payment.state not in UNDER_WAY

    async def _told(self, row: SessionRow) -> CheckoutSession:
        payment = None
        if row.payment:
            payment = await self._payments.payment(row.tenant, row.mode, row.payment)
        return session_of(row, payment, self._desk.clock.now())
