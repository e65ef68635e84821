"""`expand[]`: what is shown beside payments and refunds, asked for once however many they are."""

from collections import defaultdict
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from bezant.actor import Actor
from bezant.http.caller import PermissionMissing
from bezant.payments.http import answers as a
from bezant.payments.port import ManyOf, Payment, Payments, Refund

CUSTOMERS_READ: Final = "customers.read"


class Beside(StrEnum):
    """What may be shown beside a payment."""

    ATTEMPTS = "attempts"
    REFUNDS = "refunds"
    CUSTOMER = "customer"


class BesideRefund(StrEnum):
    """What may be shown beside a refund."""

    PAYMENT = "payment"


async def payments(
    port: Payments, asker: Actor, shown: Sequence[Payment], expand: Sequence[Beside]
) -> list[a.ExpandedPaymentModel]:
    """Return payments with what is to stand beside each."""
    told = [a.ExpandedPaymentModel.model_validate(one) for one in shown]
    if not expand or not told:
        return told
    if Beside.CUSTOMER in expand:
        may_see_customers(asker)
    named = tuple(one.id for one in shown)
    people = {one.customer for one in shown if one.customer and Beside.CUSTOMER in expand}
    found = await port.many(
        ManyOf(
            asker.tenant,
            asker.mode,
            customers=tuple(people),
            attempts_of=named if Beside.ATTEMPTS in expand else (),
            refunds_of=named if Beside.REFUNDS in expand else (),
        )
    )
    attempts = {one.payment: one.attempts for one in found.attempts}
    customers = {one.id: one for one in found.customers}
    refunds: dict[str, list[Refund]] = defaultdict(list)
    for one in found.refunds:
        refunds[one.payment].append(one)
    return [
        one.model_copy(
            update={
                "attempts": [a.AttemptModel.model_validate(x) for x in attempts.get(one.id, ())]
                if Beside.ATTEMPTS in expand
                else None,
                "refunds": [a.RefundModel.model_validate(x) for x in refunds[one.id]]
                if Beside.REFUNDS in expand
                else None,
                "customer_object": a.CustomerModel.model_validate(customers[one.customer])
                if one.customer in customers
                else None,
            }
        )
        for one in told
    ]


async def refunds(
    port: Payments, asker: Actor, shown: Sequence[Refund], expand: Sequence[BesideRefund]
) -> list[a.ExpandedRefundModel]:
    """Return refunds, each with its payment if that is wanted."""
    told = [a.ExpandedRefundModel.model_validate(one) for one in shown]
    if BesideRefund.PAYMENT not in expand or not told:
        return told
    named = tuple({one.payment for one in shown})
    found = await port.many(ManyOf(asker.tenant, asker.mode, payments=named))
    of = {one.id: a.PaymentModel.model_validate(one) for one in found.payments}
    return [one.model_copy(update={"payment_object": of.get(one.payment)}) for one in told]


def may_see_customers(asker: Actor) -> None:
    """Refuse names and addresses to whoever may read payments only."""
    if not asker.may(CUSTOMERS_READ):
        raise PermissionMissing(facts={"permission": CUSTOMERS_READ})
