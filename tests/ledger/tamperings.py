"""What the owner of the tables may try with triggers off, and the words that name it then."""

LATEST = "(SELECT max(transfer) FROM ledger.entry WHERE amount <> 0 AND transfer >> 40 = 1)"
TWO = f"(SELECT id FROM ledger.transfer WHERE reference = 'three legs' OR id = {LATEST})"
TAMPERINGS = {
    "edited amount": (
        f"UPDATE ledger.entry SET amount = amount * 2 WHERE transfer = {LATEST}",
        "balance is",
    ),
    "edited amount and balance": (
        f"""
        UPDATE ledger.entry SET amount = amount * 2, balance = balance + amount
        WHERE transfer = {LATEST}
        """,
        "do not give its hash",
    ),
    "edited balance": (
        f"UPDATE ledger.entry SET balance = balance + 1 WHERE transfer = {LATEST}",
        "balance is",
    ),
    "one leg edited": (
        f"UPDATE ledger.entry SET amount = amount + 1 WHERE transfer = {LATEST} AND amount > 0",
        "do not add up",
    ),
    "deleted entry": (
        f"DELETE FROM ledger.entry WHERE transfer = {LATEST} AND amount > 0",
        "missing",
    ),
    "deleted entries": (f"DELETE FROM ledger.entry WHERE transfer = {LATEST}", "missing"),
    "deleted transfer": (f"DELETE FROM ledger.transfer WHERE id = {LATEST}", "missing"),
    "edited reference": (
        "UPDATE ledger.transfer SET reference = 'x' WHERE reference IS NOT NULL",
        "hash",
    ),
    "edited metadata": (
        "UPDATE ledger.transfer SET metadata = '{}' WHERE metadata IS NOT NULL",
        "hash",
    ),
    "edited reason": ("UPDATE ledger.transfer SET reason = NULL WHERE reason IS NOT NULL", "hash"),
    "edited time": (
        "UPDATE ledger.transfer SET occurred_at = NULL WHERE occurred_at IS NOT NULL",
        "hash",
    ),
    "edited link": ("UPDATE ledger.transfer SET link = NULL WHERE link IS NOT NULL", "hash"),
    "edited request": (f"UPDATE ledger.transfer SET request = 0 WHERE id = {LATEST}", "hash"),
    "edited subject": ("UPDATE ledger.transfer SET subject = subject + 1 WHERE kind = 2", "hash"),
    "edited floor": ("UPDATE ledger.entry SET floor = -1000000 WHERE floor IS NOT NULL", "hash"),
    "thawed account": ("UPDATE ledger.entry SET state = state & 4 WHERE state & 3 = 1", "hash"),
    "edited hold amount": ("UPDATE ledger.hold SET amount = 1", "whole amount"),
    "edited hold payee": ("UPDATE ledger.hold SET payee = account", "hash"),
    "edited remaining": ("UPDATE ledger.hold_step SET remaining = remaining + 1", "whole amount"),
    "deleted step": (
        """
        DELETE FROM ledger.hold_step
        WHERE transfer = (SELECT max(transfer) FROM ledger.hold_step)
        """,
        "step of a hold is missing",
    ),
    "released hold": (
        f"UPDATE ledger.entry SET held = 0 WHERE transfer = {LATEST}",
        "without a hold",
    ),
    "edited owner": ("UPDATE ledger.account SET owner = 'c' WHERE owner = 'b'", "hash"),
    "stolen account": (
        "UPDATE ledger.account SET tenant = gen_random_uuid() WHERE owner = 'b'",
        "hash",
    ),
    "deleted account": ("DELETE FROM ledger.account WHERE owner = 'b'", "opened account"),
    "swapped rows": (
        f"""
        UPDATE ledger.entry AS e SET amount = o.amount, balance = o.balance
        FROM ledger.entry AS o
        WHERE e.account = o.account AND e.transfer <> o.transfer
            AND e.transfer IN {TWO} AND o.transfer IN {TWO}
        """,
        "",
    ),
    "swapped references": (
        f"""
        UPDATE ledger.transfer SET reference = CASE WHEN id = {LATEST} THEN 'three legs' END
        WHERE id = {LATEST} OR reference = 'three legs'
        """,
        "hash",
    ),
    "inserted entry": (
        f"""
        INSERT INTO ledger.entry
        SELECT account + 100, transfer, 0, 0, 0, NULL, 0 FROM ledger.entry
        WHERE transfer = {LATEST} LIMIT 1
        """,
        "not one of its legs",
    ),
    "inserted pair": (
        f"""
        INSERT INTO ledger.entry
        SELECT account, {LATEST} - 1, amount, balance + amount, held, floor, state
        FROM ledger.entry AS e WHERE transfer = {LATEST}
            AND NOT EXISTS (
                SELECT FROM ledger.entry AS o
                WHERE o.account = e.account AND o.transfer = {LATEST} - 1
            )
        UNION ALL
        SELECT account + 1, transfer, 0, 0, 0, NULL, 0 FROM ledger.entry WHERE transfer = {LATEST}
        """,
        "not one of its legs",
    ),
    "entry between the numbers": (
        """
        INSERT INTO ledger.entry
        SELECT account, 5, 0, 0, 0, NULL, 0 FROM ledger.entry WHERE transfer >> 40 = 1 LIMIT 1
        """,
        "no batch knows",
    ),
    "account from nowhere": (
        """
        INSERT INTO ledger.account
        SELECT id + 5000, tenant, type, owner, NULL, NULL FROM ledger.account LIMIT 1
        """,
        "no batch knows",
    ),
    "deleted batch": (
        "DELETE FROM ledger.batch WHERE book = 1 AND id = 3",
        "missing",
    ),
    "edited batch time": (
        """
        UPDATE ledger.batch SET recorded_at = recorded_at + '1 s'
        WHERE book = 1 AND id = (SELECT max(id) FROM ledger.batch WHERE book = 1)
        """,
        "hash",
    ),
    "another asset": ("UPDATE ledger.book SET asset = 'JPY' WHERE id = 1", "hash"),
    "another mode": (
        "UPDATE ledger.book SET mode = 'test', merchant_group = 'x' WHERE mode = 'live'",
        "hash",
    ),
    "another exponent": ("UPDATE ledger.book SET exponent = 0 WHERE id = 1", "hash"),
    "another group": ("UPDATE ledger.book SET merchant_group = 'x' WHERE id = 1", "hash"),
    "another opening": ("UPDATE ledger.book SET opened_at = opened_at - interval '1 s'", "hash"),
    "a book from nowhere": (
        """
        INSERT INTO ledger.account
        SELECT 77::bigint << 40, tenant, type, owner, NULL, NULL FROM ledger.account LIMIT 1
        """,
        "no batch of any",
    ),
    "deleted book": ("DELETE FROM ledger.book WHERE id = 2", "no batch of any"),
    "a balance from the future": (
        """
        INSERT INTO ledger.entry
        SELECT account, (2::bigint << 40) - 1, 0, 10 ^ 9, 0, NULL, 0 FROM ledger.entry LIMIT 1
        """,
        "no batch of any",
    ),
    "a balance from another book": (
        """
        INSERT INTO ledger.entry
        SELECT account, 99::bigint << 40, 0, 10 ^ 9, 0, NULL, 0 FROM ledger.entry LIMIT 1
        """,
        "no batch of any",
    ),
    "an id used up by nothing": (
        """
        INSERT INTO ledger.transfer (id, idem, request, one, kind)
        SELECT (99::bigint << 40) + 1, gen_random_uuid(), 0, one, 1 FROM ledger.transfer LIMIT 1
        """,
        "no batch of any",
    ),
    "a reversal by nothing": (
        f"""
        INSERT INTO ledger.transfer (id, idem, request, one, kind, subject)
        SELECT -1, gen_random_uuid(), 0, one, 2, {LATEST} FROM ledger.transfer LIMIT 1
        """,
        "no batch of any",
    ),
    "a hold from the future": (
        """
        INSERT INTO ledger.hold
        SELECT id + 5000, account, payee, amount, NULL FROM ledger.hold LIMIT 1
        """,
        "no batch of any",
    ),
    "a hold given back in the future": (
        """
        INSERT INTO ledger.hold_step
        SELECT hold, (2::bigint << 40) - 1, 0 FROM ledger.hold_step LIMIT 1
        """,
        "no batch of any",
    ),
    "moved batch time": (
        "UPDATE ledger.batch SET recorded_at = recorded_at - interval '1 s' WHERE id = 4",
        "older",
    ),
}
