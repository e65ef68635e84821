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


async def hold(tx: Tx, realm_name: str, client_id: str) -> None:
    """Let nobody else change a client of this name until the transaction ends."""
    await tx.execute(
        """
        SELECT id
        FROM identity.client
        WHERE realm = %s AND client_id = %s
        FOR NO KEY UPDATE
        """,
        (realm_name, client_id),
    )


async def was_ended(tx: Tx, realm_name: str, client_id: str) -> bool:
    """Tell whether a client of this name works no longer."""
    return bool(
        await tx.fetch_value(
            "SELECT true FROM identity.client WHERE realm = %s AND client_id = %s AND NOT active",
            (realm_name, client_id),
        )
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
        _values(row, row.realm),
    )


def _values(row: ClientRow, realm_name: str) -> tuple[object, ...]:
    return (
        row.id,
        realm_name,
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
    )


@dataclass(frozen=True, slots=True)
class InHandRow:
    """A client as its merchant keeps it."""

    id: UUID
    owner: UUID
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
    role: Role | None
    mode: Mode | None
    asks_consent: bool
    binds_tokens: bool
    active: bool
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class CountRow:
    """How many clients work, and how many there are with those that were ended."""

    working: int
    ever: int


# The platform's own row of a merchant stands for the realm that is everybody's. A client that was
# registered for no mode is one of the mode in which it gets its tokens.
_IN_HAND = """
    SELECT
        c.id, coalesce(r.merchant_id, '00000000-0000-0000-0000-000000000000') AS owner, c.realm,
        c.client_id, c.name, c.method, c.grant_types, c.redirect_uris, c.logout_uris, c.scopes,
        c.default_scopes, c.jwks, c.role, c.mode, c.asks_consent, c.binds_tokens, c.active,
        c.created_at, c.created_by
    FROM identity.client AS c
    JOIN identity.realm AS r ON r.name = c.realm
"""
_OF_OWNER = """
    coalesce(r.merchant_id, '00000000-0000-0000-0000-000000000000') = %(owner)s
    AND coalesce(c.mode, %(own_mode)s) = %(mode)s
"""


async def realm_of(tx: Tx, merchant_id: UUID) -> RealmRow | None:
    """Return a merchant's realm; of several the one it had first."""
    return await tx.fetch_one(
        RealmRow,
        _REALM + " WHERE merchant_id = %s ORDER BY created_at, name LIMIT 1",
        (merchant_id,),
    )


async def register(tx: Tx, row: ClientRow, realm_name: str, by: str) -> bool:
    """Register a client in this realm; False if its name is taken there."""
    touched = await tx.execute(
        """
        INSERT INTO identity.client (
            id, realm, client_id, name, method, grant_types, redirect_uris, logout_uris, scopes,
            default_scopes, jwks, certificates, merchant_id, role, mode, asks_consent,
            binds_tokens, must_push, demo, active, created_at, created_by
        )
        VALUES (
            %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s
        )
        ON CONFLICT DO NOTHING
        """,
        (*_values(row, realm_name), by),
    )
    return touched == 1


async def in_hand(
    tx: Tx,
    client: UUID,
    owner: UUID,
    mode: Mode,
    own_mode: Mode,
    *,
    held: bool = False,
) -> InHandRow | None:
    """Return a client of a tenant and mode; held, nobody else changes it meanwhile."""
    return await tx.fetch_one(
        InHandRow,
        f"{_IN_HAND} WHERE c.id = %(client)s AND {_OF_OWNER}"
        + (" FOR NO KEY UPDATE OF c" if held else ""),
        {"client": client, "owner": owner, "mode": mode.value, "own_mode": own_mode.value},
    )


async def page_in_hand(
    tx: Tx, owner: UUID, mode: Mode, own_mode: Mode, after: UUID | None, limit: int
) -> list[InHandRow]:
    """Return the clients of a tenant and mode, newest first."""
    return await tx.fetch_all(
        InHandRow,
        f"""
        {_IN_HAND}
        WHERE {_OF_OWNER} AND (%(after)s::uuid IS NULL OR c.id < %(after)s)
        ORDER BY c.id DESC
        LIMIT %(limit)s
        """,
        {
            "owner": owner,
            "mode": mode.value,
            "own_mode": own_mode.value,
            "after": after,
            "limit": limit,
        },
    )


async def count_in_hand(tx: Tx, owner: UUID, mode: Mode, own_mode: Mode) -> CountRow:
    """Count the clients of a tenant and mode."""
    found = await tx.fetch_one(
        CountRow,
        f"""
        SELECT count(*) FILTER (WHERE c.active) AS working, count(*) AS ever
        FROM identity.client AS c
        JOIN identity.realm AS r ON r.name = c.realm
        WHERE {_OF_OWNER}
        """,
        {"owner": owner, "mode": mode.value, "own_mode": own_mode.value},
    )
    assert found is not None
    return found


async def set_keys(tx: Tx, client: UUID, jwks: str) -> None:
    """Let a client sign with these keys from now on."""
    await tx.execute("UPDATE identity.client SET jwks = %s WHERE id = %s", (jwks, client))


async def end(tx: Tx, client: UUID) -> None:
    """Let a client work no longer."""
    await tx.execute(
        "UPDATE identity.client SET active = false WHERE id = %s AND active", (client,)
    )
