"""SQL about realms and the clients registered in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bezant.actor import Mode
from bezant.db.database import Tx
from bezant.identity.openid import ClientMethod
from bezant.identity.port import Role


@dataclass(frozen=True, slots=True)
class RealmRow:
    """A realm; without a merchant it is everybody's."""

    name: str
    title: str
    merchant_id: UUID | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ClientRow:
    """A client as it is registered."""

    id: UUID
    realm: str
    client_id: str
    name: str
    method: ClientMethod
    grant_types: tuple[str, ...]
    redirect_uris: tuple[str, ...]
    logout_uris: tuple[str, ...]
    scopes: tuple[str, ...]
    default_scopes: tuple[str, ...]
    jwks: str
    certificates: tuple[str, ...]
    merchant_id: UUID | None
    role: Role | None
    mode: Mode | None
    asks_consent: bool
    binds_tokens: bool
    must_push: bool
    demo: bool
    active: bool
    created_at: datetime


_REALM = "SELECT name, title, merchant_id, created_at FROM identity.realm"
_CLIENT = """
    SELECT
        id, realm, client_id, name, method, grant_types, redirect_uris, logout_uris, scopes,
        default_scopes, jwks, certificates, merchant_id, role, mode, asks_consent, binds_tokens,
        must_push, demo, active, created_at
    FROM identity.client
"""


async def realm(tx: Tx, name: str) -> RealmRow | None:
    """Return a realm."""
    return await tx.fetch_one(RealmRow, _REALM + " WHERE name = %s", (name,))


async def realms(tx: Tx) -> list[RealmRow]:
    """Return every realm by name."""
    return await tx.fetch_all(RealmRow, _REALM + " ORDER BY name")


async def keep_realm(tx: Tx, row: RealmRow) -> None:
    """Add a realm, or give it this title and merchant."""
    await tx.execute(
        """
        INSERT INTO identity.realm (name, title, merchant_id, created_at)
        VALUES (%s, %s, %s, %s)
        ON CONFLICT (name) DO UPDATE SET
            title = excluded.title,
            merchant_id = excluded.merchant_id
        """,
        (row.name, row.title, row.merchant_id, row.created_at),
    )


async def client(tx: Tx, realm_name: str, client_id: str) -> ClientRow | None:
    """Return a client that works, by the name it has in its realm."""
    return await tx.fetch_one(
        ClientRow,
        _CLIENT + " WHERE realm = %s AND client_id = %s AND active",
        (realm_name, client_id),
    )


async def client_by_id(tx: Tx, stored: UUID) -> ClientRow | None:
    """Return a client that works."""
    return await tx.fetch_one(ClientRow, _CLIENT + " WHERE id = %s AND active", (stored,))


async def clients(tx: Tx, realm_name: str, limit: int) -> list[ClientRow]:
    """Return the clients of a realm by name."""
    return await tx.fetch_all(
        ClientRow, _CLIENT + " WHERE realm = %s ORDER BY client_id LIMIT %s", (realm_name, limit)
    )


async def turn_off(tx: Tx, realm_name: str, client_ids: Sequence[str]) -> None:
    """Let clients of a realm work no longer."""
    await tx.execute(
        """
        UPDATE identity.client
        SET active = false
        WHERE realm = %s AND client_id = ANY(%s) AND active
        """,
        (realm_name, list(client_ids)),
    )


async def keep_client(tx: Tx, row: ClientRow) -> None:
    """Register a client, or register it anew under the name it has."""
    await tx.execute(
        """
        INSERT INTO identity.client AS c (
            id, realm, client_id, name, method, grant_types, redirect_uris, logout_uris, scopes,
            default_scopes, jwks, certificates, merchant_id, role, mode, asks_consent,
            binds_tokens, must_push, demo, active, created_at
        )
        VALUES (
            %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s
        )
        ON CONFLICT (realm, client_id) DO UPDATE SET
            name = excluded.name,
            method = excluded.method,
            grant_types = excluded.grant_types,
            redirect_uris = excluded.redirect_uris,
            logout_uris = excluded.logout_uris,
            scopes = excluded.scopes,
            default_scopes = excluded.default_scopes,
            jwks = excluded.jwks,
            certificates = excluded.certificates,
            merchant_id = excluded.merchant_id,
            role = excluded.role,
            mode = excluded.mode,
            asks_consent = excluded.asks_consent,
            binds_tokens = excluded.binds_tokens,
            must_push = excluded.must_push,
            active = excluded.active
        """,
        (
            row.id,
            row.realm,
            row.client_id,
            row.name,
            row.method.value,
            list(row.grant_types),
            list(row.redirect_uris),
            list(row.logout_uris),
            list(row.scopes),
            list(row.default_scopes),
            row.jwks,
            list(row.certificates),
            row.merchant_id,
            row.role.value if row.role else None,
            row.mode.value if row.mode else None,
            row.asks_consent,
            row.binds_tokens,
            row.must_push,
            row.demo,
            row.active,
            row.created_at,
        ),
    )
