"""SQL about delegations, the codes and refresh tokens of each, and consents."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bezant.actor import Mode
from bezant.db.database import Tx
from bezant.identity.port import Role


@dataclass(frozen=True, slots=True)
class DelegationRow:
    """What somebody lets a client do."""

    id: UUID
    client: UUID
    member_id: UUID | None
    session_id: UUID | None
    merchant_id: UUID
    mode: Mode
    scopes: tuple[str, ...]
    methods: tuple[str, ...]
    signed_in_at: datetime
    bound_to: str
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class HolderRow:
    """A delegation with what decides what its tokens may do today."""

    id: UUID
    client: UUID
    client_name: str
    realm: str
    client_active: bool
    client_role: Role | None
    member_id: UUID | None
    member_role: Role | None
    merchant_id: UUID
    merchant_active: bool
    demo: bool
    mode: Mode
    scopes: tuple[str, ...]
    bound_to: str
    expires_at: datetime
    revoked_at: datetime | None
    created_at: datetime
    signed_in_at: datetime
    methods: tuple[str, ...]
    number: int
    narrowed_to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CodeRow:
    """An authorization code without its text."""

    delegation_id: UUID
    redirect_uri: str
    challenge: str
    nonce: str
    key_thumbprint: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """What a person's profile tells."""

    id: UUID
    email: str
    username: str | None
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class RecheckRow:
    """A number and the delegation to ask about again; without one, all of them."""

    number: int
    delegation_id: UUID | None


_DELEGATION = """
    SELECT
        id, client, member_id, session_id, merchant_id, mode, scopes, methods, signed_in_at,
        bound_to, created_at, expires_at, revoked_at
    FROM identity.delegation
"""


async def add(tx: Tx, row: DelegationRow) -> None:
    """Add a delegation."""
    await tx.execute(
        """
        INSERT INTO identity.delegation (
            id, client, member_id, session_id, merchant_id, mode, scopes, methods, signed_in_at,
            bound_to, created_at, expires_at
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        """,
        (
            row.id,
            row.client,
            row.member_id,
            row.session_id,
            row.merchant_id,
            row.mode.value,
            list(row.scopes),
            list(row.methods),
            row.signed_in_at,
            row.bound_to,
            row.created_at,
            row.expires_at,
        ),
    )


async def find(tx: Tx, delegation_id: UUID) -> DelegationRow | None:
    """Return a delegation."""
    return await tx.fetch_one(DelegationRow, _DELEGATION + " WHERE id = %s", (delegation_id,))


async def holder(tx: Tx, delegation_id: UUID) -> HolderRow | None:
    """Return a delegation, what it may do today, and the number as of the same instant."""
    return await tx.fetch_one(
        HolderRow,
        """
        SELECT
            d.id, d.client, c.client_id AS client_name, c.realm, c.active AS client_active,
            c.role AS client_role, d.member_id, b.role AS member_role, d.merchant_id,
            m.state = 'active' AS merchant_active, m.demo OR c.demo AS demo, d.mode, d.scopes,
            d.bound_to, d.expires_at, d.revoked_at, d.created_at, d.signed_in_at, d.methods,
            n.number, coalesce(r.grants, '{*}') AS narrowed_to
        FROM identity.delegation AS d
        JOIN identity.client AS c ON c.id = d.client
        JOIN identity.merchant AS m ON m.id = d.merchant_id
        CROSS JOIN identity.recheck_number AS n
        LEFT JOIN identity.membership AS b
            ON b.member_id = d.member_id AND b.merchant_id = d.merchant_id
        LEFT JOIN identity.custom_role AS r ON r.id = b.custom_role
        WHERE d.id = %s
        """,
        (delegation_id,),
    )


async def bind(tx: Tx, delegation_id: UUID, bound_to: str) -> None:
    """Bind a delegation's tokens to a key or certificate."""
    await tx.execute(
        "UPDATE identity.delegation SET bound_to = %s WHERE id = %s", (bound_to, delegation_id)
    )


async def revoke_of_ended(tx: Tx, realm_name: str, client_id: str, at: datetime) -> None:
    """Revoke all that was delegated to a client of this name if it works no longer."""
    await tx.execute(
        """
        UPDATE identity.delegation AS d
        SET revoked_at = %s
        FROM identity.client AS c
        WHERE
            c.realm = %s AND c.client_id = %s AND NOT c.active
            AND d.client = c.id AND d.revoked_at IS NULL
        """,
        (at, realm_name, client_id),
    )


async def revoke(tx: Tx, delegation_id: UUID, at: datetime) -> bool:
    """End a delegation and all of its tokens; False if it had ended."""
    touched = await tx.execute(
        "UPDATE identity.delegation SET revoked_at = %s WHERE id = %s AND revoked_at IS NULL",
        (at, delegation_id),
    )
    return touched == 1


async def add_code(tx: Tx, code_hash: bytes, row: CodeRow) -> None:
    """Add an authorization code."""
    await tx.execute(
        """
        INSERT INTO identity.authorization_code (
            hash, delegation_id, redirect_uri, challenge, nonce, key_thumbprint, expires_at
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s)
        """,
        (
            code_hash,
            row.delegation_id,
            row.redirect_uri,
            row.challenge,
            row.nonce,
            row.key_thumbprint,
            row.expires_at,
        ),
    )


async def spend_code(tx: Tx, code_hash: bytes, at: datetime) -> CodeRow | None:
    """Spend a code; of many who try at once, one gets it."""
    return await tx.fetch_one(
        CodeRow,
        """
        UPDATE identity.authorization_code
        SET used_at = %s
        WHERE hash = %s AND used_at IS NULL
        RETURNING delegation_id, redirect_uri, challenge, nonce, key_thumbprint, expires_at
        """,
        (at, code_hash),
    )


async def of_code(tx: Tx, code_hash: bytes) -> UUID | None:
    """Return the delegation of a code, spent or not."""
    found: UUID | None = await tx.fetch_value(
        "SELECT delegation_id FROM identity.authorization_code WHERE hash = %s", (code_hash,)
    )
    return found


async def add_refresh(tx: Tx, token_hash: bytes, delegation_id: UUID, at: datetime) -> None:
    """Add a refresh token."""
    await tx.execute(
        """
        INSERT INTO identity.refresh_token (hash, delegation_id, created_at)
        VALUES (%s, %s, %s)
        """,
        (token_hash, delegation_id, at),
    )


async def spend_refresh(tx: Tx, token_hash: bytes, at: datetime) -> bool:
    """Spend a refresh token; of many who try at once, one gets True."""
    touched = await tx.execute(
        "UPDATE identity.refresh_token SET used_at = %s WHERE hash = %s AND used_at IS NULL",
        (at, token_hash),
    )
    return touched == 1


async def of_refresh(tx: Tx, token_hash: bytes) -> DelegationRow | None:
    """Return the delegation of a refresh token, spent or not."""
    return await tx.fetch_one(
        DelegationRow,
        _DELEGATION
        + """
        WHERE id = (SELECT delegation_id FROM identity.refresh_token WHERE hash = %s)
        """,
        (token_hash,),
    )


async def is_spent(tx: Tx, token_hash: bytes) -> bool:
    """Tell whether a refresh token was used."""
    return bool(
        await tx.fetch_value(
            "SELECT used_at IS NOT NULL FROM identity.refresh_token WHERE hash = %s", (token_hash,)
        )
    )


async def profile(tx: Tx, member_id: UUID, merchant_id: UUID) -> ProfileRow | None:
    """Return what is told about a person in one tenant."""
    return await tx.fetch_one(
        ProfileRow,
        """
        SELECT m.id, m.email, m.username, m.name, b.role
        FROM identity.member AS m
        JOIN identity.membership AS b ON b.member_id = m.id
        WHERE m.id = %s AND b.merchant_id = %s
        """,
        (member_id, merchant_id),
    )


async def consented(tx: Tx, member_id: UUID, client: UUID) -> tuple[str, ...]:
    """Return what somebody has allowed a client before."""
    found: list[str] | None = await tx.fetch_value(
        "SELECT scopes FROM identity.consent WHERE member_id = %s AND client = %s",
        (member_id, client),
    )
    return tuple(found or ())


async def keep_consent(
    tx: Tx, member_id: UUID, client: UUID, scopes: tuple[str, ...], at: datetime
) -> None:
    """Remember what somebody allows a client."""
    await tx.execute(
        """
        INSERT INTO identity.consent (member_id, client, scopes, given_at)
        VALUES (%s, %s, %s, %s)
        ON CONFLICT (member_id, client) DO UPDATE SET
            scopes = excluded.scopes,
            given_at = excluded.given_at
        """,
        (member_id, client, list(scopes), at),
    )


async def rechecks(tx: Tx, after: int, limit: int) -> list[RecheckRow]:
    """Return what is to be asked about again, in the order in which it happened."""
    return await tx.fetch_all(
        RecheckRow,
        """
        SELECT number, delegation_id
        FROM identity.recheck
        WHERE number > %s
        ORDER BY number
        LIMIT %s
        """,
        (after, limit),
    )


async def number(tx: Tx) -> int:
    """Return how often there was something to ask about again."""
    found = await tx.fetch_value("SELECT number FROM identity.recheck_number")
    assert isinstance(found, int)
    return found
