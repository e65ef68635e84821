"""The key room over HTTP: for all, what is classical here; for auditors of the platform, which keys
there are and who used them.
"""

from datetime import datetime
from typing import Annotated, Final

from fastapi import Query
from pydantic import BaseModel

from bezant.actor import PLATFORM, Actor
from bezant.errors import Forbidden, Invalid
from bezant.http.pages import Page, PageQuery
from bezant.http.routes import PUBLIC, Asker, Routes
from bezant.keys.port import (
    Access,
    AccessesOf,
    Algorithm,
    Capabilities,
    Keys,
    KeySpec,
    KeyState,
    KeyTransition,
    KeyVersion,
    Outcome,
    Purpose,
    Security,
    Use,
)

READ: Final = "audit.read"
LINE_MAX: Final = 2**63 - 1
NOT_VALIDATED: Final = (
    "This platform, the OpenSSL it brings along and SoftHSM are not validated modules. An HSM's "
    "certificate is its vendor's."
)
SIGNED: Final = "Receipts and checkpoints carry ML-DSA-87 beside a classical signature."
SEALED: Final = "Some stored secrets are sealed by a hybrid of ML-KEM-1024 and P-384."
STORED: Final = "Stored secrets are sealed with AES-256-GCM; no key was agreed on to seal them."
CARRIED: Final = (
    "What travels is protected by TLS with classical certificates, between modules and outside; "
    "sign-in, tokens and what providers do are classical as well."
)


class PlatformOnly(Forbidden):
    """The platform's keys are the business of its own auditors."""

    code = "keys_of_the_platform"


class KeyVersionAnswer(BaseModel):
    """One version of a key."""

    object: str = "key_version"
    kid: str
    name: str
    version: int
    purpose: Purpose
    spec: KeySpec
    state: KeyState
    lies_with: str
    wrapped: bool
    made_here: bool | None
    extractable: bool | None
    created_at: datetime
    not_before: datetime | None
    not_after: datetime | None

    @classmethod
    def of(cls, found: KeyVersion) -> "KeyVersionAnswer":
        """Return a version as it is answered."""
        return cls(
            kid=found.kid, name=found.name, version=found.version, purpose=found.purpose,
            spec=found.spec, state=found.state, lies_with=found.provider, wrapped=found.wrapped,
            made_here=found.made_here, extractable=found.extractable,
            created_at=found.created_at, not_before=found.not_before, not_after=found.not_after,
        )  # fmt: skip


class KeyStepAnswer(BaseModel):
    """One step in the life of a version."""

    object: str = "key_step"
    kid: str
    before: KeyState | None
    after: KeyState
    by: str
    reason: str
    occurred_at: datetime

    @classmethod
    def of(cls, found: KeyTransition) -> "KeyStepAnswer":
        """Return a step as it is answered."""
        return cls(
            kid=found.kid, before=found.before, after=found.after, by=found.by,
            reason=found.reason, occurred_at=found.occurred_at,
        )  # fmt: skip


class AccessAnswer(BaseModel):
    """One line of the access log."""

    object: str = "key_access"
    id: int
    first_at: datetime
    last_at: datetime
    process: str
    caller: str
    use: Use
    key: str
    outcome: Outcome
    times: int

    @classmethod
    def of(cls, found: Access) -> "AccessAnswer":
        """Return a line as it is answered."""
        return cls(
            id=found.id, first_at=found.first_at, last_at=found.last_at, process=found.process,
            caller=found.caller, use=found.use, key=found.key, outcome=found.outcome,
            times=found.times,
        )  # fmt: skip


class KindAnswer(BaseModel):
    """A kind of key."""

    spec: KeySpec
    algorithm: Algorithm
    security: Security
    available: bool
    keys: list[str]


class CapabilitiesAnswer(BaseModel):
    """What is classical here and what is not."""

    object: str = "crypto_capabilities"
    kinds: list[KindAnswer]
    lies_in: list[str]
    statements: list[str]

    @classmethod
    def of(cls, found: Capabilities) -> "CapabilitiesAnswer":
        """Return what there is as it is answered."""
        kinds = [
            KindAnswer(
                spec=one.spec, algorithm=one.algorithm, security=one.security,
                available=one.available, keys=list(one.keys),
            )
            for one in found.kinds
        ]  # fmt: skip
        said = [SIGNED] if found.signed_post_quantum else []
        said += [SEALED if found.sealed_post_quantum else STORED, CARRIED, NOT_VALIDATED]
        return cls(kinds=kinds, lies_in=list(found.places), statements=said)


def routes(keys: Keys) -> Routes:
    """Return the routes of the key room."""
    made = Routes("keys")

    @made.get("/v1/crypto/capabilities", permission=PUBLIC, summary="Show what is classical here")
    async def capabilities() -> CapabilitiesAnswer:
        return CapabilitiesAnswer.of(await keys.capabilities())

    @made.get("/v1/crypto/keys", permission=READ, summary="List every version of every key")
    async def inventory(asker: Asker) -> Page[KeyVersionAnswer]:
        _platform(asker)
        data = [KeyVersionAnswer.of(one) for one in await keys.inventory()]
        return Page(data=data, has_more=False)

    @made.get("/v1/crypto/keys/{name}/steps", permission=READ, summary="Show the life of a key")
    async def steps(name: str, asker: Asker) -> Page[KeyStepAnswer]:
        _platform(asker)
        data = [KeyStepAnswer.of(one) for one in await keys.history(name)]
        return Page(data=data, has_more=False)

    @made.get("/v1/crypto/accesses", permission=READ, summary="List who used which key")
    async def accesses(
        page: PageQuery,
        asker: Asker,
        caller: Annotated[str, Query(max_length=40)] = "",
        key: Annotated[str, Query(max_length=80)] = "",
        use: Use | None = None,
        outcome: Outcome | None = None,
        since: Annotated[datetime | None, Query(alias="at[gte]")] = None,
        until: Annotated[datetime | None, Query(alias="at[lt]")] = None,
    ) -> Page[AccessAnswer]:
        _platform(asker)
        if page.ending_before:
            raise Invalid("this list is read from the newest on", field="ending_before")
        for name, moment in (("at[gte]", since), ("at[lt]", until)):
            if moment is not None and moment.tzinfo is None:
                raise Invalid("a time says its zone, such as 2026-01-31T12:00:00Z", field=name)
        before = _line(page.starting_after)
        asked = AccessesOf(caller, key, use, outcome, since, until, page.limit, before)
        found = await keys.accesses(asked)
        data = [AccessAnswer.of(one) for one in found.accesses]
        return Page(data=data, has_more=found.has_more)

    return made


def _platform(asker: Actor) -> None:
    if asker.tenant != PLATFORM:
        raise PlatformOnly


def _line(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not cursor.isascii() or not cursor.isdecimal() or int(cursor) > LINE_MAX:
        raise Invalid("this list is continued from the id of a line", field="starting_after")
    return int(cursor)
