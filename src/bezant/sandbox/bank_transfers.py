"""Money from payers: what their own banks send here, ordered by program or on a page."""

from datetime import timedelta
from html import escape
from typing import Final

import msgspec

from bezant.money import format_minor, parse_minor
from bezant.sandbox.bank_account import CURRENCY, EXPONENT, Account, ArrivingTransfer, Entry
from bezant.sandbox.bank_booking import receive, take_back
from bezant.sandbox.bank_errors import no_such, refused
from bezant.sandbox.bank_numbers import bare, iban, is_iban
from bezant.sandbox.bank_rules import REASONS, TEXT_CHARACTERS_MAX, Refusal, cents
from bezant.sandbox.book import Page
from bezant.sandbox.emulator import Call
from bezant.sandbox.exchange import Answer
from bezant.sandbox.pages import document
from bezant.sandbox.scripts import Effect

PAYER_IBAN: Final = iban("DE", "100100100000002026")
"""The account of the payer who says nothing else."""
PAYER: Final = "Paula Payer"
SECONDS_MAX: Final = 30 * 86_400
RECALLED: Final = "FOCR"
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"
_DECLINES: Final = frozenset({Effect.DECLINE, Effect.SOFT_DECLINE, Effect.HARD_DECLINE})


class Debtor(msgspec.Struct, frozen=True):
    """Who pays."""

    name: str = PAYER
    iban: str = PAYER_IBAN


class TransferRequest(msgspec.Struct, frozen=True):
    """What a payer orders at their own bank."""

    creditor_iban: str
    amount: str
    currency: str = CURRENCY
    debtor: Debtor = Debtor()
    reference: str = ""
    text: str = ""
    end_to_end: str = ""
    instant: bool = False
    after_seconds: int = 0
    """How long the money is on its way."""


class ReturnRequest(msgspec.Struct, frozen=True):
    """Why money goes back."""

    reason: str = RECALLED


def transfer(call: Call, page: Page) -> Answer:
    """Take a payer's transfer."""
    try:
        asked = msgspec.json.decode(call.body, type=TransferRequest)
    except msgspec.DecodeError as mistake:
        raise refused(400, "FORMAT_ERROR", str(mistake)) from mistake
    arriving = _ordered(call, page, asked)
    return Answer.json(201, _shown(page, arriving))


def show(call: Call, page: Page) -> Answer:
    """Show how far a transfer is."""
    return Answer.json(200, _shown(page, _transfer(call, page)))


def recall(call: Call, page: Page) -> Answer:
    """Take a transfer back that had arrived."""
    arrived = _transfer(call, page)
    if not arrived.entry or arrived.returned:
        raise refused(409, "STATUS_INVALID", "only what arrived and stayed can go back")
    try:
        asked = msgspec.json.decode(call.body or b"{}", type=ReturnRequest)
    except msgspec.DecodeError as mistake:
        raise refused(400, "FORMAT_ERROR", str(mistake)) from mistake
    if asked.reason not in REASONS:
        raise refused(400, "FORMAT_ERROR", "this is no reason for a return")
    take_back(page, arrived, asked.reason)
    return Answer.json(200, _shown(page, _transfer(call, page)))


def arrive(page: Page, id_: str) -> None:
    """Book a transfer that was on its way."""
    arriving = page.get(ArrivingTransfer, id_)
    assert arriving is not None, "planned when it was ordered"
    receive(page, arriving)


def go_back(page: Page, id_: str) -> None:
    """Book the return of a transfer, unless somebody was quicker."""
    arrived = page.get(ArrivingTransfer, id_)
    assert arrived is not None, "planned when it arrived"
    if not arrived.returned:
        take_back(page, arrived, arrived.return_code)


def form(call: Call, page: Page) -> Answer:
    """Show a payer the form of their own bank."""
    return _page(_form(call, page, ""))


def submit(call: Call, page: Page) -> Answer:
    """Take what a payer wrote into the form."""
    said = call.form
    asked = TransferRequest(
        creditor_iban=said.get("creditor_iban", ""),
        amount=_plain(said.get("amount", "")),
        debtor=Debtor(said.get("name") or PAYER, said.get("iban") or PAYER_IBAN),
        reference=said.get("reference", ""),
        instant=said.get("speed") == "instant",
        after_seconds=86_400 if said.get("speed") == "tomorrow" else 0,
    )
    fault = _fault(page, asked)
    if fault:
        return _page(_form(call, page, fault))
    if said.get("return_url", "").startswith(("http://", "https://")):
        _ordered(call, page, asked)
        return Answer.redirect(said["return_url"])
    arriving = _ordered(call, page, asked)
    done = "The money is there." if arriving.entry else "The money is on its way."
    paid = format_minor(arriving.minor, EXPONENT)
    told = f"<p>{paid} {CURRENCY} to {escape(arriving.creditor_iban)}</p><p>{done}</p>"
    return _page(f'<main class="card"><h1>Transfer ordered</h1>{told}</main>')


def _ordered(call: Call, page: Page, asked: TransferRequest) -> ArrivingTransfer:
    fault = _fault(page, asked)
    if fault:
        raise refused(400, "FORMAT_ERROR", fault)
    script = call.script
    if script is not None and script.effect in _DECLINES:
        raise refused(403, "PAYMENT_FAILED", "the payer's bank refuses the transfer")
    returns = script is not None and script.effect is Effect.RETURN
    arriving = ArrivingTransfer(
        id=page.new_id("TRF", 12, "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"),
        creditor_iban=bare(asked.creditor_iban),
        debtor=asked.debtor.name,
        debtor_iban=bare(asked.debtor.iban),
        minor=parse_minor(asked.amount, EXPONENT),
        reference=bare(asked.reference),
        text=asked.text,
        end_to_end=asked.end_to_end,
        instant=asked.instant,
        return_code=(script.code or RECALLED) if script and returns else "",
        return_seconds=script.seconds if script and returns else 0,
    )
    if asked.after_seconds == 0:
        return receive(page, arriving)
    page.put(arriving)
    page.later("arrive", arriving.id, timedelta(seconds=asked.after_seconds))
    return arriving


def _fault(page: Page, asked: TransferRequest) -> str:
    minor = cents(asked.amount)
    if isinstance(minor, Refusal):
        return minor.explained
    if asked.currency != CURRENCY:
        return "a SEPA transfer is in euro"
    if page.get(Account, bare(asked.creditor_iban)) is None:
        return "this bank has no such account"
    if not is_iban(bare(asked.debtor.iban)):
        return "the account number of the payer is wrong"
    if len(asked.reference + asked.text) > TEXT_CHARACTERS_MAX:
        return f"a transfer has room for {TEXT_CHARACTERS_MAX} characters"
    in_time = 0 <= asked.after_seconds <= SECONDS_MAX
    return "" if in_time else "a transfer takes 30 days at most"


def _transfer(call: Call, page: Page) -> ArrivingTransfer:
    found = page.get(ArrivingTransfer, call.at("id"))
    if found is None:
        raise no_such("transfer")
    return found


def _shown(page: Page, arriving: ArrivingTransfer) -> dict[str, str]:
    entry = page.get(Entry, arriving.entry)
    booked_at = entry.booked_at.isoformat() if entry else ""
    state = "returned" if arriving.returned else "booked" if arriving.entry else "on_its_way"
    return {
        "id": arriving.id,
        "state": state,
        "amount": format_minor(arriving.minor, EXPONENT),
        "currency": CURRENCY,
        "entry": arriving.entry,
        "booked_at": booked_at,
        "returned_entry": arriving.returned,
    }


def _plain(amount: str) -> str:
    # People in most of the euro's countries write a comma.
    return amount.strip().replace(",", ".")


def _page(body: str) -> Answer:
    return Answer.html(200, document("Bank transfer", body)).having(
        ("content-security-policy", _POLICY)
    )


def _form(call: Call, page: Page, fault: str) -> str:
    said = call.form
    accounts = page.find(Account)
    first = accounts[-1].iban if accounts else ""
    fields = (
        ("creditor_iban", "To account", said.get("creditor_iban") or first),
        ("amount", "Euro", said.get("amount", "")),
        ("reference", "Reference", said.get("reference", "")),
        ("name", "Your name", said.get("name") or PAYER),
        ("iban", "Your account", said.get("iban") or PAYER_IBAN),
    )
    inputs = "".join(
        f'<label>{words}<input name="{name}" value="{escape(value)}" size="34"></label>'
        for name, words, value in fields
    )
    speeds = (("now", "today"), ("instant", "instant"), ("tomorrow", "tomorrow"))
    choices = "".join(f'<option value="{value}">{words}</option>' for value, words in speeds)
    back = escape(said.get("return_url", ""))
    problem = f'<p class="bad">{escape(fault)}</p>' if fault else ""
    return (
        f'<main class="card"><h1>Bank transfer</h1>{problem}<form method="post" action="/pay">'
        f'{inputs}<label>Arrives<select name="speed">{choices}</select></label>'
        f'<input type="hidden" name="return_url" value="{back}"><button>Send</button></form>'
        '<p class="weak">This is the sandbox. Nobody pays anything.</p></main>'
    )
