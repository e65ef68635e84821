"""SQL about partners who sign: their keys, their certificates, and the authority."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from bezant.actor import Mode
from bezant.db.database import Tx
from bezant.identity.port import Role
from bezant.identity.signer import SigningAlgorithm


@dataclass(frozen=True, slots=True)
class SignerRow:
    """A partner's key."""

    id: UUID
    merchant_id: UUID
    mode: Mode
    role: Role
    name: str
    public_key: bytes
    algorithm: SigningAlgorithm
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class HolderRow:
    """A signer with what decides whether it counts today."""

    id: UUID
    merchant_id: UUID
    mode: Mode
    role: Role
    public_key: bytes
    algorithm: SigningAlgorithm
    expires_at: datetime | None
    revoked_at: datetime | None
    active: bool
    demo: bool


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """A certificate of a signer."""

    serial: Decimal
    signer_id: UUID
    issued_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class AuthorityRow:
    """The authority's certificate for one version of its key."""

    kid: str
    certificate: bytes


_SIGNER = """
    SELECT
        id, merchant_id, mode, role, name, public_key, algorithm, created_at, created_by,
        expires_at, revoked_at, last_used_at
    FROM identity.signer
"""
_CERTIFICATE = """
    SELECT serial, signer_id, issued_at, expires_at, revoked_at
    FROM identity.partner_certificate
"""


async def add(tx: Tx, row: SignerRow) -> bool:
    """Add a signer; False if its id is taken."""
    touched = await tx.execute(
        """
        INSERT INTO identity.signer (
            id, merchant_id, mode, role, name, public_key, algorithm, created_at, created_by,
            expires_at
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (id) DO NOTHING
        """,
        (
            row.id,
            row.merchant_id,
            row.mode.value,
            row.role.value,
            row.name,
            row.public_key,
            row.algorithm.value,
            row.created_at,
            row.created_by,
            row.expires_at,
        ),
    )
    return touched == 1


async def count(tx: Tx, merchant_id: UUID, mode: Mode) -> int:
    """Count a merchant's signers that were not revoked."""
    found = await tx.fetch_value(
        """
        SELECT count(*)
        FROM identity.signer
        WHERE merchant_id = %s AND mode = %s AND revoked_at IS NULL
        """,
        (merchant_id, mode.value),
    )
    assert isinstance(found, int)
    return found


async def find(
    tx: Tx, signer_id: UUID, merchant_id: UUID, mode: Mode, *, held: bool = False
) -> SignerRow | None:
    """Return one signer of a merchant; held, it is not revoked until the transaction ends."""
    return await tx.fetch_one(
        SignerRow,
        _SIGNER
        + " WHERE id = %s AND merchant_id = %s AND mode = %s"
        + (" FOR SHARE" if held else ""),
        (signer_id, merchant_id, mode.value),
    )


async def page(
    tx: Tx, merchant_id: UUID, mode: Mode, after: UUID | None, limit: int
) -> list[SignerRow]:
    """Return a merchant's signers, newest first."""
    return await tx.fetch_all(
        SignerRow,
        _SIGNER
        + """
        WHERE
            merchant_id = %(merchant)s
            AND mode = %(mode)s
            AND (%(after)s::uuid IS NULL OR id < %(after)s)
        ORDER BY id DESC
        LIMIT %(limit)s
        """,
        {"merchant": merchant_id, "mode": mode.value, "after": after, "limit": limit},
    )


async def revoke(tx: Tx, signer_id: UUID, at: datetime, by: str) -> None:
    """End a signer, and with it every certificate it has."""
    await tx.execute(
        """
        UPDATE identity.signer
        SET revoked_at = %s, revoked_by = %s
        WHERE id = %s AND revoked_at IS NULL
        """,
        (at, by, signer_id),
    )
    await tx.execute(
        """
        UPDATE identity.partner_certificate
        SET revoked_at = %s
        WHERE signer_id = %s AND revoked_at IS NULL
        """,
        (at, signer_id),
    )


async def note_uses(tx: Tx, signer_ids: Sequence[UUID], used_at: Sequence[datetime]) -> None:
    """Record when signers were used last; a later record is never replaced by an earlier one."""
    await tx.execute(
        """
        UPDATE identity.signer AS s
        SET last_used_at = u.used_at
        FROM (
            SELECT s.id, n.used_at
            FROM identity.signer AS s
            JOIN unnest(%s::uuid[], %s::timestamptz[]) AS n (id, used_at) ON n.id = s.id
            WHERE s.last_used_at IS NULL OR s.last_used_at < n.used_at
            ORDER BY s.id
            FOR NO KEY UPDATE OF s
        ) AS u
        WHERE s.id = u.id
        """,
        (list(signer_ids), list(used_at)),
    )


async def holder(tx: Tx, signer_id: UUID) -> HolderRow | None:
    """Return what decides whether a signer counts today."""
    return await tx.fetch_one(
        HolderRow,
        """
        SELECT
            s.id, s.merchant_id, s.mode, s.role, s.public_key, s.algorithm, s.expires_at,
            s.revoked_at, m.state = 'active' AS active, m.demo
        FROM identity.signer AS s
        JOIN identity.merchant AS m ON m.id = s.merchant_id
        WHERE s.id = %s
        """,
        (signer_id,),
    )


async def add_certificate(tx: Tx, row: CertificateRow) -> None:
    """Remember a certificate before anybody is given it."""
    await tx.execute(
        """
        INSERT INTO identity.partner_certificate (serial, signer_id, issued_at, expires_at)
        VALUES (%s, %s, %s, %s)
        """,
        (row.serial, row.signer_id, row.issued_at, row.expires_at),
    )


async def certificate(tx: Tx, serial: Decimal) -> CertificateRow | None:
    """Return a certificate by its serial number."""
    return await tx.fetch_one(CertificateRow, _CERTIFICATE + " WHERE serial = %s", (serial,))


async def revoke_certificate(tx: Tx, serial: Decimal, at: datetime) -> None:
    """End a certificate."""
    await tx.execute(
        """
        UPDATE identity.partner_certificate
        SET revoked_at = %s
        WHERE serial = %s AND revoked_at IS NULL
        """,
        (at, serial),
    )


async def revoked(tx: Tx, now: datetime, limit: int) -> list[CertificateRow]:
    """Return the certificates that were revoked and would still count."""
    return await tx.fetch_all(
        CertificateRow,
        _CERTIFICATE + " WHERE revoked_at IS NOT NULL AND expires_at > %s ORDER BY serial LIMIT %s",
        (now, limit),
    )


async def authorities(tx: Tx, kids: Sequence[str]) -> list[AuthorityRow]:
    """Return the authority's certificates for these versions of its key."""
    return await tx.fetch_all(
        AuthorityRow,
        "SELECT kid, certificate FROM identity.partner_authority WHERE kid = ANY(%s)",
        (list(kids),),
    )


async def keep_authority(tx: Tx, row: AuthorityRow, at: datetime) -> None:
    """Remember the authority's certificate; the first one made for a key stays."""
    await tx.execute(
        """
        INSERT INTO identity.partner_authority (kid, certificate, made_at)
        VALUES (%s, %s, %s)
        ON CONFLICT (kid) DO NOTHING
        """,
        (row.kid, row.certificate, at),
    )
