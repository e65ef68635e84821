"""What a command must be before it is worth asking the book: pure, and quick, since every transfer
passes here.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

import msgspec

from bezant import ids
from bezant.actor import PLATFORM, Mode
from bezant.errors import Invalid
from bezant.ledger.account import AccountState, AccountType
from bezant.ledger.hold import CaptureHold, PlaceHold, VoidHold
from bezant.ledger.port import (
    AMOUNT_MAX,
    CLIENT_ID_CHARACTERS_MAX,
    LEGS_MAX,
    METADATA_KEY_CHARACTERS_MAX,
    METADATA_KEYS_MAX,
    METADATA_VALUE_CHARACTERS_MAX,
    TEXT_CHARACTERS_MAX,
    LegAmount,
    MalformedTransfer,
    TooManyLegs,
    Unbalanced,
    WrongAsset,
)
from bezant.ledger.posting import PLATFORM_TENANT, Kind, Posting, book_of
from bezant.ledger.transfer import Leg, PostTransfer, Side
from bezant.money import AmountTooLarge, Money

TYPE_NUMBERS: Final = {
    AccountType.ASSET: 1,
    AccountType.LIABILITY: 2,
    AccountType.EQUITY: 3,
    AccountType.INCOME: 4,
    AccountType.EXPENSE: 5,
}
STATE_NUMBERS: Final = {AccountState.OPEN: 0, AccountState.FROZEN: 1, AccountState.CLOSED: 2}
OCCURRED_MIN: Final = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
INSTANT_MIN: Final = datetime.fromisoformat("1900-01-01T00:00:00+00:00")
INSTANT_MAX: Final = datetime.max.replace(tzinfo=UTC)  # The database goes on; we could not read it.
CLOCK_SKEW: Final = timedelta(minutes=5)  # Clocks of honest callers differ by that much.
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+\Z")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_encode: Final = msgspec.json.Encoder().encode


def posting(
    command: PostTransfer,
    now: datetime,
    link: str | None = None,
    own: str | None = None,
    what: str = "post",
) -> Posting:
    """Check a transfer and turn it into what the book takes; a linked one is known by its link."""
    legs = command.legs
    if not 2 <= len(legs) <= LEGS_MAX:
        if len(legs) > LEGS_MAX:
            raise TooManyLegs(f"a transfer has at most {LEGS_MAX} legs", field="legs")
        raise MalformedTransfer("a transfer has at least two legs", field="legs")
    accounts, amounts = _sides(legs)
    if sum(amounts) != 0:
        raise Unbalanced("the debits and the credits of a transfer are equal", field="legs")
    if len(set(accounts)) != len(accounts):
        raise MalformedTransfer("an account appears once in a transfer", field="legs")
    reference = text(command.reference, "reference")
    reason = text(command.reason, "reason")
    occurred_at = occurred(command.occurred_at, now)
    metadata = check_metadata(command.metadata)
    return Posting(
        book=book_of(accounts[0]),
        kind=Kind.POST,
        idem=own or idem(command.tenant, command.mode, command.id),
        request=fingerprint(
            what, accounts, [str(amount) for amount in amounts], reference, reason,
            occurred_at, metadata,
        ),
        accounts=accounts,
        amounts=amounts,
        occurred_at=occurred_at,
        link=link,
        reference=reference,
        reason=reason,
        metadata=metadata,
    )  # fmt: skip


def _sides(legs: tuple[Leg, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Turn legs into account numbers and signed amounts, all in one asset and book."""
    asset = legs[0].amount.asset
    accounts: list[int] = []
    amounts: list[int] = []
    for leg in legs:
        number = ids.read_number("acct", leg.account, "account")
        amount = leg.amount
        if amount.asset is not asset and amount.asset != asset:
            raise WrongAsset(
                "all legs of a transfer are in one asset; link two transfers instead", field="legs"
            )
        if amount.minor <= 0:
            raise LegAmount("the amount of a leg is more than zero", field="amount")
        if amount.minor > AMOUNT_MAX:
            raise AmountTooLarge(field="amount")
        accounts.append(number)
        amounts.append(amount.minor if leg.side is Side.CREDIT else -amount.minor)
    book = book_of(accounts[0])
    for number in accounts:
        if book_of(number) != book:
            raise WrongAsset(
                "the accounts of a transfer are kept in one asset and mode", field="legs"
            )
    return tuple(accounts), tuple(amounts)


def capture_legs(command: CaptureHold) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return where a capture's money goes, if the command says so itself."""
    if not command.to:
        return (), ()
    if len(command.to) >= LEGS_MAX:
        raise TooManyLegs(f"a transfer has at most {LEGS_MAX} legs", field="to")
    accounts, amounts = _sides(command.to)
    if len(set(accounts)) != len(accounts):
        raise MalformedTransfer("an account appears once in a transfer", field="to")
    if command.amount is not None and abs(sum(amounts)) != command.amount.minor:
        raise Unbalanced("the legs of `to` add up to the amount", field="to")
    return accounts, amounts


def idem(tenant: str, mode: Mode, client_id: str) -> str:
    """Return the 128 bits under which a client's id is known, apart for each tenant and mode."""
    if not 0 < len(client_id) <= CLIENT_ID_CHARACTERS_MAX or not _VISIBLE.match(client_id):
        raise Invalid(
            f"an id is 1 to {CLIENT_ID_CHARACTERS_MAX} visible characters without spaces",
            field="id",
        )
    return hashlib.sha256(f"{tenant} {mode.value} {client_id}".encode()).hexdigest()[:32]


def derived_idem(*words: object) -> str:
    """Return the idem of our own work: a client's begins with a tenant, this one with a space."""
    return hashlib.sha256(" ".join(["", *map(str, words)]).encode()).hexdigest()[:32]


def fingerprint(*parts: object) -> int:
    """Return 64 bits over what was asked, to tell a repeat from another request under the
    same id.
    """
    return int.from_bytes(hashlib.sha256(_encode(parts)).digest()[:8], signed=True)


def hold_fingerprint(command: PlaceHold | CaptureHold | VoidHold) -> int:
    """Return the fingerprint of a step in the life of a hold whose texts were checked."""
    match command:
        case PlaceHold():
            return fingerprint(
                "hold", command.account, str(command.amount), command.to,
                aware(command.expires_at, "expires_at"), command.reference, command.reason,
                sorted(command.metadata.items()),
            )  # fmt: skip
        case CaptureHold():
            to = [(leg.account, leg.side.value, str(leg.amount)) for leg in command.to]
            return fingerprint(
                "capture", command.hold, str(command.amount or "all"), to, command.reference,
                command.reason, sorted(command.metadata.items()),
            )  # fmt: skip
        case VoidHold():
            return fingerprint("void", command.hold, command.reason)


def sought(value: str | None, field: str) -> str | None:
    """Check a text that is looked for; an empty one is looked for as such."""
    return None if value is None else text(value, field) or ""


def text(value: str, field: str) -> str | None:
    """Check a short text; an empty one is absent."""
    if not value:
        return None
    if len(value) > TEXT_CHARACTERS_MAX or _CONTROL.search(value):
        raise Invalid(
            f"at most {TEXT_CHARACTERS_MAX} characters without control characters", field=field
        )
    return value


def check_metadata(metadata: Mapping[str, str]) -> str | None:
    """Check metadata and return it as JSON; none is absent."""
    if not metadata:
        return None
    if len(metadata) > METADATA_KEYS_MAX:
        raise Invalid(f"metadata has at most {METADATA_KEYS_MAX} keys", field="metadata")
    for key, value in metadata.items():
        if not 0 < len(key) <= METADATA_KEY_CHARACTERS_MAX or _CONTROL.search(key):
            raise Invalid(
                f"a metadata key has 1 to {METADATA_KEY_CHARACTERS_MAX} characters",
                field="metadata",
            )
        if len(value) > METADATA_VALUE_CHARACTERS_MAX or _CONTROL.search(value):
            raise Invalid(
                f"a metadata value has at most {METADATA_VALUE_CHARACTERS_MAX} characters",
                field="metadata",
            )
    return _encode(dict(sorted(metadata.items()))).decode()


def occurred(at: datetime | None, now: datetime) -> datetime | None:
    """A transfer may be back-dated; the future has not occurred."""
    if at is None:
        return None
    if at.tzinfo is None:
        raise Invalid("a time says its offset from UTC, such as Z", field="occurred_at")
    if not OCCURRED_MIN <= at <= now + CLOCK_SKEW:
        raise Invalid("a transfer occurred between 1970 and now", field="occurred_at")
    return at.astimezone(UTC)


@lru_cache(maxsize=4096)
def tenant_number(tenant: str) -> str:
    """Return a tenant as it is stored: a merchant's uuid in hex, or all zeros for the platform."""
    if tenant == PLATFORM:
        return PLATFORM_TENANT
    number = ids.read("mer", tenant, "tenant").hex
    if number == PLATFORM_TENANT:  # Spelled like a merchant's, it would open every door.
        raise Invalid("no merchant has this id", field="tenant")
    return number


def limit(asked: int, most: int) -> int:
    """Return how long a page may be."""
    if not 1 <= asked <= most:
        raise Invalid(f"a page has 1 to {most} lines", field="limit")
    return asked


def aware(at: datetime | None, field: str) -> datetime | None:
    """Check that an instant says its offset and is one we can reckon with; return it in UTC."""
    if at is None:
        return None
    if at.tzinfo is None:
        raise Invalid("a time says its offset from UTC, such as Z", field=field)
    if not INSTANT_MIN <= at <= INSTANT_MAX:
        raise Invalid("a time lies between the years 1900 and 9999", field=field)
    return at.astimezone(UTC)


def check_floor(floor: Money | None) -> None:
    """Check that a floor is within what a balance can be."""
    if floor is not None and abs(floor.minor) > AMOUNT_MAX:
        raise AmountTooLarge(field="floor")
