"""Endpoints: made, changed, disabled, deleted; their secrets are told once and rotated."""

from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from bezant import telemetry
from bezant.actor import Mode
from bezant.db.database import Tx
from bezant.ids import read, spell
from bezant.secret import Secret
from bezant.webhooks import addresses, rules
from bezant.webhooks.desk import Desk
from bezant.webhooks.endpoint import (
    ENDPOINTS_MAX,
    SECRETS_MAX,
    ChangeEndpoint,
    CreateEndpoint,
    DeleteEndpoint,
    DisabledBecause,
    Endpoint,
    EndpointPage,
    EndpointSecret,
    EndpointsOf,
    EndpointState,
    MalformedEndpoint,
    NewSecret,
    RotateSecret,
    Scheme,
    SecretToldBefore,
    TooManyEndpoints,
    TooManySecrets,
    UnknownEndpoint,
)
from bezant.webhooks.signatures import SigningKey
from bezant.webhooks.store import delivery as delivery_store
from bezant.webhooks.store import endpoint as store
from bezant.webhooks.store.endpoint import EndpointRow, SecretRow
from bezant.webhooks.telling import PREFIX

SECRET_PREFIX: Final = "whs"  # noqa: S105 - the prefix of an id
_BEFORE_EVERYTHING: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_log = telemetry.log("webhooks")


class Endpoints(Desk):
    """The part of the service that is about endpoints."""

    async def create_endpoint(self, command: CreateEndpoint) -> NewSecret:
        """Add an endpoint; its secret is told this once."""
        addresses.target_of(command.url, live=self._live)
        schemes = rules.well_formed_signatures(command.signatures)
        now = self._clock.now()
        row = EndpointRow(
            id=read(PREFIX, command.id, "id"),
            tenant=command.tenant,
            mode=command.mode,
            url=command.url,
            description=rules.well_formed_description(command.description),
            events=rules.well_formed_filters(command.events),
            payload=command.payload,
            state=EndpointState.ENABLED,
            disabled_because=None,
            disabled_at=None,
            version=1,
            failing_since=None,
            paused_until=_BEFORE_EVERYTHING,
            created_at=now,
            created_by=command.by,
        )
        # The ids of the first secrets follow from the endpoint's, so that they need none of chance.
        made = {scheme: self._new_key(scheme) for scheme in schemes}
        secrets = [
            await self._secret_row(UUID(int=row.id.int ^ at), row.id, key, now)
            for at, key in enumerate(made.values(), 1)
        ]
        async with self._database.transaction() as tx:
            await store.lock_tenant(tx, row.tenant, row.mode)
            if await store.count(tx, row.tenant, row.mode) >= ENDPOINTS_MAX:
                raise TooManyEndpoints
            if not await store.add(tx, row):
                raise SecretToldBefore
            for secret in secrets:
                await store.add_secret(tx, secret)
            await self._telling.created(tx, row)
        _log.info("webhook_endpoint.created", by=command.by, endpoint=command.id)
        return NewSecret(_told(row, secrets, now), _shared(made.get(Scheme.HMAC)))

    async def change_endpoint(self, command: ChangeEndpoint) -> Endpoint:
        """Change an endpoint, disable it or enable it again."""
        if command.url is not None:
            addresses.target_of(command.url, live=self._live)
        if command.state is EndpointState.DELETED:
            raise MalformedEndpoint("an endpoint is deleted with DELETE", field="state")
        now = self._clock.now()
        async with self._database.transaction() as tx:
            before = await store.lock(
                tx, command.tenant, command.mode, read(PREFIX, command.endpoint)
            )
            if before is None or before.state is EndpointState.DELETED:
                raise UnknownEndpoint
            row = _changed(before, command, now)
            await store.change(tx, row)
            await self._telling.changed(tx, before, row, command.by, now)
            secrets = await store.secrets(tx, [row.id], now)
            self._due(tx)
        _log.info(
            "webhook_endpoint.changed", by=command.by, endpoint=command.endpoint, state=row.state
        )
        return _told(row, secrets, now)

    async def delete_endpoint(self, command: DeleteEndpoint) -> Endpoint:
        """Send nothing there any more; doing so again changes nothing."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            row = await store.lock(tx, command.tenant, command.mode, read(PREFIX, command.endpoint))
            if row is None:
                raise UnknownEndpoint
            if row.state is not EndpointState.DELETED:
                row = replace(
                    row, state=EndpointState.DELETED, disabled_because=None, disabled_at=None
                )
                await store.change(tx, row)
                for scheme in Scheme:
                    await store.expire_secrets(tx, row.id, scheme, now)
                await self._telling.deleted(tx, row, command.by, now)
        # In a transaction of its own: results lock deliveries before endpoints.
        async with self._database.transaction() as tx:
            given_up = await delivery_store.give_up(tx, row.id, now)
        _log.info(
            "webhook_endpoint.deleted",
            by=command.by,
            endpoint=command.endpoint,
            given_up=given_up,
        )
        return _told(row, [], now)

    async def rotate_secret(self, command: RotateSecret) -> NewSecret:
        """Make a new secret and let the old one sign as well for a while."""
        overlap = rules.well_formed_overlap(command.overlap_seconds)
        now = self._clock.now()
        endpoint = read(PREFIX, command.endpoint)
        key = self._new_key(command.scheme)
        secret = await self._secret_row(read(SECRET_PREFIX, command.id, "id"), endpoint, key, now)
        async with self._database.transaction() as tx:
            row = await self._held(tx, command.tenant, command.mode, command.endpoint)
            # First the old ones: the new one must not end with them.
            await store.expire_secrets(tx, endpoint, command.scheme, now + overlap)
            if len(await store.secrets(tx, [endpoint], now)) >= SECRETS_MAX:
                raise TooManySecrets(field="overlap_seconds")
            if not await store.add_secret(tx, secret):
                raise SecretToldBefore
            await store.change(tx, row)
            await self._telling.rotated(tx, row, command.by, now, command.overlap_seconds)
            secrets = await store.secrets(tx, [endpoint], now)
        _log.info("webhook_endpoint.rotated", by=command.by, endpoint=command.endpoint)
        told = _shared(key if command.scheme is Scheme.HMAC else None)
        return NewSecret(_told(row, secrets, now), told)

    async def endpoint(self, tenant: str, mode: Mode, endpoint: str) -> Endpoint:
        """Return one endpoint."""
        now = self._clock.now()
        async with self._database.transaction() as tx:
            row = await store.find(tx, tenant, mode, read(PREFIX, endpoint))
            if row is None:
                raise UnknownEndpoint
            return _told(row, await store.secrets(tx, [row.id], now), now)

    async def endpoints(self, query: EndpointsOf) -> EndpointPage:
        """Return a page of endpoints, newest first."""
        limit, now = rules.page_limit(query.limit), self._clock.now()
        after = read(PREFIX, query.after, "after") if query.after else None
        async with self._database.transaction() as tx:
            rows = await store.page(tx, query.tenant, query.mode, after, limit + 1)
            secrets = await store.secrets(tx, [row.id for row in rows], now)
        told = tuple(
            _told(row, [one for one in secrets if one.endpoint_id == row.id], now)
            for row in rows[:limit]
        )
        return EndpointPage(told, has_more=len(rows) > limit)

    async def _held(self, tx: Tx, tenant: str, mode: Mode, endpoint: str) -> EndpointRow:
        row = await store.lock(tx, tenant, mode, read(PREFIX, endpoint))
        if row is None or row.state is EndpointState.DELETED:
            raise UnknownEndpoint
        return row

    async def _secret_row(
        self, secret: UUID, endpoint: UUID, key: SigningKey, now: datetime
    ) -> SecretRow:
        sealed = await self._sealed(secret, key)
        return SecretRow(secret, endpoint, key.scheme, sealed, key.public_text, now, None)


def _changed(row: EndpointRow, command: ChangeEndpoint, now: datetime) -> EndpointRow:
    if command.url is not None:
        row = replace(row, url=command.url)
    if command.events:
        row = replace(row, events=rules.well_formed_filters(command.events))
    if command.description is not None:
        row = replace(row, description=rules.well_formed_description(command.description))
    if command.payload is not None:
        row = replace(row, payload=command.payload)
    match command.state:
        case EndpointState.DISABLED if row.state is EndpointState.ENABLED:
            return replace(
                row,
                state=EndpointState.DISABLED,
                disabled_because=DisabledBecause.OWNER,
                disabled_at=now,
            )
        case EndpointState.ENABLED:
            # A fresh start: what it failed before is forgotten, and what it asked for too.
            return replace(
                row,
                state=EndpointState.ENABLED,
                disabled_because=None,
                disabled_at=None,
                failing_since=None,
                paused_until=_BEFORE_EVERYTHING,
            )
        case _:
            return row


def _told(row: EndpointRow, secrets: list[SecretRow], now: datetime) -> Endpoint:
    return Endpoint(
        id=spell(PREFIX, row.id),
        tenant=row.tenant,
        mode=row.mode,
        url=row.url,
        description=row.description,
        events=row.events,
        payload=row.payload,
        state=row.state,
        disabled_because=row.disabled_because,
        disabled_at=row.disabled_at,
        failing_since=row.failing_since,
        paused_until=row.paused_until if row.paused_until > now else None,
        created_at=row.created_at,
        created_by=row.created_by,
        secrets=tuple(
            EndpointSecret(one.scheme, one.public_key, one.created_at, one.expires_at)
            for one in secrets
        ),
    )


def _shared(key: SigningKey | None) -> Secret[str] | None:
    return None if key is None else key.text
