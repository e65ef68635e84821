"""Whose limit counts for a caller: a payer's, one of the staff's, or a program's."""

from typing import Final

from bezant.actor import Actor, Caller
from bezant.http.limits import bucket_of_address

PAYER: Final = "payer"
PERSON: Final = "person"
PROGRAM: Final = "program"
TIERS: Final = (PAYER, PERSON, PROGRAM)


def tier_of(actor: Actor) -> str:
    """Return the tier of a caller."""
    if actor.pays:
        return PAYER
    return PERSON if actor.caller is Caller.MEMBER else PROGRAM


def bucket_of_caller(actor: Actor, address: str) -> str:
    """Name the bucket of a caller.

    A page's key, or a payment link, is everybody's who looks at the page: no visitor uses up
    another's.
    """
    if actor.pays and actor.caller is not Caller.MEMBER:
        return f"{actor.subject} {bucket_of_address(address)}"
    return actor.subject
