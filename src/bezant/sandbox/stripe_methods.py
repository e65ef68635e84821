"""Payment methods and customers of Stripe.

A card number is read, understood and forgotten; what its number stands for is kept instead.
"""

from dataclasses import replace
from typing import Final

from bezant.sandbox import card_numbers
from bezant.sandbox.book import Page
from bezant.sandbox.card_numbers import Habit
from bezant.sandbox.emulator import Call, NotDone, Route
from bezant.sandbox.exchange import Answer
from bezant.sandbox.stripe_errors import CARD, missing, problem, refuse
from bezant.sandbox.stripe_expand import told
from bezant.sandbox.stripe_render import customer, method
from bezant.sandbox.stripe_requests import Wish
from bezant.sandbox.stripe_shapes import BankAccount, Customer, PaymentMethod

CARD_TYPE: Final = "card"
BANK_TYPE: Final = "us_bank_account"
TYPES: Final = (CARD_TYPE, BANK_TYPE)
# Ready-made payment methods, by the numbers they stand for; `tok_` is the same with another start.
_READY: Final = {
    "visa": "4242424242424242",
    "visa_debit": "4000056655665556",
    "mastercard": "5555555555554444",
    "mastercard_debit": "5200828282828210",
    "mastercard_prepaid": "5105105105105100",
    "amex": "378282246310005",
    "discover": "6011111111111117",
    "diners": "36227206271667",
    "jcb": "3566002020360505",
    "unionpay": "6200000000000005",
    "chargeDeclined": "4000000000000002",
    "visa_chargeDeclined": "4000000000000002",
    "visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "visa_chargeDeclinedLostCard": "4000000000009987",
    "chargeDeclinedExpiredCard": "4000000000000069",
    "chargeDeclinedIncorrectCvc": "4000000000000127",
    "chargeDeclinedProcessingError": "4000000000000119",
    "chargeCustomerFail": "4000000000000341",
    "authenticationRequired": "4000002500003155",
    "authenticationRequiredOnSetup": "4000002760003184",
    "threeDSecure2Required": "4000000000003220",
    "createDispute": "4000000000000259",
    "bypassPending": "4000000000000077",
}
READY_NUMBERS: Final = frozenset(_READY.values())
_READY_EXPIRY: Final = 4  # Years from now.
_ACCOUNTS: Final = {
    "000111111113": Habit(decline="account_closed"),
    "000111111116": Habit(decline="no_account"),
    "000222222227": Habit(decline="insufficient_funds"),
    "000333333335": Habit(decline="debit_not_authorized"),
    "000444444440": Habit(decline="invalid_currency"),
    "000555555559": Habit(dispute="debit_not_authorized"),
}
_READY_ACCOUNTS: Final = {
    "pm_usBankAccount": "000123456789",
    "pm_usBankAccount_success": "000123456789",
    "pm_usBankAccount_accountClosed": "000111111113",
    "pm_usBankAccount_noAccount": "000111111116",
    "pm_usBankAccount_insufficientFunds": "000222222227",
    "pm_usBankAccount_debitNotAuthorized": "000333333335",
    "pm_usBankAccount_invalidCurrency": "000444444440",
    "pm_usBankAccount_dispute": "000555555559",
}
ROUTING_NUMBER: Final = "110000000"
_ROOTS: Final = (CARD_TYPE, BANK_TYPE, "type", "billing_details", "metadata", "allow_redisplay")


def create(call: Call, page: Page) -> Answer:
    wish = Wish(call, *_ROOTS)
    made = read(wish, page, "")
    page.put(made)
    return told(page, wish, method(made))


def read(wish: Wish, page: Page, prefix: str) -> PaymentMethod:
    """Read a payment method from the parameters: at the top, or below `payment_method_data`."""

    def at(name: str) -> str:
        first, _, rest = name.partition("[")
        return f"{prefix}[{first}]{'[' + rest if rest else ''}" if prefix else name

    kind = wish.needed(at("type"))
    if kind not in TYPES:
        raise refuse(f"This sandbox has {' and '.join(TYPES)}.", param=at("type"))
    made = PaymentMethod(
        page.new_id("pm_"),
        kind,
        page.now,
        name=wish.text(at("billing_details[name]")),
        email=wish.text(at("billing_details[email]")),
        metadata=wish.metadata() if not prefix else {},
    )
    if kind == BANK_TYPE:
        if not made.name:
            raise refuse(
                "Missing required param: billing_details[name].",
                code="parameter_missing",
                param=at("billing_details[name]"),
            )
        return replace(made, bank=_account(wish, page, at("us_bank_account[{}]")))
    token = wish.text(at("card[token]"))
    if token:
        if token.removeprefix("tok_") not in _READY:
            raise missing(token, "token", at("card[token]"))
        return replace(made, card=_ready(page, token.removeprefix("tok_")))
    return replace(made, card=_card(wish, page, at("card[{}]")))


def _card(wish: Wish, page: Page, at: str) -> card_numbers.Card:
    digits = wish.needed(at.format("number")).replace(" ", "").replace("-", "")
    month, year = wish.whole(at.format("exp_month")), wish.whole(at.format("exp_year"))
    code = wish.text(at.format("cvc"))
    if not card_numbers.is_number(digits):
        raise _wrong("Your card number is incorrect.", "incorrect_number", at.format("number"))
    if month is None or not 1 <= month <= 12:
        message = "Your card's expiration month is invalid."
        raise _wrong(message, "invalid_expiry_month", at.format("exp_month"))
    year = (year or 0) + (2_000 if (year or 0) < 100 else 0)
    today = page.now.date()
    if card_numbers.is_over(month, year, today) or year > today.year + 50:
        message = "Your card's expiration year is invalid."
        raise _wrong(message, "invalid_expiry_year", at.format("exp_year"))
    if code and not (code.isascii() and code.isdecimal() and 3 <= len(code) <= 4):
        raise _wrong("Your card's security code is invalid.", "invalid_cvc", at.format("cvc"))
    return card_numbers.read(digits, month, year, page.print_of)


def _wrong(message: str, code: str, param: str) -> NotDone:
    return NotDone(problem(402, message, kind=CARD, code=code, param=param))


def _ready(page: Page, name: str) -> card_numbers.Card:
    return card_numbers.read(_READY[name], 12, page.now.year + _READY_EXPIRY, page.print_of)


def _account(wish: Wish, page: Page, at: str) -> BankAccount:
    number, routing = (
        wish.needed(at.format("account_number")),
        wish.needed(at.format("routing_number")),
    )
    holder = wish.one_of(at.format("account_holder_type"), ("individual", "company"), "individual")
    kind = wish.one_of(at.format("account_type"), ("checking", "savings"), "checking")
    if not (number.isascii() and number.isdecimal() and 4 <= len(number) <= 17):
        raise refuse(
            "The account number is invalid.",
            code="account_number_invalid",
            param=at.format("account_number"),
        )
    if not (routing.isascii() and routing.isdecimal() and len(routing) == 9):
        raise refuse(
            "The routing number must have 9 digits.",
            code="routing_number_invalid",
            param=at.format("routing_number"),
        )
    return _bank(page, number, routing, holder, kind)


def _bank(
    page: Page, number: str, routing: str, holder: str = "individual", kind: str = "checking"
) -> BankAccount:
    print_ = page.print_of(f"{routing} {number}".encode())[:16]
    habit = _ACCOUNTS.get(number, Habit())
    return BankAccount(number[-4:], routing, "STRIPE TEST BANK", holder, kind, print_, habit)


def known(page: Page, id_: str, param: str = "payment_method") -> PaymentMethod:
    """Return a payment method; a ready-made one is made when it is named."""
    found = page.get(PaymentMethod, id_)
    if found is not None:
        return found
    made = PaymentMethod(page.new_id("pm_"), CARD_TYPE, page.now, name="Jenny Rosen")
    if id_.removeprefix("pm_card_") in _READY:
        made = replace(made, card=_ready(page, id_.removeprefix("pm_card_")))
    elif id_ in _READY_ACCOUNTS:
        bank = replace(_bank(page, _READY_ACCOUNTS[id_], ROUTING_NUMBER), verified=True)
        made = replace(made, type=BANK_TYPE, bank=bank)
    else:
        raise missing(id_, "PaymentMethod", param)
    page.put(made)
    return made


def show(call: Call, page: Page) -> Answer:
    return told(page, Wish(call), method(known(page, call.at("id"))))


def attach(call: Call, page: Page) -> Answer:
    """Let a customer own a payment method, so that it pays more than once."""
    wish = Wish(call, "customer")
    made = known(page, call.at("id"))
    owner = customer_of(page, wish.needed("customer"))
    if made.customer not in {"", owner.id}:
        raise refuse("The payment method you provided has already been attached to a customer.")
    if made.used:
        raise refuse(
            "This PaymentMethod was previously used without being attached to a Customer or was "
            "detached from a Customer, and may not be used again."
        )
    made = replace(made, customer=owner.id)
    page.put(made, parent=owner.id)
    return told(page, wish, method(made))


def detach(call: Call, page: Page) -> Answer:
    made = known(page, call.at("id"))
    if not made.customer:
        raise refuse("The payment method you provided is not attached to a customer.")
    made = replace(made, customer="", used=True)
    page.put(made)
    return told(page, Wish(call), method(made))


def list_methods(call: Call, page: Page) -> Answer:
    wish = Wish(call, "customer", "type", "limit", "starting_after", "ending_before")
    kind = wish.text("type")
    owner = call.parameters.get("id", "") if call.parameters else ""
    found = wish.page_of(
        page,
        PaymentMethod,
        method,
        parent=owner or wish.needed("customer"),
        wanted=lambda one: not kind or one.type == kind,
    )
    return told(page, wish, found)


def create_customer(call: Call, page: Page) -> Answer:
    wish = Wish(call, "name", "email", "phone", "description", "metadata", "payment_method")
    made = Customer(
        page.new_id("cus_", 14),
        page.now,
        wish.text("name"),
        wish.text("email"),
        wish.text("phone"),
        wish.text("description"),
        wish.metadata(),
    )
    page.put(made)
    if wish.text("payment_method"):
        owned = replace(known(page, wish.text("payment_method")), customer=made.id)
        page.put(owned, parent=made.id)
    return told(page, wish, customer(made))


def show_customer(call: Call, page: Page) -> Answer:
    found = page.get(Customer, call.at("id"))
    if found is None:
        raise missing(call.at("id"), "customer")
    return told(page, Wish(call), customer(found))


def delete_customer(call: Call, page: Page) -> Answer:
    gone = replace(customer_of(page, call.at("id")), deleted=True)
    page.put(gone)
    for owned in page.find(PaymentMethod, parent=gone.id):
        page.put(replace(owned, customer="", used=True))
    return Answer.json(200, customer(gone))


def customer_of(page: Page, id_: str) -> Customer:
    """Return a customer who is still there."""
    found = page.get(Customer, id_)
    if found is None or found.deleted:
        raise missing(id_, "customer", "customer")
    return found


ROUTES: Final = (
    Route("POST", "/v1/payment_methods", "create_method", create, frozenset()),
    Route("GET", "/v1/payment_methods", "list", list_methods, frozenset()),
    Route("GET", "/v1/payment_methods/{id}", "retrieve", show, frozenset()),
    Route("POST", "/v1/payment_methods/{id}/attach", "attach", attach, frozenset()),
    Route("POST", "/v1/payment_methods/{id}/detach", "detach", detach, frozenset()),
    Route("POST", "/v1/customers", "create_customer", create_customer, frozenset()),
    Route("GET", "/v1/customers/{id}", "retrieve", show_customer, frozenset()),
    Route("DELETE", "/v1/customers/{id}", "delete", delete_customer, frozenset()),
    Route("GET", "/v1/customers/{id}/payment_methods", "list", list_methods, frozenset()),
)
