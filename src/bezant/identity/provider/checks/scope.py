"""RFC 6749, 3.3: what a client may ask for, and what it gets."""

import re
from collections.abc import Sequence
from typing import Final

from bezant.identity.oauth import InvalidScope
from bezant.identity.provider import scopes

_NAMES: Final = re.compile(r"[a-z_.]+( [a-z_.]+)*\Z")


def granted(text: str, allowed: Sequence[str], always: Sequence[str]) -> tuple[str, ...]:
    """If the client omits the scope parameter, the authorization server MUST either process the
    request using a pre-defined default value or fail the request; an unknown one fails.
    """
    if text and not _NAMES.match(text):
        raise InvalidScope
    asked = frozenset(text.split())
    if not asked <= frozenset(allowed) | frozenset(always):
        raise InvalidScope
    return scopes.in_order(asked | frozenset(always))


def narrower(text: str, before: Sequence[str]) -> tuple[str, ...]:
    """The requested scope MUST NOT include any scope not originally granted (RFC 6749, 6)."""
    if text and not _NAMES.match(text):
        raise InvalidScope
    asked = frozenset(text.split()) or frozenset(before)
    if not asked <= frozenset(before):
        raise InvalidScope
    return scopes.in_order(asked)


def registrable(names: Sequence[str]) -> tuple[str, ...]:
    """Refuse to register a client for a scope that means nothing here."""
    if not frozenset(names) <= scopes.KNOWN:
        raise InvalidScope
    return scopes.in_order(names)
