"""Access tokens at our API: whose they are, and what they may do today.

The signature says that a token is ours and for whom; the database says whether it still counts. So
a revocation, a changed role or a suspended merchant works at once, and what a token says of roles
is for others to read.
"""

from dataclasses import replace
from typing import Final

from bezant.actor import Actor, Caller
from bezant.identity import rules
from bezant.identity.api_key import Identified, KeyKind, UnknownCredential
from bezant.identity.desk import Desk
from bezant.identity.openid import Rechecks
from bezant.identity.provider import jose, scopes
from bezant.identity.provider.checks import access_token
from bezant.identity.provider.checks.access_token import Claims
from bezant.identity.provider.jose import BadToken
from bezant.identity.session import NEVER_TOLD
from bezant.identity.store import delegation as store
from bezant.identity.store.delegation import HolderRow
from bezant.ids import MalformedId, read, spell
from bezant.secret import Secret

RECHECKS_MAX: Final = 1_000  # Whoever missed more asks about everybody again.


class Bearers(Desk):
    """The part of the service that knows access tokens."""

    async def rechecks(self, after: int) -> Rechecks:
        """Return which delegations to ask about again since a number."""
        async with self._database.transaction() as tx:
            number = await store.number(tx)
            rows = await store.rechecks(tx, after, RECHECKS_MAX + 1) if after >= 0 else []
        number = max([number, *(row.number for row in rows)])
        missed = after < 0 or len(rows) != number - after or len(rows) > RECHECKS_MAX
        everybody = missed or any(row.delegation_id is None for row in rows)
        if everybody:
            return Rechecks(number, (), everybody=True)
        named = [row.delegation_id for row in rows if row.delegation_id is not None]
        return Rechecks(number, tuple(spell("dlg", one) for one in named), everybody=False)

    async def _read_token(self, text: str) -> Claims:
        """Return what an access token of ours says, or raise `BadToken`."""
        token = jose.read(text, jose.ACCESS)
        await self._verify_own(token)
        return access_token.holds(token, self._issuer, self._clock.now())

    async def _verify_own(self, token: jose.Read) -> None:
        """Return if one of our keys signed this; which one, its header says and nothing more."""
        for one in await self._keys.public_keys(jose.SIGNING_KEY):
            if one.kid == token.header["kid"] and one.state in ("active", "verify_only"):
                jose.verify(token, jose.own_key(one.public_key))
                return
        raise BadToken

    async def _token(self, secret: Secret[str]) -> Identified:
        """Return whose an access token is, or raise `UnknownCredential`."""
        try:
            claims, row = await self._counted(secret.reveal())
        except BadToken:
            raise UnknownCredential from None
        actor, ends = self._actor_of(row, claims), min(claims.expires_at, row.expires_at)
        if scopes.OWN in actor.permissions:  # Whoever remembers this asks again when that is over.
            ends = min(ends, row.signed_in_at + rules.STEP_UP_FRESH)
        return Identified(
            actor=actor,
            holder=claims.delegation,
            is_key=False,
            expires_at=ends,
            generation=row.number,
            is_token=True,
            bound_to=row.bound_to,
        )

    async def _counted(self, text: str) -> tuple[Claims, HolderRow]:
        """Return what an access token says, and what stands behind it, if it still counts."""
        claims = await self._read_token(text)
        try:
            delegation = read("dlg", claims.delegation)
        except MalformedId:
            raise BadToken from None
        async with self._database.transaction() as tx:
            row = await store.holder(tx, delegation)
        if row is None or not self._still_counts(row):
            raise BadToken
        if (row.realm, row.client_name) != (claims.realm, claims.client):
            raise BadToken
        return claims, row

    def _still_counts(self, row: HolderRow) -> bool:
        return (
            row.revoked_at is None
            and row.expires_at > self._clock.now()
            and row.client_active
            and row.merchant_active
            and not (row.demo and self._live)
            and (row.member_id is None or row.member_role is not None)
        )

    def _actor_of(self, row: HolderRow, claims: Claims) -> Actor:
        """Return who is asking. A token is asked for anew rather than proved again, so what ages
        of it is only the right to change how its owner gets in. What needs a fresh proof, a token
        may do only if its owner had just proved who they are when it was asked for: else an old
        session would fetch what it may not do itself.
        """
        actor, now = _actor(row, claims), self._clock.now()
        if row.member_id is None or row.member_role is None:
            return actor
        methods, role = row.methods, row.member_role
        was_fresh = row.created_at < row.signed_in_at + rules.STEP_UP_FRESH
        proved = now if was_fresh else NEVER_TOLD
        withheld = actor.permissions & rules.withheld(methods, proved, now, role, live=self._live)
        if now >= row.signed_in_at + rules.STEP_UP_FRESH:
            withheld |= actor.permissions & {scopes.OWN}
        return replace(actor, permissions=actor.permissions - withheld, withheld=withheld)


def _actor(row: HolderRow, claims: Claims) -> Actor:
    """Return who is asking: a person as far as they let this client, or a program of a merchant."""
    tenant = rules.tenant_text(row.merchant_id)
    allowed = scopes.permissions(claims.scope.split())
    if row.member_id is not None:
        assert row.member_role is not None
        caller, subject, role = Caller.MEMBER, spell("mem", row.member_id), row.member_role
        held = rules.member_permissions(role, tenant, rules.narrowed_to(row.narrowed_to))
    else:
        assert row.client_role is not None
        caller, subject, role = Caller.CLIENT, spell("cli", row.client), row.client_role
        held = rules.key_permissions(KeyKind.SECRET, role, ())
    return Actor(caller, subject, tenant, row.mode, held & allowed, role.value)
