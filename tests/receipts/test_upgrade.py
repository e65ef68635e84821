"""What was erased before there was a list of it stays closed, and what is issued for it later."""

from hashlib import sha256
from pathlib import Path
from shutil import copy
from uuid import uuid4

import psycopg
from tests.harness.cluster import MODULE_PASSWORD, Cluster

from bezant.db.migrate import migrate
from bezant.db.schema import PACKAGE, ModuleSchema, Piece
from bezant.secret import Secret

PIECES = (Piece.OUTBOX, Piece.FEED, Piece.FOLLOWER)
MIGRATIONS = PACKAGE / "receipts" / "migrations"
TENANT = "mer_" + "a" * 32


def add(connection: "psycopg.Connection[tuple[object, ...]]", payment: str, *, opens: bool) -> None:
    """Add a receipt as it is stored, with or without what opens it."""
    receipt = uuid4()
    connection.execute(
        """
        INSERT INTO receipts.receipt (
            id, form, added, outcome_event, tenant, mode, about, outcome, payment, refund, asset,
            exponent, amount, provider, reference, decided_at, issued_at, signed, digest
        )
        VALUES (
            %s, 'compact', false, %s, %s, 'test', 'payment', 'succeeded', %s, '', 'EUR', 2, 1, 'x',
            'y', now(), now(), '{}', %s
        )
        """,
        (receipt, uuid4(), TENANT, payment, sha256(payment.encode()).digest()),
    )
    if opens:
        connection.execute("INSERT INTO receipts.disclosure VALUES (%s, 'x')", (receipt,))


async def test_who_was_forgotten_before_the_upgrade_stays_forgotten(
    cluster: Cluster, tmp_path: Path
) -> None:
    passwords = {"receipts": Secret(MODULE_PASSWORD)}
    with cluster.fresh() as database:
        copy(MIGRATIONS / "0001_receipts.sql", tmp_path)
        before = ModuleSchema("receipts", PIECES, tmp_path)
        await migrate(database.administrator_dsn, [before], passwords)
        with psycopg.connect(database.administrator_dsn) as connection:
            add(connection, "pay_erased", opens=False)
            add(connection, "pay_kept", opens=True)
        await migrate(database.administrator_dsn, [ModuleSchema("receipts", PIECES)], passwords)
        with psycopg.connect(database.administrator_dsn) as connection:
            rows = connection.execute("SELECT tenant, payment FROM receipts.forgotten").fetchall()
        assert rows == [(TENANT, "pay_erased")]
