"""Somebody's way to a client: what the client wants, and the steps that are left. Pure.

Each step says when it is due; the first that is due is shown. A second factor stands before the
password in the list: it is due only after that was right, and then nothing else is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from bezant.actor import Mode
from bezant.identity.oauth import InvalidRequest
from bezant.identity.openid import Stage
from bezant.identity.provider.checks import (
    challenge,
    free_text,
    prompt,
    redirect_uri,
    request_object,
    resource,
    response_type,
    scope,
)
from bezant.identity.provider.jose import BadToken, decoded
from bezant.identity.store.client import ClientRow
from bezant.identity.store.interaction import InteractionRow

THUMBPRINT_BYTES: Final = 32


class Wanted(msgspec.Struct, frozen=True):
    """What a client, or a device, wants; every clause was checked."""

    realm: str
    scopes: tuple[str, ...]
    redirect_uri: str = ""
    state: str = ""
    nonce: str = ""
    challenge: str = ""
    prompts: tuple[str, ...] = ()
    max_age_seconds: int | None = None
    hint: str = ""
    key_thumbprint: str = ""
    device: str = ""
    """The hash of a device's own code, in hex."""
    user_code: str = ""
    mode: Mode | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """Where somebody is: the row as it stands, and what is known beside it."""

    row: InteractionRow
    client: ClientRow
    wanted: Wanted
    consented: tuple[str, ...] = ()
    """What this person allowed this client before."""

    @property
    def allowed(self) -> tuple[str, ...]:
        """Return what they allow it in all once they said yes."""
        return tuple(sorted({*self.consented, *self.wanted.scopes}))


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that may be left to do."""

    stage: Stage
    is_due: Callable[[Way], bool]


def _asks(way: Way) -> bool:
    if way.row.consented or not way.client.asks_consent:
        return False
    asked_again = prompt.CONSENT in way.wanted.prompts
    return asked_again or not frozenset(way.wanted.scopes) <= frozenset(way.consented)


STEPS: Final = (
    Step(
        Stage.FACTOR,
        lambda way: way.row.member_id is None and way.row.proved_member_id is not None,
    ),
    Step(Stage.PASSWORD, lambda way: way.row.member_id is None),
    Step(Stage.DEVICE, lambda way: bool(way.wanted.device)),
    Step(Stage.CONSENT, _asks),
)
"""In this order; what is not due is passed over."""


def next_stage(way: Way) -> Stage:
    """Return the first step that is due; after the last the browser goes elsewhere."""
    return next((step.stage for step in STEPS if step.is_due(way)), Stage.ELSEWHERE)


def wanted_of(parameters: Mapping[str, str], client: ClientRow, audience: str) -> Wanted:
    """Check a client's authorization request, clause by clause, and return what it wants."""
    request_object.absent(parameters)
    response_type.is_code(parameters)
    response_type.is_in_query(parameters)
    resource.is_ours(parameters, audience)
    return Wanted(
        realm=client.realm,
        redirect_uri=redirect_uri.chosen(parameters, client.redirect_uris),
        state=free_text.handed_back(parameters, "state"),
        nonce=free_text.handed_back(parameters, "nonce"),
        challenge=challenge.given(parameters),
        scopes=scope.granted(parameters.get("scope", ""), client.scopes, client.default_scopes),
        prompts=prompt.prompts(parameters),
        max_age_seconds=prompt.max_age_seconds(parameters),
        hint=free_text.handed_back(parameters, "login_hint")[:254],
        key_thumbprint=_thumbprint(parameters.get("dpop_jkt", "")),
    )


def _thumbprint(text: str) -> str:
    try:
        if text and len(decoded(text)) != THUMBPRINT_BYTES:
            raise BadToken
    except BadToken:
        raise InvalidRequest("dpop_jkt is not the thumbprint of a key") from None
    return text
