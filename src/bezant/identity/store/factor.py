"""SQL about what somebody has beside a password: passkeys, one-time codes, recovery codes."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bezant.actor import Mode
from bezant.db.database import Tx
from bezant.db.faults import ConstraintViolated


@dataclass(frozen=True, slots=True)
class PasskeyRow:
    """A passkey and its public key."""

    id: UUID
    member_id: UUID
    credential_id: bytes
    public_key: bytes
    sign_count: int
    transports: tuple[str, ...]
    synced: bool
    name: str
    created_at: datetime
    last_used_at: datetime | None
    cloned_at: datetime | None


@dataclass(frozen=True, slots=True)
class TotpRow:
    """What makes somebody's one-time codes, sealed."""

    sealed: bytes
    confirmed_at: datetime | None
    last_step: int


@dataclass(frozen=True, slots=True)
class FactorsRow:
    """What somebody has beside a password."""

    passkeys: int
    codes: bool
    recovery_left: int


@dataclass(frozen=True, slots=True)
class HalfLoginRow:
    """Whose password was right, and where they go."""

    member_id: UUID
    merchant_id: UUID
    mode: Mode


_PASSKEY = """
    SELECT
        id, member_id, credential_id, public_key, sign_count, transports, synced, name,
        created_at, last_used_at, cloned_at
    FROM identity.passkey
"""


async def factors(tx: Tx, member_id: UUID) -> FactorsRow:
    """Return what somebody has beside a password."""
    row = await tx.fetch_one(
        FactorsRow,
        """
        SELECT
            (
                SELECT count(*)
                FROM identity.passkey
                WHERE member_id = %(member)s AND cloned_at IS NULL
            ) AS passkeys,
            EXISTS (
                SELECT FROM identity.totp
                WHERE member_id = %(member)s AND confirmed_at IS NOT NULL
            ) AS codes,
            (
                SELECT count(*)
                FROM identity.recovery_code
                WHERE member_id = %(member)s AND used_at IS NULL
            ) AS recovery_left
        """,
        {"member": member_id},
    )
    assert row is not None
    return row


async def lock_member(tx: Tx, member_id: UUID) -> None:
    """Hold on to a person, so that two changes of their factors take turns."""
    await tx.execute("SELECT id FROM identity.member WHERE id = %s FOR NO KEY UPDATE", (member_id,))


async def add_passkey(tx: Tx, row: PasskeyRow) -> bool:
    """Add a passkey; False if it is registered already, to whomever."""
    try:
        await tx.execute(
            """
            INSERT INTO identity.passkey (
                id, member_id, credential_id, public_key, sign_count, transports, synced, name,
                created_at
            )
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            (
                row.id,
                row.member_id,
                row.credential_id,
                row.public_key,
                row.sign_count,
                list(row.transports),
                row.synced,
                row.name,
                row.created_at,
            ),
        )
    except ConstraintViolated as violated:
        if violated.constraint == "passkey_once":
            return False
        raise
    return True


async def passkeys(tx: Tx, member_id: UUID, limit: int) -> list[PasskeyRow]:
    """Return somebody's passkeys, the oldest first."""
    return await tx.fetch_all(
        PasskeyRow,
        _PASSKEY + " WHERE member_id = %s ORDER BY created_at, id LIMIT %s",
        (member_id, limit),
    )


async def passkey(tx: Tx, credential_id: bytes) -> PasskeyRow | None:
    """Return a passkey by what its authenticator calls it."""
    return await tx.fetch_one(PasskeyRow, _PASSKEY + " WHERE credential_id = %s", (credential_id,))


async def use_passkey(
    tx: Tx, passkey_id: UUID, sign_count: int, at: datetime, *, synced: bool
) -> bool:
    """Count a use; False if the counter did not go up though one of the two counts."""
    touched = await tx.execute(
        """
        UPDATE identity.passkey
        SET sign_count = %(count)s, synced = %(synced)s, last_used_at = %(at)s
        WHERE
            id = %(id)s
            AND cloned_at IS NULL
            AND (sign_count < %(count)s OR (sign_count = 0 AND %(count)s = 0))
        """,
        {"count": sign_count, "synced": synced, "at": at, "id": passkey_id},
    )
    return touched == 1


async def refuse_passkey(tx: Tx, passkey_id: UUID, at: datetime) -> bool:
    """Trust a passkey no longer: there may be a copy. True for the first who says so."""
    touched = await tx.execute(
        "UPDATE identity.passkey SET cloned_at = %s WHERE id = %s AND cloned_at IS NULL",
        (at, passkey_id),
    )
    return touched == 1


async def remove_passkey(tx: Tx, passkey_id: UUID, member_id: UUID) -> bool:
    """Forget one of somebody's passkeys."""
    touched = await tx.execute(
        "DELETE FROM identity.passkey WHERE id = %s AND member_id = %s", (passkey_id, member_id)
    )
    return touched == 1


async def begin_ceremony(
    tx: Tx, challenge_hash: bytes, member_id: UUID | None, expires_at: datetime
) -> None:
    """Keep a challenge until it is answered."""
    await tx.execute(
        "INSERT INTO identity.ceremony (hash, member_id, expires_at) VALUES (%s, %s, %s)",
        (challenge_hash, member_id, expires_at),
    )


async def end_ceremony(
    tx: Tx, challenge_hash: bytes, member_id: UUID | None, now: datetime
) -> bool:
    """Spend a challenge; of many who try at once, one gets True."""
    touched = await tx.execute(
        """
        UPDATE identity.ceremony
        SET used_at = %(now)s
        WHERE
            hash = %(hash)s
            AND member_id IS NOT DISTINCT FROM %(member)s::uuid
            AND used_at IS NULL
            AND expires_at > %(now)s
        """,
        {"hash": challenge_hash, "member": member_id, "now": now},
    )
    return touched == 1


async def begin_totp(tx: Tx, member_id: UUID, sealed: bytes, at: datetime) -> bool:
    """Keep what will make somebody's codes; False if they have some already."""
    touched = await tx.execute(
        """
        INSERT INTO identity.totp AS t (member_id, sealed, created_at)
        VALUES (%s, %s, %s)
        ON CONFLICT (member_id) DO UPDATE SET
            sealed = excluded.sealed, created_at = excluded.created_at
        WHERE t.confirmed_at IS NULL
        """,
        (member_id, sealed, at),
    )
    return touched == 1


async def totp(tx: Tx, member_id: UUID) -> TotpRow | None:
    """Return what makes somebody's codes."""
    return await tx.fetch_one(
        TotpRow,
        "SELECT sealed, confirmed_at, last_step FROM identity.totp WHERE member_id = %s",
        (member_id,),
    )


async def confirm_totp(tx: Tx, member_id: UUID, sealed: bytes, step: int, at: datetime) -> bool:
    """Ask for codes from now on; the first one is used."""
    touched = await tx.execute(
        """
        UPDATE identity.totp
        SET confirmed_at = %s, last_step = %s
        WHERE member_id = %s AND sealed = %s AND confirmed_at IS NULL
        """,
        (at, step, member_id, sealed),
    )
    return touched == 1


async def use_step(tx: Tx, member_id: UUID, sealed: bytes, step: int) -> bool:
    """Use the code of a step; False if it, or a later one, was used before."""
    touched = await tx.execute(
        """
        UPDATE identity.totp
        SET last_step = %(step)s
        WHERE
            member_id = %(member)s
            AND sealed = %(sealed)s
            AND confirmed_at IS NOT NULL
            AND last_step < %(step)s
        """,
        {"step": step, "member": member_id, "sealed": sealed},
    )
    return touched == 1


async def remove_totp(tx: Tx, member_id: UUID) -> bool:
    """Forget what makes somebody's codes."""
    touched = await tx.execute("DELETE FROM identity.totp WHERE member_id = %s", (member_id,))
    return touched == 1


async def replace_recovery(tx: Tx, member_id: UUID, hashes: list[bytes], at: datetime) -> None:
    """Give somebody new recovery codes; the old ones are worth nothing. Without any, none."""
    await tx.execute("DELETE FROM identity.recovery_code WHERE member_id = %s", (member_id,))
    await tx.execute(
        """
        INSERT INTO identity.recovery_code (member_id, hash, created_at)
        SELECT %s, one.hash, %s
        FROM unnest(%s::bytea[]) AS one (hash)
        """,
        (member_id, at, hashes),
    )


async def use_recovery(tx: Tx, member_id: UUID, hashed: bytes, at: datetime) -> bool:
    """Use a recovery code; of many who try at once, one gets True."""
    touched = await tx.execute(
        """
        UPDATE identity.recovery_code
        SET used_at = %s
        WHERE member_id = %s AND hash = %s AND used_at IS NULL
        """,
        (at, member_id, hashed),
    )
    return touched == 1


async def add_half_login(tx: Tx, hashed: bytes, row: HalfLoginRow, expires_at: datetime) -> None:
    """Keep a right password until its second factor comes."""
    await tx.execute(
        """
        INSERT INTO identity.half_login (hash, member_id, merchant_id, mode, expires_at)
        VALUES (%s, %s, %s, %s, %s)
        """,
        (hashed, row.member_id, row.merchant_id, row.mode.value, expires_at),
    )


async def half_login(tx: Tx, hashed: bytes, now: datetime) -> HalfLoginRow | None:
    """Return whose password was right."""
    return await tx.fetch_one(
        HalfLoginRow,
        """
        SELECT member_id, merchant_id, mode
        FROM identity.half_login
        WHERE hash = %s AND used_at IS NULL AND expires_at > %s
        """,
        (hashed, now),
    )


async def spend_half_login(tx: Tx, hashed: bytes, now: datetime) -> bool:
    """Spend a right password; of many who try at once, one gets True."""
    touched = await tx.execute(
        """
        UPDATE identity.half_login
        SET used_at = %(now)s
        WHERE hash = %(hash)s AND used_at IS NULL AND expires_at > %(now)s
        """,
        {"hash": hashed, "now": now},
    )
    return touched == 1


async def forget_half_logins(tx: Tx, member_id: UUID) -> None:
    """Let no right password count for which a second factor is still to come."""
    await tx.execute("DELETE FROM identity.half_login WHERE member_id = %s", (member_id,))
    await tx.execute(
        """
        UPDATE identity.interaction
        SET proved_member_id = NULL, proved_at = NULL
        WHERE proved_member_id = %s
        """,
        (member_id,),
    )
