"""Tokens for a person's own program, which signs in with a name and a password.

The program is our own client, known to nobody else: what it gets ends with the session it began in,
and its refresh tokens rotate like all others.
"""

from bezant.identity import rules
from bezant.identity.desk import token_hash
from bezant.identity.openid import ROOT_REALM, Asked, Tokens
from bezant.identity.port import UnknownCredential
from bezant.identity.provider import scopes
from bezant.identity.provider.clients import Request
from bezant.identity.provider.issuer import PEOPLE
from bezant.identity.provider.issuing import Issuing
from bezant.identity.store import session as session_store
from bezant.identity.store.delegation import DelegationRow
from bezant.secret import Secret


class Handing(Issuing):
    """The part of the service that hands tokens to people who signed in without a page."""

    async def tokens_of(self, session: Secret[str]) -> Tokens:
        """Give a person's own program tokens for the session that has just begun."""
        client = await self._client(ROOT_REALM, PEOPLE)
        now = self._clock.now()
        async with self._database.transaction() as tx:
            hashed = token_hash(session)
            living = await session_store.living(tx, hashed, now, now - rules.SESSION_IDLE)
        if living is None:
            raise UnknownCredential
        delegation = DelegationRow(
            id=self._ids.uuid(),
            client=client.id,
            member_id=living.member_id,
            session_id=living.id,
            merchant_id=living.merchant_id,
            mode=living.mode,
            scopes=scopes.in_order((*scopes.OF_PEOPLE, scopes.OWN)),
            methods=living.methods,
            signed_in_at=living.proved_at,
            bound_to="",
            created_at=now,
            expires_at=now + self._issuer.refresh,
            revoked_at=None,
        )
        async with self._database.transaction() as tx:
            await self._delegate(tx, delegation)
        return await self._first(Request(client, {}, Asked(ROOT_REALM, ())), delegation)
