"""The bank: accounts in euro, SEPA credit transfers in and out, and its messages of ISO 20022.

There is no wire format that all banks share, so the documents are real (pain.001, pain.002,
camt.053, camt.054 of the SEPA rule books) and the little HTTP around them is ours, with errors as
the Berlin Group writes them:

    POST /payments                             pain.001 in, pain.002 out
    GET  /payments/{MsgId}                     pain.002 as it is now
    GET  /accounts, /accounts/{iban}           JSON
    GET  /accounts/{iban}/statements/{day}     camt.053
    GET  /accounts/{iban}/notifications?after= camt.054, also sent as a webhook
    POST /transfers, GET /pay                  what payers do; nobody asks who they are
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

import msgspec

from bezant.money import format_minor
from bezant.sandbox import bank_payments, bank_transfers
from bezant.sandbox.bank_account import BIC, CURRENCY, EXPONENT, Account, Entry
from bezant.sandbox.bank_booking import day_statement
from bezant.sandbox.bank_errors import XML, answer, no_such, of_failure, refused, xml
from bezant.sandbox.bank_numbers import bare, iban
from bezant.sandbox.bank_statements import notification
from bezant.sandbox.book import Page
from bezant.sandbox.emulator import Access, Call, Facts, Failure, Route, SettlementFile
from bezant.sandbox.exchange import Answer, Kept
from bezant.sandbox.schedule import Delivery, Due
from bezant.sandbox.scripts import Effect
from bezant.secret import Secret

PROVIDER: Final = "bank"
EVERYBODY: Final = Access(
    secret=Secret("bank_test_bezant"), webhook_secret=Secret("bankwh_test_bezant")
)
"""What the demo uses; no secret at all."""
MERCHANT_IBAN: Final = iban("DE", "500105170000001998")
"""The account that is there from the start."""
MERCHANT: Final = "Bezant Sandbox Merchant"
OPENING_CENTS: Final = 10_000_00
NOTIFIED_MAX: Final = 500
OWNER_CHARACTERS_MAX: Final = 70
SIGNATURE: Final = "bank-signature"
_OPEN_TO_PAYERS: Final = frozenset({"transfer", "show_transfer", "recall", "pay_page", "pay_form"})
_AMOUNT: Final = re.compile(rb"<InstdAmt[^>]*>\s*([0-9.]+)\s*<")
_DIGITS: Final = "0123456789"


class OwnerRequest(msgspec.Struct, frozen=True):
    """Who opens an account."""

    owner: str


class Bank:
    """The emulator of the bank."""

    provider = PROVIDER
    keeps_server_errors = False
    remembers = timedelta(days=30)
    retry_seconds: Sequence[int] = (60, 300, 900, 3_600, 21_600, 86_400)

    def __init__(self, access: Access | None = None) -> None:
        self._access = access or EVERYBODY

    def routes(self) -> Sequence[Route]:
        """Return what can be asked of the bank."""
        return (
            Route("POST", "/payments", "pay", bank_payments.pay),
            Route("GET", "/payments/{id}", "payment_status", bank_payments.status),
            Route("GET", "/accounts", "accounts", accounts),
            Route("POST", "/accounts", "open_account", open_account),
            Route("GET", "/accounts/{iban}", "account", account),
            Route("GET", "/accounts/{iban}/statements/{day}", "statement", statement),
            Route("GET", "/accounts/{iban}/notifications", "notifications", notifications),
            Route("POST", "/transfers", "transfer", bank_transfers.transfer),
            Route("GET", "/transfers/{id}", "show_transfer", bank_transfers.show),
            Route("POST", "/transfers/{id}/return", "recall", bank_transfers.recall),
            Route("GET", "/pay", "pay_page", bank_transfers.form),
            Route("POST", "/pay", "pay_form", bank_transfers.submit),
        )

    def prepare(self, page: Page) -> None:
        """Open the account that is there from the start."""
        self._access.prepare(page)
        if page.get(Account, MERCHANT_IBAN) is None:
            page.put(_opened(MERCHANT_IBAN, MERCHANT))

    def admit(self, call: Call, page: Page) -> Answer | None:
        """Ask for the token; payers have none."""
        del page
        if call.operation in _OPEN_TO_PAYERS:
            return None
        kind, _, token = call.header("authorization").partition(" ")
        if kind.lower() == "bearer" and self._access.secret.equals(token):
            return None
        return answer(401, "TOKEN_UNKNOWN", "this token is not known here")

    def facts(self, call: Call) -> Facts:
        """Read the request's own id, and the first amount."""
        found = _AMOUNT.search(call.body)
        amount = found[1].decode() if found else ""
        if call.operation == "transfer":
            amount = _json_amount(call.body)
        key = call.header("x-request-id") if call.operation == "pay" else ""
        return Facts(key=key, amount=amount)

    def failed(self, call: Call, failure: Failure) -> Answer:
        """Say what went wrong."""
        del call
        return of_failure(failure)

    def replayed(self, call: Call, page: Page, kept: Kept) -> Answer:
        """Return the report as it was."""
        del call, page
        return kept.answer

    def dressed(self, call: Call, answer: Answer) -> Answer:
        """Repeat the request's id, as the Berlin Group asks for."""
        return answer.having(("x-request-id", call.header("x-request-id") or call.request))

    def when_due(self, page: Page, due: Due) -> None:
        """Let time do its work on transfers."""
        match due.work:
            case "arrive":
                bank_transfers.arrive(page, due.subject)
            case "take_back":
                bank_transfers.go_back(page, due.subject)
            case "execute":
                bank_payments.execute(page, due.subject)
            case "settle":
                bank_payments.settle(page, due.subject)
            case "come_back":
                bank_payments.come_back(page, due.subject)
            case _:
                raise AssertionError(due.work)

    def signed(self, page: Page, delivery: Delivery) -> Mapping[str, str]:
        """Sign time and body with the shared secret: `t=…,v1=…`, as many providers do."""
        secret = delivery.endpoint.secret + ("?" if delivery.forged else "")
        stamp = f"{page.now.timestamp():.0f}"
        told = stamp.encode() + b"." + delivery.body
        proof = hmac.new(secret.encode(), told, hashlib.sha256).hexdigest()
        return {"content-type": XML, SIGNATURE: f"t={stamp},v1={proof}"}

    def settlement(self, page: Page, day: date) -> SettlementFile:
        """Return the statement of the account that is there from the start."""
        mine = page.get(Account, MERCHANT_IBAN)
        assert mine is not None, "opened when the bank was prepared"
        text = day_statement(page, mine, day).decode()
        return SettlementFile(f"camt.053_{mine.iban}_{day:%Y%m%d}.xml", XML, text)


def accounts(call: Call, page: Page) -> Answer:
    """List the accounts."""
    del call
    return Answer.json(200, {"accounts": [_shown(one) for one in page.find(Account)[::-1]]})


def open_account(call: Call, page: Page) -> Answer:
    """Open one more account, with nothing on it."""
    try:
        asked = msgspec.json.decode(call.body, type=OwnerRequest)
    except msgspec.DecodeError as mistake:
        raise refused(400, "FORMAT_ERROR", str(mistake)) from mistake
    if not 0 < len(asked.owner) <= OWNER_CHARACTERS_MAX:
        raise refused(400, "FORMAT_ERROR", "an account has an owner")
    number = iban("DE", "50010517" + page.new_id("", 10, _DIGITS))
    opened = Account(iban=number, owner=asked.owner)
    page.put(opened)
    return Answer.json(201, _shown(opened))


def account(call: Call, page: Page) -> Answer:
    """Show one account."""
    return Answer.json(200, _shown(_account(call, page)))


def statement(call: Call, page: Page) -> Answer:
    """Write the statement of a day that is over, or of today so far."""
    found = _account(call, page)
    try:
        on = date.fromisoformat(call.at("day"))
    except ValueError as mistake:
        raise refused(400, "FORMAT_ERROR", "a day looks like 2026-01-31") from mistake
    if on > page.now.date():
        raise no_such("statement yet")
    return xml(200, day_statement(page, found, on))


def notifications(call: Call, page: Page) -> Answer:
    """Tell what was booked after the entry the caller knows last."""
    found = _account(call, page)
    entries = page.find(Entry, parent=found.iban, newer_than=call.form.get("after"))
    if call.form.get("after") is None:
        entries = page.find(Entry, parent=found.iban)
    entries = entries[::-1][:NOTIFIED_MAX]
    if call.script is not None and call.script.effect is Effect.STALE:
        seconds = call.script.seconds
        entries = [one for one in entries if (page.now - one.booked_at).total_seconds() > seconds]
    if not entries:
        return Answer(204)
    last = ("x-last-entry", entries[-1].id)
    return xml(200, notification(found, entries, page.now)).having(last)


def _account(call: Call, page: Page) -> Account:
    found = page.get(Account, bare(call.at("iban")))
    if found is None:
        raise no_such("account")
    return found


def _opened(number: str, owner: str) -> Account:
    return Account(iban=number, owner=owner, opening=OPENING_CENTS, balance=OPENING_CENTS)


def _shown(one: Account) -> dict[str, str]:
    return {
        "iban": one.iban,
        "bic": BIC,
        "owner": one.owner,
        "currency": CURRENCY,
        "balance": format_minor(one.balance, EXPONENT),
    }


class _Amount(msgspec.Struct, frozen=True):
    amount: str = ""


def _json_amount(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Amount).amount
    except msgspec.DecodeError:
        return ""
