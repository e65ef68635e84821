"""How a checkout session stands: as its payment does. Pure."""

from datetime import datetime
from typing import Final

from bezant.ids import spell
from bezant.orders import rules
from bezant.orders.checkout import CheckoutSession, NextStep, SessionState
from bezant.orders.store.checkout import SessionRow
from bezant.orders.telling import PREFIX, money
from bezant.payments.port import NextAction, Payment, PaymentState

SESSION: Final = "cs"
LINK: Final = "plink"
PAID: Final = frozenset(
    {PaymentState.AUTHORIZED, PaymentState.PARTLY_CAPTURED, PaymentState.SUCCEEDED}
)
GIVEN_UP: Final = frozenset({PaymentState.VOIDED, PaymentState.EXPIRED})
UNDER_WAY: Final = frozenset(
    {PaymentState.PROCESSING, PaymentState.NEEDS_ACTION, PaymentState.UNKNOWN}
)


def session_of(row: SessionRow, payment: Payment | None, now: datetime) -> CheckoutSession:
    """Return a session as the door tells it."""
    action = None if payment is None else payment.next_action
    declined = None if payment is None else payment.declined
    return CheckoutSession(
        id=spell(SESSION, row.id),
        mode=row.mode,
        state=_state(row, payment, now),
        offer=rules.read_offer(row.offer, money(row.amount, row.asset)),
        order=spell(PREFIX, row.order_id),
        link="" if row.link_id is None else spell(LINK, row.link_id),
        customer=row.customer,
        payment=row.payment,
        payment_state="" if payment is None else payment.state.value,
        next_action=None if action is None else _step(action),
        advice="" if declined is None else declined.advice,
        created_at=row.created_at,
        expires_at=row.expires_at,
        declined="" if declined is None else declined.code.value,
    )


def _step(action: NextAction) -> NextStep:
    return NextStep(action.type, action.url, action.facts, action.expires_at)


def came_to_nothing(payment: Payment) -> bool:
    """Tell whether nothing was ever set aside by a payment, and nothing ever will be."""
    return payment.state in GIVEN_UP and not payment.authorized


def may_try_again(row: SessionRow, payment: Payment) -> bool:
    """Tell whether the payer of a link may try again, with another payment."""
    return row.link_id is not None and came_to_nothing(payment)


def _state(row: SessionRow, payment: Payment | None, now: datetime) -> SessionState:
    if payment is not None and payment.state in PAID:
        return SessionState.COMPLETE
    if payment is not None and payment.state in UNDER_WAY:
        return SessionState.PENDING
    over = payment is not None and payment.state in GIVEN_UP and not may_try_again(row, payment)
    if over or row.ended_at is not None or row.expires_at <= now:
        return SessionState.EXPIRED
    return SessionState.OPEN
