"""PaymentIntents of Stripe: create, confirm, capture, cancel, change, list and search."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bezant.sandbox import stripe_charging as charging
from bezant.sandbox import stripe_methods as methods
from bezant.sandbox.book import Page
from bezant.sandbox.emulator import Call, Route
from bezant.sandbox.exchange import Answer
from bezant.sandbox.scripts import REFUSALS, Effect
from bezant.sandbox.stripe_errors import missing, problem, refuse
from bezant.sandbox.stripe_events import tell
from bezant.sandbox.stripe_expand import told
from bezant.sandbox.stripe_render import intent as show_intent
from bezant.sandbox.stripe_render import trouble as show_trouble
from bezant.sandbox.stripe_requests import Wish, money
from bezant.sandbox.stripe_search import search
from bezant.sandbox.stripe_shapes import Charge, IntentStatus, PaymentIntent, PaymentMethod

_PLAIN: Final = (
    "amount",
    "currency",
    "customer",
    "description",
    "metadata",
    "payment_method",
    "payment_method_data",
    "payment_method_options",
    "payment_method_types",
    "receipt_email",
    "setup_future_usage",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)
_OF_CONFIRMING: Final = ("mandate", "mandate_data", "off_session", "return_url")
_OF_CREATING: Final = (
    "automatic_payment_methods",
    "capture_method",
    "confirm",
    "confirmation_method",
    "error_on_requires_action",
)
_REASONS: Final = ("duplicate", "fraudulent", "requested_by_customer", "abandoned")
_CONFIRMABLE: Final = frozenset(
    {IntentStatus.NEEDS_METHOD, IntentStatus.NEEDS_CONFIRMATION, IntentStatus.NEEDS_ACTION}
)
_CODES_OF_DEPOSITS: Final = "SM11AA"
_AMOUNTS_OF_DEPOSITS: Final = ["32", "45"]


def create(call: Call, page: Page) -> Answer:
    """Make a payment, and try to pay at once if that is wished."""
    wish = Wish(call, *_PLAIN, *_OF_CONFIRMING, *_OF_CREATING)
    amount, currency = money(wish)
    id_ = page.new_id("pi_")
    capture = wish.one_of("capture_method", ("automatic", "automatic_async", "manual"), "automatic")
    by_hand = wish.one_of("confirmation_method", ("automatic", "manual"), "automatic")
    made = PaymentIntent(
        id_,
        amount,
        currency,
        page.now,
        page.new_id(f"{id_}_secret_", 25),
        manual=capture == "manual",
        confirmed_by_hand=by_hand == "manual",
        automatic_methods=wish.yes("automatic_payment_methods[enabled]"),
    )
    made = _changed(wish, page, made)
    charging.keep(page, made)
    page.mark(made.id, call.header("idempotency-key"), *made.metadata.values())
    tell(page, "payment_intent.created", made, call)
    if wish.yes("confirm"):
        return _confirm(call, page, wish, made)
    if "return_url" in wish or "off_session" in wish:
        raise refuse("This parameter may only be set when `confirm` is `true`.")
    return told(page, wish, show_intent(page, made))


def change(call: Call, page: Page) -> Answer:
    wish = Wish(call, *_PLAIN)
    made = _known(call, page)
    if made.status not in _CONFIRMABLE and ("amount" in wish or "currency" in wish):
        raise _unexpected(page, made, "updated")
    if "amount" in wish or "currency" in wish:
        amount = wish.amount("amount") or made.amount
        currency = wish.text("currency", made.currency).lower()
        made = replace(made, amount=amount, currency=currency)
    made = _changed(wish, page, made)
    charging.keep(page, made)
    page.mark(made.id, *made.metadata.values())
    return told(page, wish, show_intent(page, made))


def _changed(wish: Wish, page: Page, old: PaymentIntent) -> PaymentIntent:
    """Return an intent with what the parameters say of it."""
    customer = wish.text("customer", old.customer)
    if customer:
        methods.customer_of(page, customer)
    method = _method(wish, page, customer)
    types = tuple(wish.many("payment_method_types")) or old.method_types
    if old.automatic_methods and "payment_method_types" not in wish:
        types = methods.TYPES if old.currency == "usd" else (methods.CARD_TYPE,)
    if unknown := [one for one in types if one not in methods.TYPES]:
        raise refuse(f"This sandbox has no {unknown[0]}.", param="payment_method_types")
    if methods.BANK_TYPE in types and old.currency != "usd":
        raise refuse(
            f"The currency provided ({old.currency}) is invalid for one or more payment method "
            "types associated with this PaymentIntent.",
            param="payment_method_types",
        )
    of_cards = "payment_method_options[card][{}]"
    multi = wish.one_of(of_cards.format("request_multicapture"), ("if_available", "never"))
    bank = "payment_method_options[us_bank_account][verification_method]"
    usages = ("off_session", "on_session")
    capture = wish.one_of(of_cards.format("capture_method"), ("manual",))
    status = old.status
    if method is not None and status is IntentStatus.NEEDS_METHOD:
        status = IntentStatus.NEEDS_CONFIRMATION
    return replace(
        old,
        status=status,
        manual=old.manual or capture == "manual",
        multicapture=multi == "if_available" or (old.multicapture and multi != "never"),
        three_d_secure=wish.one_of(
            of_cards.format("request_three_d_secure"),
            ("automatic", "any", "challenge"),
            old.three_d_secure,
        ),
        verification=wish.one_of(
            bank, ("automatic", "instant", "microdeposits", "skip"), old.verification
        ),
        method=method.id if method else old.method,
        method_types=types,
        customer=customer,
        description=wish.text("description", old.description),
        descriptor=wish.text("statement_descriptor", old.descriptor),
        descriptor_suffix=wish.text("statement_descriptor_suffix", old.descriptor_suffix),
        future_usage=wish.one_of("setup_future_usage", usages, old.future_usage),
        receipt_email=wish.text("receipt_email", old.receipt_email),
        transfer_group=wish.text("transfer_group", old.transfer_group),
        metadata=wish.metadata(old.metadata),
    )


def _method(wish: Wish, page: Page, customer: str) -> PaymentMethod | None:
    """Return the payment method that is named or described, if one is."""
    if wish.text("payment_method"):
        found = methods.known(page, wish.text("payment_method"))
        if found.customer and found.customer != customer:
            raise refuse(
                "The customer does not have a payment method with the ID "
                f"{found.id}. The payment method must be attached to the customer.",
                param="payment_method",
            )
        return found
    if "payment_method_data" in wish:
        made = methods.read(wish, page, "payment_method_data")
        page.put(made)
        return made
    return None


def confirm(call: Call, page: Page) -> Answer:
    """Try to pay."""
    wish = Wish(call, *_PLAIN[2:], *_OF_CONFIRMING, "client_secret", "capture_method")
    made = _known(call, page)
    if made.status not in _CONFIRMABLE:
        raise _unexpected(page, made, "confirmed")
    return _confirm(call, page, wish, _changed(wish, page, made))


def _confirm(call: Call, page: Page, wish: Wish, made: PaymentIntent) -> Answer:
    made = replace(
        made,
        return_url=wish.text("return_url", made.return_url),
        off_session=wish.text("off_session", "false") not in {"", "false"},
    )
    method = page.get(PaymentMethod, made.method) if made.method else None
    if method is None:
        raise refuse(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can "
            "either update the PaymentIntent with a payment method and then confirm it again, or "
            "confirm it again directly with a payment method or ConfirmationToken.",
            code="payment_intent_unexpected_state",
            more=_of(page, made),
        )
    if method.type not in made.method_types:
        raise refuse(
            f"The PaymentMethod provided ({method.type}) is not allowed for this PaymentIntent.",
            code="payment_intent_incompatible_payment_method",
            param="payment_method",
        )
    if method.used:
        raise refuse(
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer "
            "attachment, shared with a connected account without Customer attachment, or was "
            "detached from a Customer. It may not be used again.",
            code="payment_method_unexpected_state",
            param="payment_method",
        )
    if made.automatic_methods and not made.return_url and _may_redirect(wish):
        raise refuse(
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. "
            "Because some of these payment methods might redirect your customer off of your page, "
            "you must provide a `return_url`.",
            param="return_url",
        )
    if made.future_usage and made.customer and not method.customer:
        method = replace(method, customer=made.customer)
        page.put(method, parent=made.customer)
    paid = charging.confirm(page, call, made, method)
    if paid.trouble is not None:
        shown = {**show_trouble(page, paid.trouble), **_of(page, paid)}
        trouble = paid.trouble
        return problem(402, trouble.message, kind=trouble.type, code=trouble.code, more=shown)
    return told(page, wish, show_intent(page, paid))


def _may_redirect(wish: Wish) -> bool:
    return wish.text("automatic_payment_methods[allow_redirects]", "always") != "never"


def capture(call: Call, page: Page) -> Answer:
    """Take all or a part of what was authorised."""
    wish = Wish(
        call,
        "amount_to_capture",
        "final_capture",
        "metadata",
        "statement_descriptor",
        "statement_descriptor_suffix",
    )
    made = _known(call, page)
    if made.status is not IntentStatus.NEEDS_CAPTURE:
        raise _unexpected(page, made, "captured")
    amount = wish.amount("amount_to_capture")
    if amount is not None and amount > made.capturable:
        raise refuse(
            "The requested capture amount is greater than the authorized amount.",
            code="amount_too_large",
            param="amount_to_capture",
            more=_of(page, made),
        )
    final = wish.text("final_capture", "true") != "false"
    if not final and not made.multicapture:
        raise refuse(
            "This PaymentIntent does not support multicapture: `final_capture` must be true.",
            param="final_capture",
        )
    if call.script is not None and call.script.refusal:
        raise refuse(
            "The charge cannot be captured because its authorization has expired.",
            code=call.script.code or "charge_expired_for_capture",
            more=_of(page, made),
        )
    charge = page.get(Charge, made.latest_charge)
    assert charge is not None
    if call.script is not None and call.script.effect is Effect.DISPUTE:
        made = replace(made, dispute="fraudulent")
    made = replace(made, metadata=wish.metadata(made.metadata))
    taken = made.capturable if amount is None else amount
    made = charging.take(page, call, made, charge, taken, final=final)
    return told(page, wish, show_intent(page, made))


def cancel(call: Call, page: Page) -> Answer:
    """Give a payment up before the money was taken."""
    wish = Wish(call, "cancellation_reason")
    reason = wish.one_of("cancellation_reason", _REASONS)
    made = _known(call, page)
    if made.status not in {*_CONFIRMABLE, IntentStatus.NEEDS_CAPTURE}:
        raise _unexpected(page, made, "canceled")
    return told(page, wish, show_intent(page, charging.cancel(page, call, made, reason)))


def expire(page: Page, id_: str) -> None:
    """Give up an authorisation whose window is over."""
    made = page.get(PaymentIntent, id_)
    if made is not None and made.status is IntentStatus.NEEDS_CAPTURE:
        charging.cancel(page, None, made, "automatic")


def verify_deposits(call: Call, page: Page) -> Answer:
    """Take the payer's word for the test deposits; then the debit leaves."""
    wish = Wish(call, "amounts", "descriptor_code", "client_secret")
    made = _known(call, page)
    method = page.get(PaymentMethod, made.method) if made.method else None
    waits = made.status is IntentStatus.NEEDS_ACTION and method is not None and method.bank
    if not waits or method is None or method.bank is None:
        raise _unexpected(page, made, "verified")
    right = wish.text("descriptor_code") == _CODES_OF_DEPOSITS
    if not right and wish.many("amounts") != _AMOUNTS_OF_DEPOSITS:
        raise refuse(
            "The microdeposit amounts or descriptor code do not match.",
            code="payment_method_microdeposit_verification_amounts_mismatch",
        )
    method = replace(method, bank=replace(method.bank, verified=True))
    page.put(method, parent=method.customer)
    return told(page, wish, show_intent(page, charging.debit(page, call, made, method)))


def show(call: Call, page: Page) -> Answer:
    wish = Wish(call, "client_secret")
    return told(page, wish, show_intent(page, _known(call, page)))


def list_intents(call: Call, page: Page) -> Answer:
    wish = Wish(call, "customer", "created", "limit", "starting_after", "ending_before")
    found = wish.page_of(
        page,
        PaymentIntent,
        lambda one: show_intent(page, one),
        parent=wish.text("customer") or None,
        wanted=lambda one: wish.within("created", one.created),
    )
    return told(page, wish, found)


def _known(call: Call, page: Page) -> PaymentIntent:
    found = page.get(PaymentIntent, call.at("id"))
    secret = call.form.get("client_secret")
    if found is None or (secret is not None and secret != found.client_secret):
        raise missing(call.at("id"), "payment_intent", "intent")
    return found


def _of(page: Page, made: PaymentIntent) -> dict[str, object]:
    return {"payment_intent": show_intent(page, made)}


def _unexpected(page: Page, made: PaymentIntent, word: str) -> Exception:
    return refuse(
        f"This PaymentIntent could not be {word} because it has a status of {made.status}.",
        code="payment_intent_unexpected_state",
        more=_of(page, made),
    )


_NONE: Final[frozenset[Effect]] = frozenset()
_PAYING: Final = REFUSALS | {Effect.CHALLENGE, Effect.DISPUTE, Effect.RETURN}
ROUTES: Final[Sequence[Route]] = (
    Route("POST", "/v1/payment_intents", "create", create, _PAYING),
    Route("GET", "/v1/payment_intents", "list", list_intents, _NONE),
    Route("GET", "/v1/payment_intents/search", "search", search, frozenset({Effect.STALE})),
    Route("GET", "/v1/payment_intents/{id}", "retrieve", show, _NONE),
    Route("POST", "/v1/payment_intents/{id}", "update", change, _NONE),
    Route("POST", "/v1/payment_intents/{id}/confirm", "confirm", confirm, _PAYING),
    Route(
        "POST", "/v1/payment_intents/{id}/capture", "capture", capture, REFUSALS | {Effect.DISPUTE}
    ),
    Route("POST", "/v1/payment_intents/{id}/cancel", "cancel", cancel, _NONE),
    Route(
        "POST", "/v1/payment_intents/{id}/verify_microdeposits", "verify", verify_deposits, _NONE
    ),
)
