"""Accounts: who owns one, how it grows, and how far down it may go."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from bezant.actor import Mode
from bezant.money import Money


class AccountType(StrEnum):
    """The five kinds of account of every book since 1494."""

    ASSET = "asset"
    LIABILITY = "liability"
    EQUITY = "equity"
    INCOME = "income"
    EXPENSE = "expense"

    @property
    def debit_normal(self) -> bool:
        """Tell whether debits make this kind of account grow."""
        return self in (AccountType.ASSET, AccountType.EXPENSE)


class AccountState(StrEnum):
    """Frozen accounts keep their money and move none; closed ones are empty for good."""

    OPEN = "open"
    FROZEN = "frozen"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """Open an account. Without a floor it may go negative without limit; a credit limit is a
    negative floor.
    """

    id: str
    tenant: str
    mode: Mode
    asset: str
    type: AccountType
    owner: str = ""
    floor: Money | None = None
    group: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class ChangeAccount:
    """Freeze, reopen or close an account, or move its floor. What is left out stays as it is."""

    id: str
    tenant: str
    mode: Mode
    account: str
    state: AccountState | None = None
    floor: Money | None = None
    unlimited: bool = False
    """Take the floor away."""
    reason: str = ""
    gives_back: bool = False
    """What the platform changed, only the platform changes again, until it gives it back."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account as it stands."""

    id: str
    tenant: str
    mode: Mode
    asset: str
    type: AccountType
    owner: str
    floor: Money | None
    state: AccountState
    group: str
    metadata: Mapping[str, str]
    opened_at: datetime
    chart: str = ""
    """Its name in the platform's chart of accounts."""


@dataclass(frozen=True, slots=True)
class ChartAccount:
    """An account of the platform's own chart, opened when first asked for."""

    name: str
    """One of the names in `docs/concepts/chart-of-accounts.md`, such as `psp_receivable`."""
    mode: Mode
    asset: str
    of: str = ""
    """What the account is about where the chart keeps one each: a provider, a merchant."""


@dataclass(frozen=True, slots=True)
class AccountsOf:
    """Ask for accounts, newest first."""

    tenant: str
    mode: Mode
    asset: str | None = None
    owner: str | None = None
    type: AccountType | None = None
    limit: int = 50
    before: str | None = None
    chart: str | None = None
    """A name in the chart of the platform's accounts: nobody else's account has one."""


@dataclass(frozen=True, slots=True)
class AccountPage:
    """A page of accounts."""

    accounts: tuple[Account, ...]
    has_more: bool
