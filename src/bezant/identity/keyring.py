"""API keys: made, listed, rotated and revoked. A key's text exists here only while it is made."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from bezant import telemetry
from bezant.actor import Actor
from bezant.db.database import Tx
from bezant.errors import Invalid
from bezant.identity import rules
from bezant.identity.desk import Desk, page_limit
from bezant.identity.port import (
    KEYS_MAX,
    NAME_CHARACTERS_MAX,
    PAGE_MAX,
    Access,
    AlreadyShown,
    ApiKey,
    ApiKeyPage,
    CreateApiKey,
    Grant,
    KeyEnded,
    MalformedApiKey,
    MalformedName,
    NewApiKey,
    OfTenant,
    RevokeApiKey,
    RevokeApiKeys,
    RotateApiKey,
    TooManyKeys,
    UnknownApiKey,
    UnknownMerchant,
)
from bezant.identity.roles import narrowing, spelled_role
from bezant.identity.store import api_key as store
from bezant.identity.store import merchant as merchant_store
from bezant.identity.store.api_key import ApiKeyRow
from bezant.ids import read, spell
from bezant.keys.port import Mac
from bezant.secret import Secret

API_KEY_HASH: Final = "api-key-hash"
"""The logical key under which API keys are hashed."""
_log = telemetry.log("identity")


class Keyring(Desk):
    """The part of the service that is about API keys."""

    async def create_key(self, command: CreateApiKey) -> NewApiKey:
        """Make a key; its secret is told this once."""
        rules.permit(command.by, "api_keys.write", command.tenant)
        now = self._clock.now()
        rules.well_formed_key(command, now)
        name = command.name.strip()
        if len(name) > NAME_CHARACTERS_MAX or not (name.isprintable() or not name):
            raise MalformedName("a key's name has at most 200 characters", field="name")
        text = rules.new_key_text(command.kind, command.by.mode, self._chance)
        row = ApiKeyRow(
            id=read("key", command.id, "id"),
            merchant_id=rules.tenant_id(command.tenant),
            mode=command.by.mode,
            kind=command.kind,
            role=command.role,
            name=name,
            shown=rules.shown(text),
            grants=rules.spelled(command.grants),
            created_at=now,
            created_by=command.by.subject,
            expires_at=command.expires_at,
            revoked_at=None,
            last_used_at=None,
            maker_left=False,
            custom_role=None,
            narrowed_to=rules.EVERYTHING,
        )
        mac = (await self._keys.macs(API_KEY_HASH, text.encode()))[0]
        async with self._database.transaction() as tx:
            if not await merchant_store.lock(tx, row.merchant_id):
                raise UnknownMerchant
            given = await narrowing(tx, row.merchant_id, command.role, command.custom_role)
            rules.grantable(command.by, rules.handed_out(command.kind, command.role, given.grants))
            row = replace(row, custom_role=given.id)
            await self._add(tx, row, mac)
            about = {"by": row.created_by, "kind": row.kind, "role": row.role}
            await self._record_key(tx, "api_key.created", command, command.id, about)
        _tell("api_key.created", command.by, command.id)
        return NewApiKey(told(row), Secret(text))

    async def rotate_key(self, command: RotateApiKey) -> NewApiKey:
        """Make a key's successor and let both work for a while."""
        rules.permit(command.by, "api_keys.write", command.tenant)
        if not 0 <= command.overlap_seconds <= rules.OVERLAP_SECONDS_MAX:
            raise Invalid("keys overlap for at most 30 days", field="overlap_seconds")
        now = self._clock.now()
        old_id = read("key", command.key, "key")
        old = await self._find(command.by, command.tenant, command.key)
        left = rules.narrowed_to(old.narrowed_to)
        rules.grantable(command.by, rules.handed_out(old.kind, old.role, left))
        text = rules.new_key_text(old.kind, old.mode, self._chance)
        mac = (await self._keys.macs(API_KEY_HASH, text.encode()))[0]
        async with self._database.transaction() as tx:
            await merchant_store.lock(tx, old.merchant_id)  # Whoever ends many keys ends both.
            locked = await store.lock(tx, old_id, old.merchant_id, old.mode)
            if locked is None or locked.revoked_at is not None or _over(locked, now):
                raise KeyEnded
            life = locked.expires_at and locked.expires_at - locked.created_at
            row = ApiKeyRow(
                id=read("key", command.id, "id"),
                merchant_id=locked.merchant_id,
                mode=locked.mode,
                kind=locked.kind,
                role=locked.role,
                name=locked.name,
                shown=rules.shown(text),
                grants=locked.grants,
                created_at=now,
                created_by=command.by.subject,
                expires_at=now + life if life else None,
                revoked_at=None,
                last_used_at=None,
                maker_left=False,
                custom_role=locked.custom_role,
                narrowed_to=locked.narrowed_to,
            )
            await self._add(tx, row, mac)
            await store.expire(tx, old_id, now + timedelta(seconds=command.overlap_seconds))
            about = {"by": command.by.subject, "successor": command.id}
            await self._record_key(tx, "api_key.rotated", command, command.key, about)
        self._rights_taken(command.key)
        _tell("api_key.rotated", command.by, command.key)
        return NewApiKey(told(row), Secret(text))

    async def revoke_key(self, command: RevokeApiKey) -> ApiKey:
        """End a key now; ending it again changes nothing."""
        rules.permit(command.by, "api_keys.write", command.tenant)
        row = await self._find(command.by, command.tenant, command.key)
        async with self._database.transaction() as tx:
            await store.revoke(tx, row.id, command.by.subject, self._clock.now())
            revoked = await store.find(tx, row.id, row.merchant_id, row.mode)
            if row.revoked_at is None:
                about = {"by": command.by.subject}
                await self._record_key(tx, "api_key.revoked", command, command.key, about)
        self._rights_taken(command.key)
        _tell("api_key.revoked", command.by, command.key)
        assert revoked is not None
        return told(revoked)

    async def revoke_keys(self, command: RevokeApiKeys) -> int:
        """End every key that fits and return how many were ended."""
        rules.permit(command.by, "api_keys.write", command.tenant)
        wanted = _meant(command)
        tenant, mode, by = rules.tenant_id(command.tenant), command.by.mode, command.by.subject
        async with self._database.transaction() as tx:
            await merchant_store.lock(tx, tenant)  # A key that is just being made is there then.
            held = await store.lock_fitting(tx, tenant, mode, command.kind, command.role)
            fitting = [one.id for one in held if not wanted or wanted & _permissions(one)]
            ended = await store.revoke_these(tx, fitting, by, self._clock.now())
            about: dict[str, object] = {"by": by, "keys": ended}
            about |= {"kind": command.kind, "role": command.role}
            about |= {"resource": command.resource, "access": command.access}
            await self._record_key(tx, "api_keys.revoked", command, command.tenant, about)
        self._rights_taken()
        _log.info("api_keys.revoked", by=by, merchant=command.tenant, count=ended)
        return ended

    async def key(self, by: Actor, tenant: str, key: str) -> ApiKey:
        """Return one key."""
        rules.permit(by, "api_keys.read", tenant)
        return told(await self._find(by, tenant, key))

    async def keys(self, query: OfTenant) -> ApiKeyPage:
        """Return a page of keys of one's mode, newest first."""
        rules.permit(query.by, "api_keys.read", query.tenant)
        limit = page_limit(query.limit)
        after = read("key", query.after, "after") if query.after else None
        async with self._database.transaction() as tx:
            tenant = rules.tenant_id(query.tenant)
            rows = await store.page(tx, tenant, query.by.mode, after, limit + 1)
        return ApiKeyPage(tuple(told(row) for row in rows[:limit]), has_more=len(rows) > limit)

    async def left_behind(self) -> tuple[ApiKey, ...]:
        """Return keys that work though whoever made them is gone: the oldest, up to a page."""
        async with self._database.transaction() as tx:
            rows = await store.left_behind(tx, self._clock.now(), PAGE_MAX)
        return tuple(told(row) for row in rows)

    async def _find(self, by: Actor, tenant: str, key: str) -> ApiKeyRow:
        """Return a key of this tenant in the mode of whoever asks; others do not exist for them."""
        async with self._database.transaction() as tx:
            row = await store.find(tx, read("key", key), rules.tenant_id(tenant), by.mode)
        if row is None:
            raise UnknownApiKey
        return row

    async def _record_key(
        self,
        tx: Tx,
        what: str,
        command: CreateApiKey | RotateApiKey | RevokeApiKey | RevokeApiKeys,
        subject: str,
        about: Mapping[str, object],
    ) -> None:
        await self._record(tx, what, command.tenant, subject, about, command.by.mode)

    async def _add(self, tx: Tx, row: ApiKeyRow, mac: Mac) -> None:
        if not await merchant_store.lock(tx, row.merchant_id):
            raise UnknownMerchant
        if await store.living(tx, row.merchant_id, row.mode, row.created_at) >= KEYS_MAX:
            raise TooManyKeys
        if not await store.add(tx, row, mac.value, mac.kid):
            raise AlreadyShown


def told(row: ApiKeyRow) -> ApiKey:
    """Return a key as the door tells it."""
    return ApiKey(
        id=spell("key", row.id),
        tenant=rules.tenant_text(row.merchant_id),
        mode=row.mode,
        kind=row.kind,
        role=row.role,
        name=row.name,
        shown=row.shown,
        grants=rules.grants_of(row.grants),
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
        maker_left=row.maker_left,
        custom_role=spelled_role(row.custom_role),
    )


def _meant(command: RevokeApiKeys) -> frozenset[str]:
    """Return the permissions of which a key that is meant has one; none if nothing was said."""
    resource, access = command.resource, command.access
    if resource and resource not in rules.RESOURCES:
        raise MalformedApiKey("there is no resource of that name", field="resource")
    if access is not None and (not resource or access is Access.NONE):
        raise MalformedApiKey("say read or write, and of which resource", field="access")
    if not resource:
        return frozenset()
    if access is not None:
        return frozenset({f"{resource}.{access}"})
    return rules.granted([Grant(resource, Access.WRITE)])


def _permissions(row: ApiKeyRow) -> frozenset[str]:
    left = rules.narrowed_to(row.narrowed_to)
    return rules.key_permissions(row.kind, row.role, rules.grants_of(row.grants), left)


def _tell(event: str, by: Actor, key: str) -> None:
    _log.info(event, by=by.subject, subject=key)


def _over(row: ApiKeyRow, now: datetime) -> bool:
    return row.expires_at is not None and row.expires_at <= now
