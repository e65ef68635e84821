"""The table of providers: for each operation, against what it was run.

`EMULATED` is shown true by `test_providers.py`, `RECORDED` by `test_contract.py`; both tests fail
when the table says more, or less, than they do.
"""

from collections.abc import Mapping
from typing import Final

from tests.psp.recorded import RECORDED

from bezant.psp.port import MethodKind
from bezant.psp.registry import NAMES, connector_of

OPERATIONS: Final = (
    "charge",
    "finish",
    "capture",
    "void",
    "refund",
    "ask",
    "refunds",
    "dispute",
    "evidence",
    "events",
    "settlement",
)
_CARD: Final = frozenset(
    {"charge", "capture", "void", "refund", "ask", "refunds", "events", "settlement"}
)
EMULATED: Final[Mapping[str, frozenset[str]]] = {
    "stripe": _CARD | {"dispute", "evidence"},
    "paypal": _CARD | {"finish", "dispute"},
    "coinbase": _CARD - {"capture"},
    "coinbase_links": frozenset({"charge", "void", "ask", "events", "settlement"}),
    "coinbase_commerce": frozenset({"charge", "void", "ask", "events", "settlement"}),
    "bank": _CARD - {"capture", "refunds"},
    "card": _CARD | {"dispute", "evidence"},
}
LIVE: Final[Mapping[str, frozenset[str]]] = {}
"""Nobody has run these against a real account yet."""
WORDS: Final[Mapping[MethodKind, str]] = {
    MethodKind.CARD: "cards",
    MethodKind.BANK_ACCOUNT: "debits (ACH)",
    MethodKind.BANK_TRANSFER: "bank transfers (SEPA)",
    MethodKind.PAYPAL: "PayPal",
    MethodKind.CRYPTO: "crypto",
}

_TESTED: Final = (
    "## Official clients",
    "",
    "The emulators are held against the providers' own clients where one can be had: `stripe`",
    "for Stripe, `coinbase-commerce` for the signatures of Commerce. PayPal's",
    "(`paypal-server-sdk`) cannot be: what it needs and what this product needs exclude each",
    "other, so the two do not go into one environment. PayPal is tested against the shapes of its",
    "public reference, and its webhooks against certificates in PayPal's form.",
    "",
    "## Numbers and amounts for tests",
    "",
    "Cards do what their number says: the table of the [vault](../concepts/vault.md) has the",
    "numbers. No provider here documents an amount that brings something about on the API we",
    "use, so no amount does in the emulators: at Stripe the number of a card or a bank account",
    "decides, at PayPal the header `PayPal-Mock-Response` (its amounts that stand for errors are",
    "those of the classic NVP and SOAP API only), at Coinbase the payer, at a bank the order.",
    "Whatever else is to go wrong is scripted: `bezant sandbox fail`.",
    "",
)


def providers_page() -> str:
    """Write what each provider can do, and against what that was run."""
    lines = [
        "# Providers",
        "",
        "What each connector can do, and against what it was run: the `emulator` in the box,",
        "answers `recorded` from the provider's public reference, or a `live` account. Derived",
        "from the connectors and from the tests that show it.",
        "",
        "## Capabilities",
        "",
        "| provider | takes | assets | parts | refunds | events |",
        "| --- | --- | --- | --- | --- | --- |",
        *map(_capabilities, NAMES),
        "",
        "`parts`: whether money is set aside first, and captured once in part or several times.",
        "`events`: whether an event is believed, or only a hint after which the thing is fetched.",
        "",
        "## Against what it was run",
        "",
        f"| provider | {' | '.join(OPERATIONS)} |",
        f"| --- |{' --- |' * len(OPERATIONS)}",
        *map(_runs, NAMES),
        "",
        "`finish` completes what the payer approved on the provider's page; `ask` finds out what",
        "became of a request whose answer was lost; `refunds` lists those made on the provider's",
        "own pages, too; `dispute` learns of a dispute and its amount: from an event, or asked for",
        "again where an event is only a hint; `evidence` sends what speaks against it. Where that",
        "is empty, evidence is handed in on the provider's own pages.",
        "",
        *_TESTED,
        "## Known limits",
        "",
        "- Stripe takes card numbers from a server only on accounts with that permission (raw card",
        "  data APIs). A lost charge is looked for in the list of what was made about then; among",
        "  more than a hundred it is searched an hour later, because the search may lag.",
        "- A lost PayPal order or Coinbase page cannot be paid by anybody, so it counts as never",
        "  made. A saved PayPal account is searched in the account's transactions, which lag by",
        "  hours.",
        "- Refunds made on the provider's own pages are told by events and settlement files; a",
        "  bank tells of everything by its notifications and statements.",
        "- The older Coinbase APIs (`coinbase_links`, `coinbase_commerce`) give nothing back. What",
        "  came late or without an order raises `order.stuck`; send it from the account there, and",
        "  ask for the refund with the movement's name in `sent`: it is counted and booked once.",
        "- A bank differs from the next: the documents are those of ISO 20022, the few addresses",
        "  around them are ours.",
        "",
    ]
    return "\n".join(lines)


def _capabilities(provider: str) -> str:
    able = connector_of(provider).capabilities
    methods = ", ".join(WORDS[one] for one in MethodKind if one in able.methods)
    assets = sorted(able.assets)
    told = ", ".join(assets) if len(assets) <= 5 else f"{len(assets)} currencies"
    parts = "taken at once"
    if able.authorize:
        parts = (
            "set aside, several captures" if able.multiple_captures else "set aside, one capture"
        )
    refunds = "by hand"
    if able.refund:
        refunds = "in part" if able.partial_refund else "whole"
    events = "a hint" if able.event_hint else "believed"
    return f"| `{provider}` | {methods} | {told} | {parts} | {refunds} | {events} |"


def _runs(provider: str) -> str:
    return f"| `{provider}` | {' | '.join(_cell(provider, one) for one in OPERATIONS)} |"


def _cell(provider: str, operation: str) -> str:
    against = [
        word
        for word, shown in (
            ("emulator", EMULATED[provider]),
            ("recorded", recorded_of(provider)),
            ("live", LIVE.get(provider, frozenset[str]())),
        )
        if operation in shown
    ]
    return ", ".join(against)


def recorded_of(provider: str) -> frozenset[str]:
    """Return the operations whose answers are read from recorded shapes."""
    return frozenset(RECORDED[provider].steps)
