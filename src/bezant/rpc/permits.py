"""Which module may call which method of which port. What is not in the table is refused.

A module is whoever its certificate says it is; this table is the whole of what that gives it. The
gateway stands in for every module's own HTTP door when that module is in another process, so it may
call everything.
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

Permits = Mapping[str, Mapping[str, frozenset[str]]]
"""By port, by calling module: the methods."""

PERMITS: Final[Permits] = {
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
