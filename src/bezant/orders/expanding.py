"""`expand[]`: payments and customers beside orders, asked for once however many they are."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from bezant.actor import Actor
from bezant.http.caller import PermissionMissing
from bezant.ids import MalformedId, read
from bezant.orders import messages as models
from bezant.orders.order import Order
from bezant.payments.http.answers import CustomerModel, PaymentModel
from bezant.payments.port import ManyOf, Payments

PAYMENTS_OF_ONE_MAX: Final = 5  # The newest; `payments` names all of them.


class BesideOrder(StrEnum):
    """What may be shown beside an order."""

    PAYMENTS = "payments"
    CUSTOMER = "customer"


PERMISSIONS: Final = {
    BesideOrder.PAYMENTS: "payments.read",
    BesideOrder.CUSTOMER: "customers.read",
}


class ExpandedOrderAnswer(models.OrderAnswer):
    """An order with what was asked for beside it."""

    payment_objects: list[PaymentModel] | None = None
    """Its newest payments, five at most."""
    customer_object: CustomerModel | None = None


async def expanded(
    payments: Payments, asker: Actor, shown: Sequence[Order], expand: Sequence[BesideOrder]
) -> list[ExpandedOrderAnswer]:
    """Return orders with what is to stand beside each."""
    told = [ExpandedOrderAnswer.model_validate(one) for one in shown]
    for one in expand:
        if not asker.may(PERMISSIONS[one]):
            raise PermissionMissing(facts={"permission": PERMISSIONS[one]})
    if not expand or not told:
        return told
    newest = {one.id: one.payments[-PAYMENTS_OF_ONE_MAX:] for one in shown}
    people = {one.customer for one in shown if _is_customer(one.customer)}
    paid = BesideOrder.PAYMENTS in expand
    found = await payments.many(
        ManyOf(
            asker.tenant,
            asker.mode,
            tuple({name for names in newest.values() for name in names}) if paid else (),
            tuple(people) if BesideOrder.CUSTOMER in expand else (),
        )
    )
    of = {one.id: PaymentModel.model_validate(one) for one in found.payments}
    customers = {one.id: CustomerModel.model_validate(one) for one in found.customers}
    return [
        one.model_copy(
            update={
                "payment_objects": [of[name] for name in newest[one.id] if name in of]
                if paid
                else None,
                "customer_object": customers.get(one.customer),
            }
        )
        for one in told
    ]


def _is_customer(name: str) -> bool:
    """Tell whether an order names one of ours; a merchant may write what they like."""
    try:
        read("cus", name)
    except MalformedId:
        return False
    return True
