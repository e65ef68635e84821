"""Stands where payments stand: the few commands orders give, a state a payment, and its feed.

It keeps what the real one promises at its door: a key answers what was answered first, a payment
that is paid cannot be paid again, and every step is an event with the payment's sums.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from bezant.actor import Mode
from bezant.clock import Clock
from bezant.events import Event, FedEvent
from bezant.ids import Ids
from bezant.money import Money
from bezant.payments.port import (
    ChangePayment,
    ConfirmPayment,
    CreatePayment,
    Customer,
    DeclineCode,
    Declined,
    KeyReused,
    Many,
    ManyOf,
    NextAction,
    NotInThisState,
    Payment,
    PaymentState,
    Refund,
    RefundState,
    RequestRefund,
    SavedMethod,
    UnknownCustomer,
    UnknownPayment,
    VoidPayment,
)

DECLINED_CARD = "card_" + "d" * 32
ACTION_CARD = "card_" + "a" * 32
OUTAGE_CARD = "card_" + "0" * 32
UNPAID = (
    PaymentState.CREATED,
    PaymentState.DECLINED,
    PaymentState.FAILED,
    PaymentState.VOIDED,
    PaymentState.EXPIRED,
)


@dataclass
class Till:
    """Payments of every merchant, in memory."""

    clock: Clock
    ids: Ids
    held: dict[str, Payment] = field(default_factory=dict[str, Payment])
    tenants: dict[str, str] = field(default_factory=dict[str, str])
    answers: dict[str, tuple[object, object]] = field(
        default_factory=dict[str, tuple[object, object]]
    )
    events: list[FedEvent] = field(default_factory=list[FedEvent])
    saved: dict[str, SavedMethod] = field(default_factory=dict[str, SavedMethod])
    customers: set[str] = field(default_factory=set[str])
    refunds: dict[str, Refund] = field(default_factory=dict[str, Refund])
    refund_state: RefundState = RefundState.SUCCEEDED
    asked: list[str] = field(default_factory=list[str])
    before: Callable[[str], None] = lambda _: None
    """Called with the name of each command before it has any effect; may raise."""
    meanwhile: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(0)
    """What happens elsewhere while a payment is made."""
    before_void: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(0)
    """What happens elsewhere while a payment is about to be let go."""

    async def read(self, after: int, limit: int) -> tuple[FedEvent, ...]:
        return tuple(self.events[after : after + limit])

    async def create(self, command: CreatePayment) -> Payment:
        await self.meanwhile()

        def make() -> Payment:
            zero = Money(0, command.amount.asset)
            now = self.clock.now()
            payment = Payment(
                id=self.ids.new("pay"),
                mode=command.mode,
                state=PaymentState.CREATED,
                amount=command.amount,
                authorized=zero,
                captured=zero,
                refunded=zero,
                disputed=zero,
                fee=zero,
                capture=command.capture,
                created_at=now,
                updated_at=now,
                customer=command.customer,
                order=command.order,
                description=command.description,
                metadata=command.metadata,
            )
            self.tenants[payment.id] = command.tenant
            return self._put(payment, "created")

        return self._once("create", command, make)

    async def confirm(self, command: ConfirmPayment) -> Payment:
        def pay() -> Payment:
            payment = self._of(command.tenant, command.mode, command.payment)
            if payment.state not in UNPAID[:3]:
                raise NotInThisState
            if command.pay_with.card == DECLINED_CARD:
                return self.decline(payment.id)
            if command.pay_with.card == OUTAGE_CARD:
                return self._put(replace(payment, state=PaymentState.FAILED), "failed")
            if command.pay_with.card == ACTION_CARD:
                action = NextAction("redirect", "https://bank.example/3ds", {"a": "b"})
                return self._put(
                    replace(payment, state=PaymentState.NEEDS_ACTION, next_action=action),
                    "needs_action",
                )
            return self.pay(payment.id)

        return self._once("confirm", command, pay)

    async def void(self, command: VoidPayment) -> Payment:
        await self.before_void()

        def let_go() -> Payment:
            payment = self._of(command.tenant, command.mode, command.payment)
            if payment.state in (PaymentState.SUCCEEDED, PaymentState.UNKNOWN):
                raise NotInThisState
            if command.unpaid_only and payment.state not in UNPAID:
                raise NotInThisState
            return self._put(replace(payment, state=PaymentState.VOIDED), "voided")

        return self._once("void", command, let_go)

    async def change(self, command: ChangePayment) -> Payment:
        payment = self._of(command.tenant, command.mode, command.payment)
        changed = replace(payment, metadata={**payment.metadata, **command.metadata})
        self.held[payment.id] = changed
        return changed

    async def payment(self, tenant: str, mode: Mode, payment: str) -> Payment:
        return self._of(tenant, mode, payment)

    async def customer(self, tenant: str, mode: Mode, customer: str) -> Customer:
        del tenant
        if customer not in self.customers:
            raise UnknownCustomer(field="customer")
        return Customer(customer, mode, "Eva", "eva@example.com", {}, self.clock.now())

    async def method(self, tenant: str, mode: Mode, method: str) -> SavedMethod:
        del tenant, mode
        return self.saved[method]

    async def many(self, query: ManyOf) -> Many:
        self.asked.append("many")
        mine = tuple(
            self.held[one] for one in query.payments if self.tenants.get(one) == query.tenant
        )
        people = [one for one in query.customers if one in self.customers]
        return Many(
            mine,
            tuple([await self.customer(query.tenant, query.mode, one) for one in people]),
            (),
            (),
        )

    async def request_refund(self, command: RequestRefund) -> Refund:
        def give_back() -> Refund:
            payment = self._of(command.tenant, command.mode, command.payment)
            amount = command.amount or payment.captured - payment.refunded
            refund = Refund(
                id=self.ids.new("re"),
                mode=command.mode,
                payment=payment.id,
                state=self.refund_state,
                amount=amount,
                reason=command.reason,
                metadata=command.metadata,
                requested_by=command.by.subject,
                approval="",
                reference="",
                failure="",
                created_at=self.clock.now(),
                updated_at=self.clock.now(),
            )
            self.refunds[refund.id] = refund
            if refund.state is RefundState.SUCCEEDED:
                self.give_back(payment.id, amount)
            return refund

        return self._once("refund", command, give_back)

    async def refund(self, tenant: str, mode: Mode, refund: str) -> Refund:
        del tenant, mode
        return self.refunds[refund]

    def pay(self, payment: str, amount: Money | None = None) -> Payment:
        """Let a payer's money arrive, or be set aside."""
        found = self.held[payment]
        taken = amount or found.amount
        paid = replace(found, state=PaymentState.SUCCEEDED, authorized=taken, captured=taken)
        if not found.capture:
            zero = Money(0, taken.asset)
            paid = replace(paid, state=PaymentState.AUTHORIZED, captured=zero)
            return self._put(paid, "authorized")
        return self._put(paid, "captured")

    def decline(self, payment: str) -> Payment:
        """Let a payer's bank say no."""
        no = Declined(DeclineCode.CARD_DECLINED, "Try another card.", soft=True)
        found = replace(self.held[payment], state=PaymentState.DECLINED, declined=no)
        return self._put(found, "declined")

    def comes_to(self, payment: str, state: PaymentState) -> Payment:
        """Let a payment come to a state, and tell it."""
        return self._put(replace(self.held[payment], state=state), state.value)

    def capture(self, payment: str) -> Payment:
        found = self.held[payment]
        return self._put(
            replace(found, state=PaymentState.SUCCEEDED, captured=found.authorized), "captured"
        )

    def give_back(self, payment: str, amount: Money) -> None:
        found = self.held[payment]
        self.held[payment] = replace(found, refunded=found.refunded + amount)
        self._tell(self.held[payment], "refund.succeeded", amount)

    def comes_back(self, payment: str, amount: Money) -> None:
        """Tell that a refund that was given came back."""
        found = self.held[payment]
        self.held[payment] = replace(found, refunded=found.refunded - amount)
        self._tell(self.held[payment], "refund.came_back", amount)

    def take_back(self, payment: str, amount: Money) -> None:
        """Let a payer's bank take money back."""
        found = self.held[payment]
        self.held[payment] = replace(found, disputed=found.disputed + amount)
        self._tell(self.held[payment], "dispute.lost")

    def money_without_order(
        self,
        tenant: str,
        order: str,
        amount: Money,
        *,
        capture: bool = True,
        mode: Mode = Mode.TEST,
    ) -> str:
        """Let money arrive that names an order."""
        now, zero = self.clock.now(), Money(0, amount.asset)
        payment = Payment(
            id=self.ids.new("pay"),
            mode=mode,
            state=PaymentState.CREATED,
            amount=amount,
            authorized=zero,
            captured=zero,
            refunded=zero,
            disputed=zero,
            fee=zero,
            capture=capture,
            created_at=now,
            updated_at=now,
            order=order,
        )
        self.tenants[payment.id] = tenant
        self._put(payment, "created")
        return self.pay(payment.id).id

    def _once(self, name: str, command: object, act: "Callable[[], object]"):
        key = f"{name} {getattr(command, 'tenant')} {getattr(command, 'key')}"  # noqa: B009
        self.asked.append(name)
        self.before(name)
        if key in self.answers:
            first, answer = self.answers[key]
            if first != command:
                raise KeyReused
            return answer
        answer = act()
        self.answers[key] = (command, answer)
        return answer

    def _of(self, tenant: str, mode: Mode, payment: str) -> Payment:
        found = self.held.get(payment)
        if found is None or self.tenants[payment] != tenant or found.mode is not mode:
            raise UnknownPayment
        return found

    def _put(self, payment: Payment, what: str) -> Payment:
        self.held[payment.id] = replace(payment, updated_at=self.clock.now())
        self._tell(payment, f"payment.{what}")
        return self.held[payment.id]

    def _tell(self, payment: Payment, what: str, part: Money | None = None) -> None:
        thing = what.partition(".")[0]

        def amount(money: Money) -> dict[str, str]:
            return {"amount": money.decimal(), "asset": money.asset.code}

        data: dict[str, object] = {
            "object": thing,
            "id": payment.id,
            "payment": payment.id,
            "state": payment.state.value if thing == "payment" else "succeeded",
            "amount": amount(part or payment.amount),
            "authorized": amount(payment.authorized),
            "captured": amount(payment.captured),
            "refunded": amount(payment.refunded),
            "disputed": amount(payment.disputed),
        }
        if payment.order:
            data["order"] = payment.order
        now: datetime = self.clock.now()
        tenant = self.tenants[payment.id]
        event = Event(self.ids.new("evt"), what, 1, payment.mode, tenant, payment.id, now, data)
        self.events.append(FedEvent(len(self.events) + 1, event))
