"""The book's door: accounts, transfers, holds and the questions one can ask of them.

A transfer has legs that debit or credit accounts of one asset and mode; its debits equal its
credits. A balance is told the natural way round: what an asset or expense account was debited, what
any other was credited. Every command carries a client id: sending the same command again answers
the first record, another command under the same id is refused. `tenant` says for whom: a merchant
reaches its own accounts only, the platform all of them.
"""

from typing import Protocol

from bezant.actor import Mode
from bezant.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from bezant.events import Feed
from bezant.ledger.account import (
    Account,
    AccountPage,
    AccountsOf,
    AccountState,
    AccountType,
    ChangeAccount,
    ChartAccount,
    OpenAccount,
)
from bezant.ledger.hold import (
    CaptureHold,
    Hold,
    HoldState,
    PlaceHold,
    VoidHold,
)
from bezant.ledger.question import (
    AssetTrial,
    Axis,
    Balance,
    BalanceOf,
    ClearingBalance,
    Difference,
    LedgerHead,
    Period,
    Reconcile,
    Reconciliation,
    Report,
    ReportLine,
    ReportOf,
    Statement,
    StatementLine,
    StatementOf,
    Trial,
    TrialBalanceOf,
    TypeTotal,
)
from bezant.ledger.transfer import (
    Leg,
    Outcome,
    PostLinked,
    PostTransfer,
    Refusal,
    ReverseTransfer,
    Side,
    Transfer,
    TransferKind,
    TransferPage,
    TransfersOf,
)

__all__ = [
    "AMOUNT_MAX",
    "BATCH_MAX",
    "CLIENT_ID_CHARACTERS_MAX",
    "LEGS_MAX",
    "METADATA_KEYS_MAX",
    "METADATA_KEY_CHARACTERS_MAX",
    "METADATA_VALUE_CHARACTERS_MAX",
    "PAGE_MAX",
    "TEXT_CHARACTERS_MAX",
    "Account",
    "AccountClosed",
    "AccountFrozen",
    "AccountNotEmpty",
    "AccountPage",
    "AccountState",
    "AccountType",
    "AccountsOf",
    "AlreadyReversed",
    "AssetTrial",
    "Axis",
    "Balance",
    "BalanceOf",
    "BatchTooLarge",
    "CaptureHold",
    "ChangeAccount",
    "ChartAccount",
    "ClearingBalance",
    "Difference",
    "Hold",
    "HoldExceeded",
    "HoldOver",
    "HoldState",
    "IdReused",
    "InsufficientFunds",
    "KeptByPlatform",
    "Ledger",
    "LedgerFeed",
    "LedgerHead",
    "Leg",
    "LegAmount",
    "MalformedTransfer",
    "NotReversible",
    "OpenAccount",
    "Outcome",
    "Period",
    "PlaceHold",
    "PostLinked",
    "PostTransfer",
    "Reconcile",
    "Reconciliation",
    "Refusal",
    "Report",
    "ReportLine",
    "ReportOf",
    "ReverseTransfer",
    "Side",
    "Statement",
    "StatementLine",
    "StatementOf",
    "TooManyLegs",
    "Transfer",
    "TransferKind",
    "TransferPage",
    "TransfersOf",
    "Trial",
    "TrialBalanceOf",
    "TypeTotal",
    "Unbalanced",
    "UnknownAccount",
    "UnknownHold",
    "UnknownTransfer",
    "VoidHold",
    "WrongAsset",
]

LEGS_MAX = 100
BATCH_MAX = 1_000
AMOUNT_MAX = 10**32 - 1  # Of a leg and of a balance; leaves six digits for sums over all accounts.
PAGE_MAX = 100
METADATA_KEYS_MAX = 50
METADATA_KEY_CHARACTERS_MAX = 40
METADATA_VALUE_CHARACTERS_MAX = 500
TEXT_CHARACTERS_MAX = 200
CLIENT_ID_CHARACTERS_MAX = 255


class UnknownAccount(NotFound):
    """There is no such account."""

    code = "unknown_account"


class UnknownTransfer(NotFound):
    """There is no such transfer."""

    code = "unknown_transfer"


class UnknownHold(NotFound):
    """There is no such hold."""

    code = "unknown_hold"


class MalformedTransfer(Invalid):
    """A transfer has legs whose debits equal their credits."""

    code = "malformed_transfer"


class Unbalanced(Invalid):
    """The debits of a transfer equal its credits."""

    code = "unbalanced"


class LegAmount(Invalid):
    """A leg moves more than nothing."""

    code = "leg_amount"


class TooManyLegs(Invalid):
    """A transfer has fewer legs than that."""

    code = "too_many_legs"


class BatchTooLarge(Invalid):
    """A batch has fewer commands than that."""

    code = "batch_too_large"


class WrongAsset(Refused):
    """The account is kept in another asset or mode."""

    code = "wrong_asset"


class AccountFrozen(Refused):
    """The account is frozen; its money stays where it is."""

    code = "account_frozen"


class KeptByPlatform(Forbidden):
    """The platform decided about this account; only the platform changes it again."""

    code = "kept_by_platform"


class AccountClosed(Refused):
    """The account is closed."""

    code = "account_closed"


class AccountNotEmpty(Refused):
    """Only an account without money and holds can be closed."""

    code = "account_not_empty"


class InsufficientFunds(Refused):
    """The account does not have this much available."""

    code = "insufficient_funds"


class HoldExceeded(Refused):
    """Less than that remains of the hold."""

    code = "hold_exceeded"


class HoldOver(Refused):
    """Nothing remains of this hold."""

    code = "hold_over"


class AlreadyReversed(Conflict):
    """This transfer was reversed before."""

    code = "already_reversed"


class NotReversible(Refused):
    """Only postings and captures can be reversed, and a reversal cannot."""

    code = "not_reversible"


class IdReused(Refused):
    """This id was used before for another request."""

    code = "id_reused"


class Ledger(Protocol):
    """The book of every asset. Nothing else writes money."""

    async def open_account(self, command: OpenAccount) -> Account:
        """Open an account once."""
        ...

    async def chart_account(self, command: ChartAccount) -> Account:
        """Return the platform's account of this name, opening it on first use."""
        ...

    async def change_account(self, command: ChangeAccount) -> Account:
        """Freeze, reopen or close an account, or move its floor."""
        ...

    async def post(self, command: PostTransfer) -> Transfer:
        """Record a transfer once. The same id and content again answers the first record."""
        ...

    async def post_batch(self, commands: tuple[PostTransfer, ...]) -> tuple[Outcome, ...]:
        """Record up to `BATCH_MAX` transfers, each for itself, with one answer each."""
        ...

    async def post_linked(self, command: PostLinked) -> tuple[Transfer, ...]:
        """Record transfers together, or none of them."""
        ...

    async def rehearse(self, command: PostTransfer) -> Trial:
        """Tell what posting this would do. Nothing is written."""
        ...

    async def reverse(self, command: ReverseTransfer) -> Transfer:
        """Undo a transfer by a new one, once."""
        ...

    async def place_hold(self, command: PlaceHold) -> Hold:
        """Set money aside."""
        ...

    async def capture_hold(self, command: CaptureHold) -> Transfer:
        """Turn held money into a transfer."""
        ...

    async def void_hold(self, command: VoidHold) -> Hold:
        """Give back what remains of a hold."""
        ...

    async def account(self, tenant: str, mode: Mode, account: str) -> Account:
        """Return one account."""
        ...

    async def accounts(self, query: AccountsOf) -> AccountPage:
        """Return a page of accounts."""
        ...

    async def transfer(self, tenant: str, mode: Mode, transfer: str) -> Transfer:
        """Return one transfer."""
        ...

    async def transfers(self, query: TransfersOf) -> TransferPage:
        """Return a page of transfers."""
        ...

    async def hold(self, tenant: str, mode: Mode, hold: str) -> Hold:
        """Return one hold and what remains of it."""
        ...

    async def balance(self, query: BalanceOf) -> Balance:
        """Return a balance, now or at a past point."""
        ...

    async def statement(self, query: StatementOf) -> Statement:
        """Return a page of an account's entries with the running balance."""
        ...

    async def trial_balance(self, query: TrialBalanceOf) -> tuple[AssetTrial, ...]:
        """Return the trial balance of every asset."""
        ...

    async def report(self, query: ReportOf) -> Report:
        """Return what moved in a day, week or month."""
        ...

    async def reconcile(self, command: Reconcile) -> Reconciliation:
        """Recompute every balance from its entries and list what does not agree."""
        ...

    async def ledgers(self, mode: Mode) -> tuple[LedgerHead, ...]:
        """Return every book of a mode with the head of its chain."""
        ...


class LedgerFeed(Feed, Protocol):
    """`transfers.recorded` events, one a batch: which ledger, which transfers, which hash."""
