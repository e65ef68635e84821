"""People whom an issuer we trust vouches for: by an access token of its, or by signing in there.

Whoever comes for the first time becomes a member without a password of ours. They are found again
by what their issuer calls them and by nothing else: an e-mail address that two systems have in
common makes nobody the same person. What they may do follows their roles there, every time.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from bezant import telemetry
from bezant.actor import Actor, Caller
from bezant.errors import Conflict
from bezant.identity import rules
from bezant.identity.api_key import (
    CredentialForm,
    Identified,
    Identify,
    KeyKind,
    UnknownCredential,
)
from bezant.identity.identification import Identification
from bezant.identity.member import Role
from bezant.identity.outside import tokens
from bezant.identity.outside.calling import Calls, IssuerSilent, basic
from bezant.identity.outside.discovery import Known
from bezant.identity.outside.tokens import Word
from bezant.identity.outside.trusted import SAMPLE, Trusted, roles_of
from bezant.identity.port import NAME_CHARACTERS_MAX
from bezant.identity.provider import scopes
from bezant.identity.provider.jose import BadToken, looks_signed
from bezant.identity.session import NEVER_TOLD
from bezant.identity.store import member as member_store
from bezant.identity.store import outsider as store
from bezant.identity.store import sign_up as sign_up_store
from bezant.identity.store.outsider import OutsiderRow
from bezant.ids import spell

OPAQUE_CHARACTERS_MAX: Final = 4_096
_OPAQUE: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*\Z")  # RFC 6750, 2.1.
_OURS: Final = re.compile(r"bz[a-z]_")
_log = telemetry.log("identity")


class Outsiders(Identification):
    """The part of the service that knows other issuers' people."""

    _known: Sequence[Known] = ()
    _calls: Calls | None = None

    def trust(self, issuers: Sequence[Trusted]) -> None:
        """Trust these issuers from now on."""
        self._calls = Calls()
        self._known = [Known(one, self._calls, self._clock) for one in issuers]

    async def leave_issuers(self) -> None:
        """Let go of every connection to an issuer."""
        for one in self._known:
            await one.close()
        if self._calls is not None:
            await self._calls.close()

    async def identify(self, query: Identify) -> Identified:
        """Return whose a credential is, one of another issuer's too."""
        text = query.secret.reveal()
        known = self._whose(text) if query.form is CredentialForm.ANY else None
        if known is None:
            return await super().identify(query)
        try:
            now = self._clock.now()
            if not await self._is_placed(known):
                raise BadToken
            if known.trusted.opaque:
                word = await self._asked_about(known, text)
            else:
                word = await tokens.access_token(known, text, now)
            return await self._identified(known.trusted, word)
        except BadToken:
            raise UnknownCredential from None

    async def _is_placed(self, known: Known) -> bool:
        """Tell whether an issuer's people belong somewhere; a demo finds its sample merchant."""
        if known.trusted.tenant != SAMPLE:
            return True
        async with self._database.transaction() as tx:
            found = None if self._live else await sign_up_store.demo_merchant(tx)
        if found is not None:
            known.trusted = replace(known.trusted, tenant=rules.tenant_text(found))
        return found is not None

    def _whose(self, text: str) -> Known | None:
        """Return the issuer that may know a token; ours are never shown to anybody."""
        if not self._known or rules.looks_like_key(text) or _OURS.match(text):
            return None
        if looks_signed(text):
            named = tokens.named_issuer(text)
            return next((one for one in self._known if one.trusted.issuer == named), None)
        fits = len(text) <= OPAQUE_CHARACTERS_MAX and _OPAQUE.match(text)
        return next((one for one in self._known if one.trusted.opaque and fits), None)

    async def _asked_about(self, known: Known, text: str) -> Word:
        """Return what an issuer says about a token that says nothing itself (RFC 7662)."""
        assert self._calls is not None
        trusted, about = known.trusted, await known.about()
        if not about.introspection:
            raise IssuerSilent("this issuer answers no questions about its tokens")
        client = basic(trusted.client_id, trusted.client_secret.reveal())
        fields = {"token": text, "token_type_hint": "access_token"}
        status, told = await self._calls.ask(about.introspection, fields, client)
        if status != 200:
            _log.warn("outside.introspection_refused", issuer=trusted.name, status=status)
            raise IssuerSilent(retry_after_seconds=5)
        if told.get("active") is not True or told.get("typ") in tokens.NOT_ACCESS:
            raise BadToken
        # The answer came from this very issuer; many leave out saying so. A program that acts for
        # itself is called by its name as a client (RFC 9068, 2.2).
        claims = {"iss": trusted.issuer, "sub": told.get("client_id", ""), **told}
        return tokens.word_of(trusted, claims, trusted.audience, self._clock.now())

    async def _identified(self, trusted: Trusted, word: Word) -> Identified:
        """Return who somebody is here, and what they may do."""
        member, role, narrowed_to = await self._came_in(trusted, word)
        left = rules.narrowed_to(narrowed_to)
        held = rules.member_permissions(role, trusted.tenant, left)
        if program := is_program(word):
            held = rules.key_permissions(KeyKind.SECRET, role, (), left)
        permitted = held - scopes.NEVER_BY_TOKEN
        if trusted.by_scope:
            told = word.claims.get("scope", "")
            permitted &= scopes.permissions(told.split() if isinstance(told, str) else ())
        subject = spell("mem", member)
        expires_at, withheld = word.expires_at, frozenset[str]()
        if not program:
            withheld = permitted & self._withheld(word, role)
            if permitted & rules.STEP_UP - withheld:  # Whoever remembers this asks again then.
                proved = tokens.proved_at(word, self._clock.now()) or NEVER_TOLD
                expires_at = min(expires_at, proved + rules.STEP_UP_FRESH)
        actor = Actor(
            caller=Caller.CLIENT if program else Caller.MEMBER,
            subject=subject,
            tenant=trusted.tenant,
            mode=trusted.mode,
            permissions=permitted - withheld,
            role=role.value,
            withheld=withheld,
        )
        return Identified(
            actor=actor,
            holder=subject,
            is_key=False,
            expires_at=expires_at,
            generation=0,
            bound_to=word.bound_to,
        )

    def _withheld(self, word: Word, role: Role) -> frozenset[str]:
        """Return what somebody's token opens only after a proof that its issuer says is fresh, and
        after two factors, as a session of ours does.
        """
        now = self._clock.now()
        proved = tokens.proved_at(word, now) or NEVER_TOLD
        return rules.withheld(tokens.methods_of(word), proved, now, role, live=self._live)

    async def _came_in(self, trusted: Trusted, word: Word) -> tuple[UUID, Role, tuple[str, ...]]:
        """Return who somebody is here, their role, and what of it somebody here left them; they
        become a member when they come for the first time.
        """
        granted = roles_of(trusted, word.claims)
        if not granted:
            raise BadToken
        role, mark = granted[0], tokens.mark_of(trusted, word.subject)
        tenant = rules.tenant_id(trusted.tenant)
        found = await self._outsider(mark, tenant)
        if found.member_id is None:
            try:
                return await self._first_seen(trusted, word, mark, role), role, rules.EVERYTHING
            except Conflict:  # They came in by another door at the same moment.
                found = await self._outsider(mark, tenant)
        if found.member_id is None or found.role is None:
            raise BadToken
        if found.role is not role:
            await self._follow(found, found.member_id, tenant, role)
        return found.member_id, role, found.narrowed_to

    async def _follow(self, found: OutsiderRow, member: UUID, tenant: UUID, role: Role) -> None:
        """Give somebody the role their issuer tells now. Who chooses what a token of theirs tells
        sheds no custom role by that, and who may invite no more has invited nobody.
        """
        async with self._database.transaction() as tx:
            await store.follow(tx, member, tenant, role)
            if found.role is Role.ADMIN:
                everywhere, invited_by = tenant == rules.PLATFORM_ID, spell("mem", member)
                await member_store.cancel_invitations_of(
                    tx, invited_by, tenant, everywhere=everywhere, at=self._clock.now()
                )

    async def _outsider(self, mark: bytes, tenant: UUID) -> OutsiderRow:
        async with self._database.transaction() as tx:
            found = await store.find(tx, mark, tenant)
        if found is None or not found.works or (found.demo and self._live):
            raise BadToken
        return found

    async def _first_seen(self, trusted: Trusted, word: Word, mark: bytes, role: Role) -> UUID:
        member, now = self._ids.uuid(), self._clock.now()
        # `.invalid` leads nowhere (RFC 6761): nobody can be invited or written to by it.
        email = f"{mark[:16].hex()}@{trusted.name}.invalid"
        async with self._database.transaction() as tx:
            await member_store.add_person(tx, member, email, _name(word), now)
            await store.add(tx, mark, member, trusted.issuer, now)
            tenant = rules.tenant_id(trusted.tenant)
            await member_store.join(tx, member, tenant, role, now)
            subject = spell("mem", member)
            about = {"role": role}
            await self._record(tx, "member.joined", trusted.tenant, subject, about)
        _log.info("outside.first_seen", issuer=trusted.name, member=subject)
        return member


def is_program(word: Word) -> bool:
    """Tell whether this is a program that acts for itself: it is called by its name as a client
    (RFC 9068, 2.2). It has no second factor to show, and is nobody who could agree to anything.
    """
    return word.claims.get("client_id") == word.subject


def _name(word: Word) -> str:
    """Return what somebody is called, as far as their issuer says it."""
    for claim in ("name", "preferred_username", "username"):
        told = rules.plain_text(str(word.claims.get(claim, ""))).strip()
        if told:
            return told[:NAME_CHARACTERS_MAX]
    return "Somebody"
