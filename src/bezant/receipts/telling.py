"""Receipts as they are signed, as the feed tells them, and as the door does."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from bezant.actor import PLATFORM, Mode
from bezant.events import Event
from bezant.ids import Ids, spell
from bezant.money import Money, asset_of
from bezant.receipts import rules
from bezant.receipts.links import PREFIX
from bezant.receipts.receipt import Form, Receipt
from bezant.receipts.store.receipt import ReceiptRow
from bezant_verify import receipt as verifier

ISSUED: Final = "receipt.issued"


def claims_of(
    issuer: Mapping[str, str],
    receipt: str,
    mode: Mode,
    at: datetime,
    disclosures: Sequence[str],
) -> dict[str, object]:
    """Return what is signed: who issued it, and hashes of what it says."""
    return {
        **issuer,
        "v": verifier.VERSION,
        "id": receipt,
        "mode": mode.value,
        "issued": at.isoformat(),
        "_sd": rules.hashed(disclosures),
        "_sd_alg": "sha-256",
    }


def issued(ids: Ids, row: ReceiptRow) -> Event:
    """Return the event that the log commits to.

    Its opening goes with every receipt file, so it names no merchant: who is shown an amount and a
    date alone must not learn one from beside it. It belongs to the platform.
    """
    return Event(
        id=ids.new("evt"),
        type=ISSUED,
        version=1,
        mode=row.mode,
        tenant=PLATFORM,
        subject=spell(PREFIX, row.id),
        occurred_at=row.issued_at,
        data={"object": "receipt", "form": row.form.value, "receipt": row.digest.hex()},
    )


def told(rows: Sequence[ReceiptRow], *, code: str, erased: bool) -> Receipt:
    """Return a receipt as the door tells it, from the rows of its forms, the first one first."""
    first, newest = rows[0], rows[-1]
    return Receipt(
        id=spell(PREFIX, first.id),
        mode=first.mode,
        about=first.about,
        outcome=first.outcome,
        payment=first.payment,
        refund=first.refund,
        amount=Money(int(first.amount), asset_of(first.asset)),
        provider=first.provider,
        reference=first.reference,
        decided_at=first.decided_at,
        issued_at=first.issued_at,
        forms=tuple(Form(row.form) for row in rows),
        digest=newest.digest.hex(),
        erased=erased,
        code=code,
    )
