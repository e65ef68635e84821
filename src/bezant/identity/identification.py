"""Whose a credential is: one question to the database, and one answer for every wrong one."""

import hmac

from bezant.actor import Actor, Caller
from bezant.identity import rules
from bezant.identity.desk import token_hash
from bezant.identity.keyring import API_KEY_HASH
from bezant.identity.port import (
    USES_MAX,
    ApiKeyUse,
    CredentialForm,
    Identified,
    Identify,
    KeyKind,
    UnknownCredential,
)
from bezant.identity.provider.bearers import Bearers
from bezant.identity.provider.jose import looks_signed
from bezant.identity.store import api_key as key_store
from bezant.identity.store import merchant as merchant_store
from bezant.identity.store import session as session_store
from bezant.identity.store import signer as signer_store
from bezant.identity.store.api_key import HolderRow
from bezant.ids import read, spell
from bezant.secret import Secret


class Identification(Bearers):
    """The part of the service that answers who is asking."""

    async def identify(self, query: Identify) -> Identified:
        """Return whose a credential is, or raise `UnknownCredential`."""
        if query.form is CredentialForm.ANY and looks_signed(query.secret.reveal()):
            return await self._token(query.secret)
        is_key = query.form is CredentialForm.API_KEY
        if query.form is CredentialForm.ANY:
            is_key = rules.looks_like_key(query.secret.reveal())
        return await (self._key(query.secret) if is_key else self._session(query.secret))

    async def generation(self) -> int:
        """Return the number of the last time rights were taken from keys."""
        async with self._database.transaction() as tx:
            return await merchant_store.generation(tx)

    async def note_uses(self, uses: tuple[ApiKeyUse, ...]) -> None:
        """Write down when keys and signers were used last, many at once."""
        for start in range(0, len(uses), USES_MAX):
            page = uses[start : start + USES_MAX]
            signers = [use for use in page if use.key.startswith("sgn_")]
            keys = [use for use in page if not use.key.startswith("sgn_")]
            async with self._database.transaction() as tx:
                await key_store.note_uses(
                    tx, [read("key", use.key) for use in keys], [use.used_at for use in keys]
                )
                await signer_store.note_uses(
                    tx, [read("sgn", use.key) for use in signers], [use.used_at for use in signers]
                )

    async def _key(self, secret: Secret[str]) -> Identified:
        text = secret.reveal()
        if not rules.key_text_fits(text):
            raise UnknownCredential
        macs = await self._keys.macs(API_KEY_HASH, text.encode())
        async with self._database.transaction() as tx:
            row = await key_store.holder(tx, [mac.value for mac in macs])
        if row is None or not any(hmac.compare_digest(row.hash, mac.value) for mac in macs):
            raise UnknownCredential
        if not self._accepted(row):
            raise UnknownCredential
        if row.hash_kid != macs[0].kid:
            # Hashed under an older key: now, while the text is at hand, it moves to the new one.
            async with self._database.transaction() as tx:
                await key_store.rehash(tx, row.id, row.hash_kid, macs[0].value, macs[0].kid)
        permissions = rules.key_permissions(
            row.kind, row.role, rules.grants_of(row.grants), rules.narrowed_to(row.narrowed_to)
        )
        actor = Actor(
            caller=Caller.KEY,
            subject=spell("key", row.id),
            tenant=rules.tenant_text(row.merchant_id),
            mode=row.mode,
            permissions=permissions,
            role="" if row.kind is KeyKind.PUBLISHABLE else row.role.value,
        )
        return Identified(actor, actor.subject, True, row.expires_at, row.generation)

    def _accepted(self, row: HolderRow) -> bool:
        now = self._clock.now()
        return (
            row.revoked_at is None
            and (row.expires_at is None or row.expires_at > now)
            and row.active
            and not (row.demo and self._live)
        )

    async def _session(self, token: Secret[str]) -> Identified:
        now = self._clock.now()
        async with self._database.transaction() as tx:
            row = await session_store.living(tx, token_hash(token), now, now - rules.SESSION_IDLE)
            if row is None or (row.demo and self._live):
                raise UnknownCredential
            if now - row.last_seen_at >= rules.SESSION_SEEN_STEP:
                await session_store.seen(tx, row.id, now)
        tenant = rules.tenant_text(row.merchant_id)
        held = rules.member_permissions(row.role, tenant, rules.narrowed_to(row.narrowed_to))
        withheld = held & rules.withheld(row.methods, row.proved_at, now, row.role, live=self._live)
        actor = Actor(
            caller=Caller.MEMBER,
            subject=spell("mem", row.member_id),
            tenant=tenant,
            mode=row.mode,
            permissions=held - withheld,
            role=row.role.value,
            withheld=withheld,
        )
        return Identified(actor, spell("ses", row.id), False, row.expires_at, generation=0)
