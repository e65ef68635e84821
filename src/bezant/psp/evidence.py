"""Evidence against a dispute: what a merchant says, as a provider has places for it."""

from collections.abc import Mapping
from typing import Final

from bezant.exchange import ProviderAnswer
from bezant.psp.answers import body_of, declined, turned_away, unheard, unreadable
from bezant.psp.port import DeclineCode, Result, Verdict

TEXT_CHARACTERS_MAX: Final = 20_000  # Stripe's own bound of one text.
STRIPE_TEXTS: Final = frozenset(
    [
        "access_activity_log",
        "billing_address",
        "cancellation_policy_disclosure",
        "cancellation_rebuttal",
        "customer_email_address",
        "customer_name",
        "customer_purchase_ip",
        "duplicate_charge_explanation",
        "duplicate_charge_id",
        "product_description",
        "refund_policy_disclosure",
        "refund_refusal_explanation",
        "service_date",
        "shipping_address",
        "shipping_carrier",
        "shipping_date",
        "shipping_tracking_number",
        "uncategorized_text",
    ]
)
UNCATEGORIZED: Final = "uncategorized_text"


def placed(evidence: Mapping[str, str]) -> dict[str, str]:
    """Put each text where Stripe has a place for it, and the others into the general one."""
    known = {name: text for name, text in evidence.items() if name in STRIPE_TEXTS}
    others = {name: text for name, text in evidence.items() if name not in STRIPE_TEXTS}
    if others:
        general = "\n".join(part for part in (known.get(UNCATEGORIZED, ""), told(others)) if part)
        known[UNCATEGORIZED] = general
    return {name: text[:TEXT_CHARACTERS_MAX] for name, text in known.items()}


def told(evidence: Mapping[str, str]) -> str:
    """Write everything as one text; a single text stands for itself."""
    if len(evidence) == 1:
        return next(iter(evidence.values()))
    return "\n".join(f"{name}: {text}" for name, text in evidence.items())


def evidenced(answer: ProviderAnswer, error: str) -> Verdict:
    """Read whether evidence was taken: then the dispute is in others' hands."""
    early = unheard(answer) or turned_away(answer)
    if early:
        return early
    found = body_of(answer)
    if found is None:
        return unreadable()
    if answer.status >= 400:
        return declined(DeclineCode.OTHER, found.text("error", error)[:64] or "refused")
    return Verdict(Result.PENDING, part=found.text("id"), status=found.text("status")[:64])
