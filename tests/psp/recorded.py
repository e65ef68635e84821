"""Answers as the providers' public references show them, for the payment at hand.

A shape is a fact about a provider; the texts around the facts we read are shortened.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bezant.exchange import ProviderAnswer, Sending
from bezant.money import Money
from bezant.psp.bank_messages import spelled_key
from bezant.psp.port import Charge, FollowUp

Shape = dict[str, object]


def answer(
    body: bytes | Shape, status: int = 200, headers: Mapping[str, str] | None = None
) -> ProviderAnswer:
    """Return an answer with this body."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ProviderAnswer(Sending.ANSWERED, status, tuple((headers or {}).items()), raw)


def _intent(charge: str, amount: Money, status: str, received: int, **more: object) -> Shape:
    return {
        "id": "pi_3MtwBwLkdIwHu7ix28a3tqPa",
        "object": "payment_intent",
        "amount": amount.minor,
        "amount_capturable": 0,
        "amount_received": received,
        "currency": amount.asset.code.lower(),
        "status": status,
        "metadata": {"attempt": charge},
        "latest_charge": {
            "id": "ch_1",
            "object": "charge",
            "balance_transaction": {"id": "txn_1", "fee": 88, "currency": "eur"},
        },
        "next_action": None,
        "last_payment_error": None,
        "livemode": False,
        **more,
    }


def stripe(operation: str, it: Charge | FollowUp) -> Shape:
    if isinstance(it, Charge):
        return _intent(it.attempt, it.amount, "succeeded", it.amount.minor)
    if operation == "refund":
        return {
            "id": "re_1Nispe2eZvKYlo2Cd31jOCgZ",
            "object": "refund",
            "amount": it.amount.minor,
            "currency": it.amount.asset.code.lower(),
            "payment_intent": it.reference,
            "status": "succeeded",
            "metadata": {"attempt": it.attempt},
        }
    status = "canceled" if operation == "void" else "succeeded"
    received = 0 if operation == "void" else it.amount.minor
    return _intent(it.charge_attempt, it.charged, status, received, id=it.reference)


def card(operation: str, it: Charge | FollowUp) -> Shape:
    if isinstance(it, FollowUp) and operation in {"capture", "refund"}:
        return {
            "id": "part_1",
            "key": it.attempt,
            "authorisation": it.reference,
            "amount": str(it.amount.minor),
            "asset": it.amount.asset.code,
            "status": "captured" if operation == "capture" else "succeeded",
        }
    key = it.attempt if isinstance(it, Charge) else it.charge_attempt
    amount = it.amount if isinstance(it, Charge) else it.charged
    return {
        "id": "auth_1" if isinstance(it, Charge) else it.reference,
        "key": key,
        "status": "voided" if operation == "void" else "captured",
        "amount": str(amount.minor),
        "captured": "0" if operation == "void" else str(amount.minor),
        "refunded": "0",
        "asset": amount.asset.code,
    }


def _money(amount: Money) -> Shape:
    return {"currency_code": amount.asset.code, "value": amount.decimal()}


def paypal(operation: str, it: Charge | FollowUp) -> Shape:
    if isinstance(it, Charge):
        return {
            "id": "5O190127TN364715T",
            "status": "COMPLETED",
            "purchase_units": [
                {
                    "reference_id": "default",
                    "amount": _money(it.amount),
                    "custom_id": it.attempt,
                    "payments": {"captures": [_capture(it.attempt, it.amount)]},
                }
            ],
            "links": [],
        }
    if operation == "capture":
        return _capture(it.attempt, it.amount)
    if operation == "refund":
        return {
            "id": "1JU08902781691411",
            "status": "COMPLETED",
            "amount": _money(it.amount),
            "custom_id": it.attempt,
            "invoice_id": it.attempt,
        }
    return {"id": it.part, "status": "VOIDED", "amount": _money(it.charged)}


def _capture(key: str, amount: Money) -> Shape:
    return {
        "id": "3C679366HH908993F",
        "status": "COMPLETED",
        "amount": _money(amount),
        "invoice_id": key,
        "custom_id": key,
        "final_capture": True,
        "seller_receivable_breakdown": {
            "gross_amount": _money(amount),
            "paypal_fee": {"currency_code": amount.asset.code, "value": "0.99"},
        },
    }


def coinbase(operation: str, it: Charge | FollowUp) -> Shape:
    amount = it.amount if isinstance(it, Charge) else it.charged
    paid: Shape = {
        "id": "68f7a946db0529ea9b6d3a12" if isinstance(it, Charge) else it.reference,
        "url": "https://payments.coinbase.com/payment-links/pl_01h8441j23abcd1234567890ef",
        "amount": _cents(amount),
        "currency": amount.asset.code,
        "network": "base",
        "address": "0x742d35Cc6634C0532925a3b844Bc454e4438f44e",
        "status": "DEACTIVATED" if operation == "void" else "COMPLETED",
        "metadata": {"attempt": it.attempt if isinstance(it, Charge) else it.charge_attempt},
        "settlement": {
            "totalAmount": _cents(amount),
            "feeAmount": "1.25",
            "netAmount": "1.00",
            "currency": amount.asset.code,
        },
        "expiresAt": "2026-12-31T23:59:59Z",
    }
    if operation == "refund" and isinstance(it, FollowUp):
        made: Shape = {
            "id": "69163c762331ed43dc64b7fa",
            "checkoutId": it.reference,
            "amount": _cents(it.amount),
            "currency": it.amount.asset.code,
            "status": "COMPLETED",
            "reason": f"asked [{it.attempt}]",
        }
        return {"checkout": {**paid, "refunds": [made]}, "refund": made}
    return paid


def _cents(amount: Money) -> str:
    return f"{amount.minor / 10**amount.asset.exponent:.2f}"


def commerce(operation: str, it: Charge | FollowUp) -> Shape:
    amount = it.amount if isinstance(it, Charge) else it.charged
    status = "CANCELED" if operation == "void" else "COMPLETED"
    return {
        "data": {
            "id": "f765421f-2451-5fa8-bd6e-37b3c4a8c8b3"
            if isinstance(it, Charge)
            else it.reference,
            "code": "66BEOV2A",
            "hosted_url": "https://commerce.coinbase.com/charges/66BEOV2A",
            "pricing": {"local": {"amount": amount.decimal(), "currency": amount.asset.code}},
            "timeline": [
                {"time": "2026-08-01T12:00:00Z", "status": "NEW"},
                {"time": "2026-08-01T12:05:00Z", "status": status},
            ],
            "metadata": {"attempt": it.attempt if isinstance(it, Charge) else it.charge_attempt},
        }
    }


def bank(operation: str, it: Charge | FollowUp) -> bytes:
    """Return a report (pain.002) that the transfer arrived."""
    del operation
    name = spelled_key(it.attempt)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt>
<GrpHdr><MsgId>STS-1</MsgId><CreDtTm>2026-08-01T12:00:00Z</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>{name}</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>
<GrpSts>ACSC</GrpSts></OrgnlGrpInfAndSts><OrgnlPmtInfAndSts><OrgnlPmtInfId>{name}</OrgnlPmtInfId>
<TxInfAndSts><OrgnlEndToEndId>{name}</OrgnlEndToEndId><TxSts>ACSC</TxSts></TxInfAndSts>
</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>""".encode()


@dataclass(frozen=True)
class Recorded:
    """One provider's answers, and where in them the facts stand."""

    yes: Callable[[str, Charge | FollowUp], Shape | bytes]
    steps: tuple[str, ...]
    statuses: Mapping[str, tuple[str | int, ...]]
    """The path of the status in the answer to each step."""
    amounts: Mapping[str, tuple[str | int, ...]]
    keys: Mapping[str, tuple[str | int, ...]]


RECORDED: Mapping[str, Recorded] = {
    "stripe": Recorded(
        stripe,
        ("charge", "capture", "void", "refund"),
        dict.fromkeys(("charge", "capture", "void", "refund"), ("status",)),
        dict.fromkeys(("charge", "capture", "void", "refund"), ("amount",)),
        dict.fromkeys(("charge", "capture", "void", "refund"), ("metadata", "attempt")),
    ),
    "card": Recorded(
        card,
        ("charge", "capture", "void", "refund"),
        dict.fromkeys(("charge", "capture", "void", "refund"), ("status",)),
        dict.fromkeys(("charge", "capture", "void", "refund"), ("amount",)),
        dict.fromkeys(("charge", "capture", "void", "refund"), ("key",)),
    ),
    "paypal": Recorded(
        paypal,
        ("charge", "capture", "void", "refund"),
        {
            "charge": ("purchase_units", 0, "payments", "captures", 0, "status"),
            "capture": ("status",),
            "void": ("status",),
            "refund": ("status",),
        },
        {
            "charge": ("purchase_units", 0, "payments", "captures", 0, "amount", "value"),
            "capture": ("amount", "value"),
            "void": ("amount", "value"),
            "refund": ("amount", "value"),
        },
        {"charge": ("purchase_units", 0, "custom_id")},
    ),
    "coinbase": Recorded(
        coinbase,
        ("charge", "void", "refund"),
        {"charge": ("status",), "void": ("status",), "refund": ("refund", "status")},
        {"charge": ("amount",), "void": ("amount",), "refund": ("refund", "amount")},
        {"charge": ("metadata", "attempt"), "refund": ("refund", "reason")},
    ),
    "coinbase_links": Recorded(
        coinbase,
        ("charge", "void"),
        {"charge": ("status",), "void": ("status",)},
        {"charge": ("amount",), "void": ("amount",)},
        {"charge": ("metadata", "attempt")},
    ),
    "coinbase_commerce": Recorded(
        commerce,
        ("charge", "void"),
        dict.fromkeys(("charge", "void"), ("data", "timeline", 1, "status")),
        dict.fromkeys(("charge", "void"), ("data", "pricing", "local", "amount")),
        {"charge": ("data", "metadata", "attempt")},
    ),
    "bank": Recorded(bank, ("refund",), {}, {}, {}),
}
"""Every provider that is asked over a wire."""
