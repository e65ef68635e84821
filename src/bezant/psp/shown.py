"""What of an exchange with a provider may be shown to people: what is on a list, and nothing else.

The list names fields of each provider's documents. What is not on it is only counted, and what is
inside of it not even looked at. A value on it that does not look like an id, a code, an amount or a
moment is a dot: no text for people, no name, address, e-mail or link has that form. Card data and
our credentials are in no request that is shown here: the vault and the transport put them in
afterwards.
"""

import re
from collections.abc import Mapping
from typing import Final, cast
from urllib.parse import parse_qsl

import msgspec

from bezant.exchange import Encoding, ProviderAnswer, ProviderRequest
from bezant.psp import iso20022
from bezant.psp.document import NotReadable, read_json
from bezant.telemetry.scrub import passes_luhn

MASK: Final = "•"
BYTES_MAX: Final = 8_192
ITEMS_MAX: Final = 20  # Of a list; what matters of an exchange about one payment stands before.
DEPTH_MAX: Final = 12
WHOLE_MAX: Final = 2**53  # Whoever reads it with floats reads more as something else.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:+-]{0,100}", re.ASCII)
_DIGITS: Final = re.compile(r"(?<!\d)\d{13,19}(?!\d)")
_SECRET: Final = re.compile(r"(?i)secret|(?:\b|_)(?:sk|rk|whsec|bzs|bzi)_|eyJ")
_WORD: Final = re.compile(r"[a-z][a-z_-]{0,39}|v\d{1,2}", re.ASCII)
_IN_BRACKETS: Final = re.compile(r"[^\[\]]+")

_OURS: Final = frozenset({"attempt", "payment", "metadata"})
_SHOWN: Final[Mapping[str, frozenset[str]]] = {
    "stripe": _OURS
    | {"id", "object", "amount", "amount_capturable", "amount_received", "amount_refunded"}
    | {"amount_to_capture", "balance_transaction", "cancellation_reason", "capture_method"}
    | {"captured", "charge", "code", "confirm", "created", "currency", "data", "decline_code"}
    | {"error", "failure_code", "failure_reason", "fee", "final_capture", "has_more"}
    | {"last_payment_error", "latest_charge", "limit", "livemode", "net", "network_status"}
    | {"next_action", "outcome", "paid", "param", "payment_intent", "payment_method_data"}
    | {"reason", "refunded", "risk_level", "status", "type"},
    "paypal": frozenset({"amount", "authorizations", "captures", "code", "create_time"})
    | {"currency_code", "custom_id", "debug_id", "details", "final_capture", "id", "intent"}
    | {"invoice_id", "issue", "payments", "processor_response", "purchase_units", "avs_code"}
    | {"cvv_code", "reason", "refunds", "response_code", "gross_amount", "net_amount"}
    | {"paypal_fee", "seller_receivable_breakdown", "status", "status_details", "total_items"}
    | {"total_pages", "transaction_amount", "transaction_details", "transaction_id"}
    | {"transaction_info", "transaction_status", "update_time", "value"},
    "card": frozenset({"amount", "asset", "authorisation", "capture", "captured", "challenge"})
    | {"code", "created_at", "decline_code", "error", "final", "id", "key", "object", "payment"}
    | {"reason", "reference", "refunded", "refunds", "status", "type"},
    "coinbase": _OURS
    | {"amount", "completedAt", "createdAt", "currency", "errorType", "expiresAt", "feeAmount"}
    | {"id", "network", "refunds", "settlement", "status", "totalAmount", "updatedAt"},
    "coinbase_commerce": _OURS
    | {"amount", "code", "confirmed_at", "context", "created_at", "currency", "data", "error"}
    | {"expires_at", "id", "local", "local_price", "network", "payments", "pricing"}
    | {"pricing_type", "status", "time", "timeline", "type", "value"},
    "bank": frozenset({"Document", "CstmrCdtTrfInitn", "GrpHdr", "MsgId", "CreDtTm", "NbOfTxs"})
    | {"CtrlSum", "PmtInf", "PmtInfId", "PmtMtd", "CdtTrfTxInf", "PmtId", "EndToEndId", "Amt"}
    | {"InstdAmt", "ReqdExctnDt", "Dt", "ChrgBr", "CstmrPmtStsRpt", "OrgnlGrpInfAndSts"}
    | {"OrgnlMsgId", "OrgnlMsgNmId", "OrgnlPmtInfAndSts", "OrgnlPmtInfId", "TxInfAndSts"}
    | {"OrgnlEndToEndId", "TxSts", "GrpSts", "PmtInfSts", "StsRsnInf", "Rsn", "Cd"},
}
_SAME: Final = {"coinbase_links": "coinbase"}


class Shown:
    """What may be shown of an exchange."""

    def path(self, path: str) -> str:
        """Return where a request went; ids are dots, and there is no query."""
        parts = path.partition("?")[0].split("/")
        return "/".join(one if not one or _WORD.fullmatch(one) else MASK for one in parts)[:200]

    def request(self, request: ProviderRequest) -> str:
        """Return what may be shown of what was asked, as JSON; nothing if it had no body."""
        match request.encoding:
            case Encoding.NONE:
                return ""
            case Encoding.FORM:
                return _written(request.provider, _form(request.body))
            case Encoding.JSON | Encoding.XML:
                return _body(request.provider, request.body)

    def status(self, status: str) -> str:
        """Return what a connector made of an answer: a word, or several in one case; else a dot.
        Some of it is quoted from the answer.
        """
        words = status.split()
        codes = len(words) < 2 or status.islower() or status.isupper()
        shown = codes and all(map(_is_shown, words)) and _is_shown("".join(words))
        return " ".join(words) if shown else MASK

    def answer(self, provider: str, answer: ProviderAnswer) -> str:
        """Return what may be shown of what was answered, as JSON; nothing if nothing came."""
        return _body(provider, answer.body)


def _body(provider: str, body: bytes) -> str:
    if not body.strip():
        return ""
    try:
        if body.lstrip().startswith(b"<"):
            root = iso20022.read(body, BYTES_MAX * 8)[1]
            return _written(provider, {root.tag: _elements(root)})
        return _written(provider, read_json(body).fields)
    except NotReadable:
        return f'"{MASK}"'  # Something else than this provider writes, such as a proxy's page.


def _written(provider: str, found: object) -> str:
    listed = _SHOWN.get(_SAME.get(provider, provider), frozenset[str]())
    text = msgspec.json.encode(_of_object(cast("dict[str, object]", found), listed, 0)).decode()
    return text if len(text.encode()) <= BYTES_MAX else f'"{MASK}"'


def _of_object(
    found: Mapping[str, object], listed: frozenset[str], depth: int
) -> dict[str, object]:
    told = {name: _of(value, listed, depth + 1) for name, value in found.items() if name in listed}
    # Names can be data as well, so the others are counted.
    return told if len(told) == len(found) else {**told, MASK: len(found) - len(told)}


def _of(value: object, listed: frozenset[str], depth: int) -> object:
    if depth > DEPTH_MAX:
        return MASK
    if isinstance(value, dict):
        return _of_object(cast("dict[str, object]", value), listed, depth)
    if isinstance(value, list):
        items = cast("list[object]", value)
        told = [_of(one, listed, depth + 1) for one in items[:ITEMS_MAX]]
        return told if len(items) <= ITEMS_MAX else [*told, MASK]
    if value is None or isinstance(value, bool):
        return value
    written = str(value)
    if not _is_shown(written):
        return MASK
    return value if isinstance(value, int) and abs(value) <= WHOLE_MAX else written


def _is_shown(text: str) -> bool:
    if _PLAIN.fullmatch(text) is None or _SECRET.search(text):
        return False
    return not any(passes_luhn(digits) for digits in _DIGITS.findall(re.sub("[-._+]", "", text)))


def _form(body: bytes) -> dict[str, object]:
    """Read a form whose names have brackets as the object it stands for."""
    made: dict[str, object] = {}
    for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True):
        path = _IN_BRACKETS.findall(name) or [MASK]
        inner = made
        for part in path[:-1]:
            next_one = inner.setdefault(part, {})
            if not isinstance(next_one, dict):
                break
            inner = cast("dict[str, object]", next_one)
        else:
            inner[path[-1]] = value
    return made


def _elements(element: iso20022.Node) -> object:
    """Read elements as an object; one that stands several times is a list."""
    if len(element) == 0:
        return (element.text or "").strip()
    made: dict[str, object] = {}
    for one in element:
        read = _elements(one)
        if one.tag in made:
            before = made[one.tag]
            several = cast("list[object]", before) if isinstance(before, list) else [before]
            made[one.tag] = [*several, read]
        else:
            made[one.tag] = read
    return made
