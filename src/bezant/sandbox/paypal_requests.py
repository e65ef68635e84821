"""Reading what is asked of PayPal: shapes of requests, and what makes one wrong."""

from collections.abc import Sequence
from typing import Final, Literal, TypeVar

import msgspec

from bezant.sandbox.emulator import Call, NotDone
from bezant.sandbox.paypal_errors import is_issue, named, refused
from bezant.sandbox.paypal_objects import Intent, Unit
from bezant.sandbox.paypal_values import Money, Sum, parse
from bezant.sandbox.scripts import Effect

UNITS_MAX: Final = 10
NAME_CHARACTERS_MAX: Final = 127
REFERENCE_CHARACTERS_MAX: Final = 256
REPRESENTATION: Final = "return=representation"
MOCK_HEADER: Final = "paypal-mock-response"

Shape = TypeVar("Shape", bound=msgspec.Struct)

_DECLINES: Final = {
    Effect.DECLINE: "INSTRUMENT_DECLINED",
    Effect.SOFT_DECLINE: "INSTRUMENT_DECLINED",
    Effect.HARD_DECLINE: "TRANSACTION_REFUSED",
}


class Breakdown(msgspec.Struct, frozen=True):
    """What an amount is made of."""

    item_total: Money | None = None
    shipping: Money | None = None
    handling: Money | None = None
    tax_total: Money | None = None
    insurance: Money | None = None
    shipping_discount: Money | None = None
    discount: Money | None = None


class Amount(msgspec.Struct, frozen=True):
    """An amount, and what it is made of."""

    currency_code: str
    value: str
    breakdown: Breakdown | None = None

    def money(self) -> Money:
        """Return the amount alone."""
        return Money(self.currency_code, self.value)


class Item(msgspec.Struct, frozen=True):
    """One thing that is bought."""

    quantity: str
    unit_amount: Money


class UnitRequest(msgspec.Struct, frozen=True):
    """One purchase unit as it is asked for."""

    amount: Amount
    reference_id: str = ""
    custom_id: str = ""
    invoice_id: str = ""
    items: tuple[Item, ...] = ()


class ExperienceContext(msgspec.Struct, frozen=True):
    """Where the payer goes from PayPal."""

    return_url: str = ""
    cancel_url: str = ""


class Vaulting(msgspec.Struct, frozen=True):
    """Whether the account is saved for later."""

    store_in_vault: Literal["ON_SUCCESS", ""] = ""


class WalletAttributes(msgspec.Struct, frozen=True):
    """What else is wished."""

    vault: Vaulting = Vaulting()


class PayPalWallet(msgspec.Struct, frozen=True):
    """Pay with a PayPal account: one the payer shows us, or one that was saved."""

    experience_context: ExperienceContext = ExperienceContext()
    attributes: WalletAttributes = WalletAttributes()
    vault_id: str = ""


class PaymentSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With what is paid; this emulator knows PayPal accounts only."""

    paypal: PayPalWallet


class OrderRequest(msgspec.Struct, frozen=True):
    """An order as it is asked for."""

    intent: Intent
    purchase_units: tuple[msgspec.Raw, ...]
    payment_source: PaymentSource | None = None
    application_context: ExperienceContext = ExperienceContext()


class CaptureRequest(msgspec.Struct, frozen=True):
    """How much of an authorization is taken."""

    amount: Money | None = None
    invoice_id: str = ""
    final_capture: bool = False
    note_to_payer: str = ""


class RefundRequest(msgspec.Struct, frozen=True):
    """How much of a capture is given back."""

    amount: Money | None = None
    invoice_id: str = ""
    custom_id: str = ""
    note_to_payer: str = ""


class ReauthorizeRequest(msgspec.Struct, frozen=True):
    """How much is set aside anew."""

    amount: Money | None = None


class _Mock(msgspec.Struct, frozen=True):
    mock_application_codes: str | tuple[str, ...] = ""


def decode(call: Call, raw: bytes, shape: type[Shape]) -> Shape:
    """Read a JSON document of this shape."""
    try:
        return msgspec.json.decode(raw or b"{}", type=shape)
    except msgspec.ValidationError as mistake:
        text = str(mistake)
        if "missing required field" in text:
            issue = "MISSING_REQUIRED_PARAMETER"
        elif "unknown field" in text:
            issue = "NOT_SUPPORTED"
        elif "Invalid enum" in text:
            issue = "INVALID_PARAMETER_VALUE"
        else:
            issue = "INVALID_PARAMETER_SYNTAX"
        place = text.partition("`$")[2].partition("`")[0].replace(".", "/")
        raise refused(call, issue, place) from mistake
    except msgspec.DecodeError as mistake:
        raise refused(call, "MALFORMED_REQUEST_JSON") from mistake


def units_of(call: Call, request: OrderRequest) -> tuple[Unit, ...]:
    """Read the purchase units, and check them one by one and together."""
    if not 1 <= len(request.purchase_units) <= UNITS_MAX:
        raise refused(call, "INVALID_PARAMETER_VALUE", "/purchase_units")
    many = len(request.purchase_units) > 1
    units = [
        _unit(call, bytes(raw), f"/purchase_units/{at}", many)
        for at, raw in enumerate(request.purchase_units)
    ]
    if len({unit.reference_id for unit in units}) < len(units):
        raise refused(call, "DUPLICATE_REFERENCE_ID", "/purchase_units")
    if len({unit.amount.currency for unit in units}) > 1:
        raise refused(call, "MULTI_CURRENCY_ORDER", "/purchase_units")
    return tuple(units)


def wants_all(call: Call) -> bool:
    """Tell whether the caller wants to see everything."""
    return REPRESENTATION in call.header("prefer").replace(" ", "")


def refuse_as_scripted(call: Call, default: str = "") -> None:
    """End the call the way a script, or the caller's own mock header, has it."""
    issue = ""
    if call.script is not None and call.script.effect in _DECLINES:
        issue = call.script.code or default or _DECLINES[call.script.effect]
    elif call.header(MOCK_HEADER):
        mock = decode(call, call.header(MOCK_HEADER).encode(), _Mock)
        codes = mock.mock_application_codes
        issue = codes if isinstance(codes, str) else next(iter(codes), "")
    if issue == "INTERNAL_SERVER_ERROR":
        raise NotDone(named(call, 500))
    if issue and not is_issue(issue):
        raise refused(call, "INVALID_PARAMETER_VALUE", MOCK_HEADER)
    if issue:
        raise refused(call, issue)


def _unit(call: Call, raw: bytes, field: str, many: bool) -> Unit:
    asked = decode(call, raw, UnitRequest)
    amount = parse(call, asked.amount.money(), f"{field}/amount")
    _check_sum(call, asked, amount, field)
    if many and not asked.reference_id:
        raise refused(call, "MISSING_REQUIRED_PARAMETER", f"{field}/reference_id")
    names = (
        ("reference_id", asked.reference_id, REFERENCE_CHARACTERS_MAX),
        ("custom_id", asked.custom_id, NAME_CHARACTERS_MAX),
        ("invoice_id", asked.invoice_id, NAME_CHARACTERS_MAX),
    )
    for name, text, longest in names:
        if len(text) > longest:
            raise refused(call, "INVALID_STRING_LENGTH", f"{field}/{name}")
    return Unit(
        reference_id=asked.reference_id or "default",
        amount=amount,
        custom_id=asked.custom_id,
        invoice_id=asked.invoice_id,
        request=raw.decode(),
    )


def _check_sum(call: Call, asked: UnitRequest, amount: Sum, field: str) -> None:
    parts = asked.amount.breakdown
    if parts is None:
        if asked.items:
            raise refused(call, "ITEM_TOTAL_REQUIRED", f"{field}/amount/breakdown/item_total")
        return
    more = (parts.item_total, parts.shipping, parts.handling, parts.tax_total, parts.insurance)
    less = (parts.shipping_discount, parts.discount)
    place = f"{field}/amount/breakdown"
    total = _total(call, more, amount, place) - _total(call, less, amount, place)
    if total != amount.minor:
        raise refused(call, "AMOUNT_MISMATCH", f"{field}/amount/value")
    if asked.items:
        if not all(item.quantity.isdecimal() for item in asked.items):
            raise refused(call, "INVALID_PARAMETER_SYNTAX", f"{field}/items")
        items = sum(
            parse(call, item.unit_amount, f"{field}/items", zero=True).minor * int(item.quantity)
            for item in asked.items
        )
        if items != _total(call, (parts.item_total,), amount, place):
            raise refused(call, "ITEM_TOTAL_MISMATCH", f"{place}/item_total")


def _total(call: Call, parts: Sequence[Money | None], amount: Sum, field: str) -> int:
    total = 0
    for part in parts:
        if part is not None:
            one = parse(call, part, field, zero=True)
            if one.currency != amount.currency:
                raise refused(call, "MULTI_CURRENCY_ORDER", field)
            total += one.minor
    return total
