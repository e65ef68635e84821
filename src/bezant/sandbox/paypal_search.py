"""The search of an account's transactions.

At PayPal a transaction may take three hours to appear; here it is there at once, unless a script
says `stale`: then nothing of the last `seconds` is known, and the answer says so.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from bezant.sandbox.book import Page
from bezant.sandbox.emulator import Call
from bezant.sandbox.exchange import Answer
from bezant.sandbox.movement import ASIDE, Movement
from bezant.sandbox.paypal_errors import refused
from bezant.sandbox.paypal_settlement import CODES, known_as
from bezant.sandbox.paypal_values import Sum, instant
from bezant.sandbox.paypal_views import PAYEE, PAYER_ID, View
from bezant.sandbox.scripts import Effect

RANGE_MAX: Final = timedelta(days=31)
PAGE_DEFAULT: Final = 100
PAGE_MAX: Final = 500


def search(call: Call, page: Page) -> Answer:
    """Return what money did between two times."""
    begin, end = _instant(call, "start_date"), _instant(call, "end_date")
    if not begin <= end <= begin + RANGE_MAX:
        raise refused(call, "INVALID_PARAMETER_VALUE", "end_date")
    size, number = _number(call, "page_size", PAGE_DEFAULT), _number(call, "page", 1)
    if size > PAGE_MAX:
        raise refused(call, "INVALID_PARAMETER_VALUE", "page_size")
    stale = call.script is not None and call.script.effect is Effect.STALE
    known_to = page.now - timedelta(seconds=call.script.seconds if call.script and stale else 0)
    wanted = call.form.get("transaction_id")
    found = [
        one
        for one in page.movements_between(begin, end + timedelta(seconds=1))
        if one.kind not in ASIDE and one.occurred_at <= known_to and wanted in {None, one.id}
    ]
    shown = found[(number - 1) * size : number * size]
    return Answer.json(
        200,
        {
            "transaction_details": [{"transaction_info": _shown(page, one)} for one in shown],
            "account_number": PAYEE["merchant_id"],
            "start_date": instant(begin),
            "end_date": instant(end),
            "last_refreshed_datetime": instant(known_to),
            "page": number,
            "total_items": len(found),
            "total_pages": -(-len(found) // size),
            "links": [],
        },
    )


def _shown(page: Page, one: Movement) -> View:
    reference, invoice, custom = known_as(page, one)
    amount = Sum(one.asset, one.amount)
    shown: View = {
        "paypal_account_id": PAYER_ID,
        "transaction_id": one.id,
        "transaction_event_code": CODES[one.kind],
        "transaction_initiation_date": instant(one.occurred_at),
        "transaction_updated_date": instant(one.occurred_at),
        "transaction_amount": amount.shown(),
        "transaction_status": "S",
    }
    if one.fee:
        shown["fee_amount"] = amount.of(-one.fee).shown()
    if reference:
        shown |= {"paypal_reference_id": reference, "paypal_reference_id_type": "TXN"}
    names = {"invoice_id": invoice, "custom_field": custom}
    return shown | {name: text for name, text in names.items() if text}


def _instant(call: Call, name: str) -> datetime:
    try:
        read = datetime.fromisoformat(call.form[name])
    except KeyError as missing:
        raise refused(call, "MISSING_REQUIRED_PARAMETER", name) from missing
    except ValueError as mistake:
        raise refused(call, "INVALID_PARAMETER_SYNTAX", name) from mistake
    if read.tzinfo is None:
        raise refused(call, "INVALID_PARAMETER_SYNTAX", name)
    return read.astimezone(UTC)


def _number(call: Call, name: str, default: int) -> int:
    said = call.form.get(name, str(default))
    if not (said.isascii() and said.isdecimal() and int(said[:9]) > 0):
        raise refused(call, "INVALID_PARAMETER_VALUE", name)
    return int(said[:9])
