"""With what a payment is paid, looked up: a token as it is, or something a customer saved."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from bezant import ids
from bezant.actor import Mode
from bezant.db.database import Database
from bezant.exchange import MethodKind
from bezant.payments import rules
from bezant.payments.method import PayWith
from bezant.payments.parts import Parts
from bezant.payments.port import CustomerForgotten, MethodMissing, UnknownCustomer, UnknownMethod
from bezant.payments.store import customer as stored
from bezant.payments.work import SAVED


@dataclass(frozen=True, slots=True)
class Paying:
    """A way to pay, with all that a provider may want to know."""

    kind: MethodKind
    card: str = ""
    saved: Mapping[str, str] = field(default_factory=dict[str, str])
    customer: UUID | None = None
    email: str = ""
    name: str = ""


async def looked_up(
    parts: Parts, tenant: str, mode: Mode, pay_with: PayWith, customer: str
) -> Paying:
    """Return how it is paid, and by whom as far as that is known."""
    database = parts.database
    whose = None if not customer else await known_customer(database, tenant, mode, customer)
    email, name = ("", "") if whose is None else (whose.email or "", whose.name or "")
    known = None if whose is None else whose.id
    if not pay_with.saved:
        if pay_with.kind is MethodKind.CARD and not pay_with.card:
            raise MethodMissing("a card is named by its token", field="pay_with.card")
        if pay_with.kind is MethodKind.BANK_ACCOUNT:
            raise MethodMissing(
                "a bank account is one that was saved as a payment method", field="pay_with.saved"
            )
        return Paying(pay_with.kind, pay_with.card, {}, known, email, name)
    number = ids.read(SAVED, pay_with.saved, "pay_with.saved")
    method = await stored.method(database, rules.tenant_id(tenant), mode is Mode.LIVE, number)
    if method is None or (known is not None and method.customer != known):
        raise UnknownMethod(field="pay_with.saved")
    if await stored.is_forgotten(database, method.customer):
        # It is there until the vault has destroyed its card, and no longer for paying.
        raise CustomerForgotten(field="pay_with.saved")
    # Kept with the payment before anything is sent: who asks later what came of it needs it.
    means = method.card or saved_name(method.id)
    facts = await parts.safe.facts(method)
    return Paying(method.kind, means, facts, method.customer, email, name)


def saved_name(method: UUID) -> str:
    """Return a saved way to pay as it is named in place of a card's token."""
    return f"{SAVED}_{method.hex}"


async def saved_facts(parts: Parts, means: str) -> Mapping[str, str]:
    """Return what the provider knows a saved way to pay by; a card's token tells nothing.

    What was dropped meanwhile is still told from what never was.
    """
    if not means.startswith(f"{SAVED}_"):
        return {}
    row = await stored.kept(parts.database, ids.read(SAVED, means))
    known: Mapping[str, str] = {} if row is None else await parts.safe.facts(row)
    return known or {"saved": means}


async def known_customer(
    database: Database, tenant: str, mode: Mode, customer: str
) -> stored.CustomerRow:
    """Return a customer of this tenant who was not forgotten."""
    number = ids.read("cus", customer, "customer")
    found = await stored.customer(database, rules.tenant_id(tenant), mode is Mode.LIVE, number)
    if found is None:
        raise UnknownCustomer(field="customer")
    if found.forgotten:
        raise CustomerForgotten(field="customer")
    return found
