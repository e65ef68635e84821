"""Which module may call which method of which port. What is not in the table is refused.

A module is whoever its certificate says it is; this table is the whole of what that gives it. The
gateway keeps the modules' HTTP doors, and every module that has no process of its own; the operator
is the command line. Both may call everything.
"""

from collections.abc import Mapping
from typing import Final

from bezant.errors import Forbidden

EVERYTHING: Final = frozenset({"*"})

_MOVE_MONEY = frozenset(
    {"post", "post_batch", "post_linked", "rehearse", "reverse"}
    | {"place_hold", "capture_hold", "void_hold"}
)
_OPEN_ACCOUNTS = frozenset({"open_account", "chart_account", "change_account"})
_ASK_ABOUT_MONEY = frozenset(
    {"account", "accounts", "transfer", "transfers", "hold", "balance", "statement"}
)
_CHECK_BOOKS = frozenset({"trial_balance", "report", "reconcile", "ledgers"})
_FOLLOW = frozenset({"read"})
_TAKE_PAYMENTS = frozenset({"create", "confirm", "capture", "void", "change", "request_refund"})
_ASK_ABOUT_PAYMENTS = frozenset(
    {"payment", "payments", "attempts", "refund", "refunds", "dispute", "disputes", "stats"}
    | {"customer", "customers", "method", "methods", "many"}
)
_USE_KEYS = frozenset(
    {"declare", "sign", "verify", "macs", "seal", "seal_for", "open", "public_keys"}
)
_SHOW_CARDS = frozenset({"card"})
_IDENTIFY = frozenset(
    {"identify", "identify_certificate", "identify_signed", "generation", "rechecks"}
    | {"check_proof", "note_uses"}
)
"""What a module needs whose own HTTP door asks who is there."""

Permits = Mapping[str, Mapping[str, frozenset[str]]]
"""By port, by calling module: the methods."""

_LOG_REQUESTS = frozenset({"note_requests", "note_start"})

PERMITS: Final[Permits] = {
    "approvals.Approvals": {
        "gateway": EVERYTHING,
        "operator": EVERYTHING,
        "payments": frozenset({"propose", "spend", "approval"}),
    },
    "approvals.ApprovalsFeed": {
        "gateway": _FOLLOW,
        "operator": _FOLLOW,
        "payments": _FOLLOW,
        "webhooks": _FOLLOW,
        "audit": _FOLLOW,
    },
    "audit.Audit": {
        "gateway": EVERYTHING,
        "operator": EVERYTHING,
        "approvals": _LOG_REQUESTS,
        "forex": _LOG_REQUESTS,
        "identity": _LOG_REQUESTS,
        "keys": _LOG_REQUESTS,
        "ledger": _LOG_REQUESTS | {"note_verification"},
        "orders": _LOG_REQUESTS,
        "payments": _LOG_REQUESTS,
        "people": _LOG_REQUESTS,
        "receipts": _LOG_REQUESTS | {"events"},
        "reconciliation": _LOG_REQUESTS,
        "risk": _LOG_REQUESTS,
        "vault": _LOG_REQUESTS,
        "wallets": _LOG_REQUESTS,
        "webhooks": _LOG_REQUESTS,
    },
    "audit.TransparencyLog": {
        "gateway": EVERYTHING,
        "operator": EVERYTHING,
        "receipts": frozenset({"inclusion", "keys"}),
    },
    "identity.Identity": {
        "gateway": EVERYTHING,
        "operator": EVERYTHING,
        "forex": _IDENTIFY,
        "keys": _IDENTIFY,
        "ledger": _IDENTIFY,
        "orders": _IDENTIFY,
        "payments": _IDENTIFY,
        "people": _IDENTIFY,
        "receipts": _IDENTIFY | {"merchant"},
        "reconciliation": _IDENTIFY,
        "risk": _IDENTIFY,
        "vault": _IDENTIFY | {"merchant"},
        "wallets": _IDENTIFY,
        "webhooks": _IDENTIFY,
        "approvals": _IDENTIFY | {"key"},
        "audit": _IDENTIFY,
    },
    "identity.IdentityFeed": {
        "gateway": _FOLLOW,
        "operator": _FOLLOW,
        "audit": _FOLLOW,
    },
    "identity.OpenIdProvider": {
        "gateway": EVERYTHING,
        "operator": EVERYTHING,
    },
    "identity.People": {
        "gateway": EVERYTHING,
        "operator": EVERYTHING,
    },
    "keys.Keys": {
        "gateway": EVERYTHING,
        "operator": EVERYTHING,
        "audit": _USE_KEYS,
        "identity": _USE_KEYS,
        "orders": _USE_KEYS,
        "payments": _USE_KEYS,
        "people": _USE_KEYS | {"shred"},
        "receipts": _USE_KEYS,
        "vault": _USE_KEYS,
        "webhooks": _USE_KEYS,
    },
    "keys.KeysFeed": {
        "gateway": _FOLLOW,
        "operator": _FOLLOW,
        "audit": _FOLLOW,
    },
    "ledger.Ledger": {
        "gateway": EVERYTHING,
        "operator": EVERYTHING,
        "payments": _MOVE_MONEY | _OPEN_ACCOUNTS | _ASK_ABOUT_MONEY,
        "wallets": _MOVE_MONEY | _OPEN_ACCOUNTS | _ASK_ABOUT_MONEY,
        "orders": _ASK_ABOUT_MONEY,
        "receipts": _ASK_ABOUT_MONEY,
        "reconciliation": _ASK_ABOUT_MONEY | _CHECK_BOOKS | {"post", "reverse", "chart_account"},
    },
    "ledger.LedgerFeed": {
        "gateway": _FOLLOW,
        "operator": _FOLLOW,
        "payments": _FOLLOW,
        "wallets": _FOLLOW,
        "orders": _FOLLOW,
        "receipts": _FOLLOW,
        "reconciliation": _FOLLOW,
        "webhooks": _FOLLOW,
        "audit": _FOLLOW,
    },
    "orders.Orders": {
        "gateway": EVERYTHING,
        "operator": EVERYTHING,
        "vault": frozenset({"payer"}),
    },
    "orders.OrdersFeed": {
        "gateway": _FOLLOW,
        "operator": _FOLLOW,
        "receipts": _FOLLOW,
        "webhooks": _FOLLOW,
        "audit": _FOLLOW,
    },
    "payments.Payments": {
        "gateway": EVERYTHING,
        "operator": EVERYTHING,
        "orders": _TAKE_PAYMENTS | _ASK_ABOUT_PAYMENTS,
        "receipts": _ASK_ABOUT_PAYMENTS,
        "reconciliation": _ASK_ABOUT_PAYMENTS | {"settle"},
    },
    "payments.PaymentsFeed": {
        "gateway": _FOLLOW,
        "operator": _FOLLOW,
        "orders": _FOLLOW,
        "receipts": _FOLLOW,
        "reconciliation": _FOLLOW,
        "webhooks": _FOLLOW,
        "audit": _FOLLOW,
    },
    "receipts.Receipts": {
        "gateway": EVERYTHING,
        "operator": EVERYTHING,
    },
    "receipts.ReceiptsFeed": {
        "gateway": _FOLLOW,
        "operator": _FOLLOW,
        "reconciliation": _FOLLOW,
        "webhooks": _FOLLOW,
        "audit": _FOLLOW,
    },
    "vault.Vault": {
        "gateway": EVERYTHING,
        "operator": _SHOW_CARDS,
        "orders": _SHOW_CARDS,
        "payments": _SHOW_CARDS | {"send", "forget"},
    },
    "vault.CardDoor": {
        "gateway": frozenset({"tokenise"}),
    },
    "webhooks.Webhooks": {
        "gateway": EVERYTHING,
        "operator": EVERYTHING,
    },
    "webhooks.WebhooksFeed": {
        "gateway": _FOLLOW,
        "operator": _FOLLOW,
        "audit": _FOLLOW,
    },
}


class NotPermitted(Forbidden):
    """This module may not call this."""

    code = "not_permitted"


def may_call(permits: Permits, caller: str, port: str, method: str) -> bool:
    """Tell whether a module may call a method of a port."""
    granted = permits.get(port, {}).get(caller, frozenset[str]())
    return method in granted or "*" in granted


def require_permit(permits: Permits, caller: str, port: str, method: str) -> None:
    """Refuse a call that the table does not grant."""
    if not may_call(permits, caller, port, method):
        raise NotPermitted(f"{caller} may not call {port}.{method}")
