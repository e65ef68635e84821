"""Stored numbers as the port spells them: prefixed ids, money, sides, and balances the natural way
round.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from bezant import ids
from bezant.actor import PLATFORM
from bezant.errors import BezantError, Invalid, Unavailable
from bezant.ledger.account import Account, AccountState, AccountType
from bezant.ledger.books import Book, Facts
from bezant.ledger.hold import Hold, HoldState
from bezant.ledger.port import (
    AccountClosed,
    AccountFrozen,
    AccountNotEmpty,
    AlreadyReversed,
    HoldExceeded,
    HoldOver,
    InsufficientFunds,
    UnknownAccount,
    UnknownHold,
)
from bezant.ledger.posting import PLATFORM_TENANT, Answer, Denied, Kind, Posting, Written
from bezant.ledger.question import Balance
from bezant.ledger.rules import STATE_NUMBERS, TYPE_NUMBERS
from bezant.ledger.store.read import AccountRow, EntryRow, HoldRow, TransferRow
from bezant.ledger.transfer import Leg, PostTransfer, Refusal, Side, Transfer, TransferKind
from bezant.money import AmountTooLarge, Asset, Money

TYPES: Final = {number: name for name, number in TYPE_NUMBERS.items()}
STATES: Final = {number: name for name, number in STATE_NUMBERS.items()}
KINDS: Final = {kind: TransferKind[kind.name] for kind in Kind}
SUBJECT_PREFIX: Final = {
    Kind.REVERSAL: "tr", Kind.CAPTURE: "hold", Kind.VOID: "hold", Kind.EXPIRY: "hold",
}  # fmt: skip

REFUSALS: Final[Mapping[Answer, type[BezantError]]] = {
    Answer.UNKNOWN_ACCOUNT: UnknownAccount,
    Answer.FROZEN: AccountFrozen,
    Answer.CLOSED: AccountClosed,
    Answer.REVERSED_ALREADY: AlreadyReversed,
    Answer.UNKNOWN_HOLD: UnknownHold,
    Answer.HOLD_OVER: HoldOver,
    Answer.HOLD_EXCEEDED: HoldExceeded,
    Answer.NOT_EMPTY: AccountNotEmpty,
    Answer.REFUSED_BEFORE: Unavailable,  # And forgotten since: the next try is a first one.
}


def tenant(stored: str) -> str:
    """Return a tenant as everybody spells it."""
    return PLATFORM if stored == PLATFORM_TENANT else f"mer_{stored}"


def posted(command: PostTransfer, posting: Posting, book: Book, written: Written) -> Transfer:
    """Return the transfer that was recorded just now; nothing needs to be read back."""
    return Transfer(
        id=f"tr_{written.id:016x}",
        kind=TransferKind.POST,
        mode=book.mode,
        asset=book.asset.code,
        legs=command.legs,
        recorded_at=written.recorded_at,
        occurred_at=posting.occurred_at or written.recorded_at,
        reference=command.reference,
        reason=command.reason,
        metadata=command.metadata,
        link="" if posting.link is None else f"link_{posting.link}",
    )


def transfer(row: TransferRow, book: Book, *, replayed: bool = False) -> Transfer:
    """Return a stored transfer."""
    kind = Kind(row.kind)
    prefix = SUBJECT_PREFIX.get(kind)
    return Transfer(
        id=ids.spell_number("tr", row.id),
        kind=KINDS[kind],
        mode=book.mode,
        asset=book.asset.code,
        legs=tuple(
            Leg(ids.spell_number("acct", account), side(amount), book.asset(abs(int(amount))))
            for account, amount in zip(row.accounts, row.amounts, strict=True)
            if amount
        ),
        recorded_at=row.recorded_at,
        occurred_at=row.occurred_at or row.recorded_at,
        reference=row.reference or "",
        reason=row.reason or "",
        metadata=row.metadata or {},
        subject=ids.spell_number(prefix, row.subject) if prefix and row.subject else "",
        link="" if row.link is None else ids.spell("link", row.link),
        replayed=replayed,
    )


def account(row: AccountRow, book: Book) -> Account:
    """Return a stored account."""
    return Account(
        id=ids.spell_number("acct", row.id),
        tenant=tenant(row.tenant.hex),
        mode=book.mode,
        asset=book.asset.code,
        type=TYPES[row.type],
        owner=row.owner,
        floor=None if row.floor is None else book.asset(int(row.floor)),
        state=STATES[row.state & 3],
        group=book.group,
        metadata=row.metadata or {},
        opened_at=row.opened_at,
        chart=row.chart or "",
    )


def hold(row: HoldRow, book: Book, *, replayed: bool = False) -> Hold:
    """Return a stored hold."""
    state = HoldState.HELD
    if row.remaining == 0:
        match Kind(row.step_kind):
            case Kind.VOID:
                state = HoldState.VOIDED
            case Kind.EXPIRY:
                state = HoldState.EXPIRED
            case _:
                state = HoldState.CAPTURED
    return Hold(
        id=ids.spell_number("hold", row.id),
        mode=book.mode,
        account=ids.spell_number("acct", row.account),
        to=ids.spell_number("acct", row.payee),
        amount=book.asset(int(row.amount)),
        remaining=book.asset(int(row.remaining)),
        state=state,
        placed_at=row.placed_at,
        expires_at=row.expires_at,
        reference=row.reference or "",
        metadata=row.metadata or {},
        replayed=replayed,
    )


def balance(number: int, facts: Facts, asset: Asset, row: EntryRow) -> Balance:
    """Return the state an entry left its account in."""
    posted_minor = natural(row.balance, facts)
    held = int(row.held)
    floor = None if row.floor is None else int(row.floor)
    return Balance(
        account=ids.spell_number("acct", number),
        posted=asset(posted_minor),
        held=asset(held),
        available=asset(posted_minor - held - (floor or 0)),
        floor=None if floor is None else asset(floor),
        position=ids.spell_number("tr", row.transfer),
    )


def natural(amount: Decimal, facts: Facts) -> int:
    """Turn credits less debits into what grows the account."""
    return -int(amount) if facts.debit_normal else int(amount)


def side(amount: Decimal | int) -> Side:
    """Return the side of a signed amount."""
    return Side.CREDIT if amount > 0 else Side.DEBIT


def error(denied: Denied, asset: Asset, needed: int | None = None) -> BezantError:
    """Return the error that tells why the book refused."""
    facts: dict[str, str] = {}
    if denied.account is not None:
        facts["account"] = ids.spell_number("acct", denied.account)
    if denied.answer is Answer.INSUFFICIENT:
        return _insufficient(denied, asset, needed, facts)
    if denied.answer is Answer.OVER_AT_ONCE:
        return Invalid("a hold expires in the future", field="expires_at")
    if denied.answer is Answer.TOO_LARGE:
        detail = "what is on the account or held there would have too many digits"
        return AmountTooLarge(detail, field="amount", facts=facts)
    return REFUSALS[denied.answer](facts=facts)


def _insufficient(
    denied: Denied, asset: Asset, needed: int | None, facts: Mapping[str, str]
) -> InsufficientFunds:
    available = Money(denied.available or 0, asset)
    told = {**facts, "available": str(available)}
    detail = f"the account has {available} available"
    if needed is not None:
        told["needed"] = str(Money(needed, asset))
        detail = f"{detail}, and {told['needed']} is needed"
    return InsufficientFunds(detail, field="legs", facts=told)


def refusal(why: BezantError) -> Refusal:
    """Return an error as the answer to one command among many."""
    return Refusal(why.code, why.detail, why.facts)


def state_number(state: AccountState | None) -> int | None:
    """Return a state as it is stored."""
    return None if state is None else STATE_NUMBERS[state]


def type_of(row_type: int) -> AccountType:
    """Return an account's type."""
    return TYPES[row_type]
