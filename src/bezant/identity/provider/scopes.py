"""What a client may ask for: claims about the person, and permissions of the one table. Pure."""

from collections.abc import Iterable, Mapping
from typing import Final

from bezant.identity import rules

OPENID: Final = "openid"
PROFILE: Final = "profile"
EMAIL: Final = "email"
ROLES: Final = "roles"
OFFLINE: Final = "offline_access"
EVERYTHING: Final = "api"
"""All that the person may do, for programs of their own such as the command line."""
ABOUT_THE_PERSON: Final = frozenset({OPENID, PROFILE, EMAIL, ROLES, OFFLINE})
NEVER_BY_TOKEN: Final = frozenset({"session.write", "security.write"})
"""Who signed in to a client changes their password and devices with us, not there."""
OWN: Final = "security.write"
"""What only our own client has, the one behind `/auth`: no other may ask for it."""
KNOWN: Final = ABOUT_THE_PERSON | {EVERYTHING} | (rules.EVERY_PERMISSION - NEVER_BY_TOKEN)
OF_PEOPLE: Final = (OPENID, PROFILE, EMAIL, EVERYTHING)
"""What a person's own program gets from `/auth/login`."""

_WORDS: Final[Mapping[str, str]] = {
    OPENID: "know that it is you",
    PROFILE: "see your name",
    EMAIL: "see your e-mail address",
    ROLES: "see what you are here",
    OFFLINE: "stay connected until you end it",
    EVERYTHING: "do everything that you may do here",
    "checkout.read": "see your checkouts",
    "checkout.write": "pay in your name",
    "tokens.write": "keep a card of yours for a payment",
}


def permissions(scopes: Iterable[str]) -> frozenset[str]:
    """Return what these scopes allow at most."""
    asked = frozenset(scopes)
    if EVERYTHING in asked:
        return rules.EVERY_PERMISSION - NEVER_BY_TOKEN | (asked & {OWN})
    return asked & (rules.EVERY_PERMISSION - NEVER_BY_TOKEN | {OWN})


def words(scope: str) -> str:
    """Say in a few words what a scope lets a client do."""
    resource, _, access = scope.partition(".")
    plain = resource.replace("_", " ")
    verb = "change" if access == "write" else "see"
    return _WORDS.get(scope, f"{verb} {plain}")


def in_order(scopes: Iterable[str]) -> tuple[str, ...]:
    """Return scopes each once, in one order everywhere."""
    return tuple(sorted(frozenset(scopes)))
