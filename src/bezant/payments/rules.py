"""What a command must be before anybody is asked: pure, and quick; every payment passes here."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from uuid import UUID

import msgspec

from bezant import ids
from bezant.actor import PLATFORM, Mode
from bezant.errors import Invalid
from bezant.exchange import MethodKind
from bezant.money import AmountTooLarge, Money
from bezant.payments.payment import CreatePayment
from bezant.payments.port import (
    DESCRIPTOR_CHARACTERS_MAX,
    METADATA_KEY_CHARACTERS_MAX,
    METADATA_KEYS_MAX,
    METADATA_VALUE_CHARACTERS_MAX,
    PAGE_MAX,
    TEXT_CHARACTERS_MAX,
    AmountTooSmall,
    MerchantsOnly,
    UnknownPayment,
)
from bezant.secret import holds_card_number

AMOUNT_MAX: Final = 10**32 - 1  # What the book can hold on one leg.
KEY_CHARACTERS_MAX: Final = 255
TOKEN_CHARACTERS_MAX: Final = 100
MOVEMENT_CHARACTERS_MAX: Final = 500  # By which a provider knows one; an index has room for more.
ORDER_CHARACTERS_MAX: Final = 100
ADDRESS_CHARACTERS_MAX: Final = 2_000
EMAIL_CHARACTERS_MAX: Final = 254
NAME_CHARACTERS_MAX: Final = 200
PLATFORM_ID: Final = UUID(int=0)
KEPT_BY: Final[Mapping[MethodKind, tuple[tuple[str, ...], ...]]] = {
    MethodKind.BANK_ACCOUNT: (("payment_method",), ("routing_number", "account_number")),
    MethodKind.BANK_TRANSFER: (("iban", "name"),),
    MethodKind.PAYPAL: (("vault_id",),),
    MethodKind.CRYPTO: (("address",),),
}
"""By what a provider knows a way to pay that was kept: one of these sets of facts."""
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+\Z")
_KEY: Final = re.compile(r"(?:[a-z]+ )?[\x21-\x7e]+\Z")  # A module's begins with its name.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]+\Z")
_COUNTRY: Final = re.compile(r"[A-Z]{2}\Z")
_DESCRIPTOR: Final = re.compile(r"[A-Za-z0-9 .,&*/+-]*\Z")
CARD_BEGINNING: Final = "card_"  # How the vault's tokens begin.
_encode: Final = msgspec.json.Encoder().encode


@lru_cache(maxsize=4096)
def tenant_id(tenant: str) -> UUID:
    """Return a tenant as it is stored: a merchant's uuid, or all zeros for the platform."""
    if tenant == PLATFORM:
        return PLATFORM_ID
    number = ids.read("mer", tenant, "tenant")
    if number == PLATFORM_ID:  # Spelled like a merchant's, it would open every door.
        raise Invalid("no merchant has this id", field="tenant")
    return number


def may_read(tenant: str, owner: UUID) -> bool:
    """Tell whether a tenant may read what belongs to this one: the platform's people see all."""
    return tenant == PLATFORM or tenant_id(tenant) == owner


def request_id(tenant: str, mode: Mode, key: str) -> UUID:
    """Return the 128 bits under which an idempotency key is known, apart for tenant and mode."""
    if not 0 < len(key) <= KEY_CHARACTERS_MAX or not _KEY.match(key):
        raise Invalid(
            f"a key has 1 to {KEY_CHARACTERS_MAX} visible characters without spaces", field="key"
        )
    return UUID(bytes=hashlib.sha256(f"{tenant} {mode.value} {key}".encode()).digest()[:16])


def fingerprint(*parts: object) -> int:
    """Return 64 bits over what was asked, to tell a repeat from another request under one key."""
    return int.from_bytes(hashlib.sha256(_encode(parts)).digest()[:8], signed=True)


def creation(command: CreatePayment) -> int:
    """Check a payment that is asked for, and return its fingerprint."""
    if command.tenant == PLATFORM:
        raise MerchantsOnly
    amount(command.amount)
    text(command.description, "description")
    text(command.order, "order", ORDER_CHARACTERS_MAX)
    descriptor(command.descriptor)
    address(command.return_url)
    email(command.customer_email)
    text(command.customer_name, "customer_name", NAME_CHARACTERS_MAX)
    text(command.priority, "priority", METADATA_KEY_CHARACTERS_MAX)
    country(command.country)
    metadata(command.metadata)
    paying = command.pay_with
    if paying is not None:
        token(paying.card)
    return fingerprint(
        "create", command.amount.minor, command.amount.asset.code,
        None if paying is None else (paying.kind.value, paying.card, paying.saved),
        command.confirm, command.capture, command.customer, command.order, command.description,
        command.descriptor, sorted(command.metadata.items()), command.return_url, command.country,
        command.priority, command.customer_email, command.customer_name,
    )  # fmt: skip


def amount(money: Money) -> Money:
    """Check that an amount is more than nothing and fits into the book."""
    if money.minor <= 0:
        raise AmountTooSmall(field="amount")
    if money.minor > AMOUNT_MAX:
        raise AmountTooLarge(field="amount")
    return money


def text(value: str, field: str, most: int = TEXT_CHARACTERS_MAX) -> str:
    """Check a text of one line."""
    if not value:
        return value
    if len(value) > most or _CONTROL.search(value):
        raise Invalid(f"at most {most} characters without control characters", field=field)
    no_card(value, field)
    return value


def token(card: str) -> None:
    """Check a card's token; a number in its place would be stored in the open."""
    if not card:
        return
    if not card.startswith(CARD_BEGINNING) or len(card) > TOKEN_CHARACTERS_MAX:
        raise Invalid("a card is named by the token the vault gave for it", field="card")
    text(card, "card", TOKEN_CHARACTERS_MAX)


def no_card(value: str, field: str) -> None:
    """Refuse a text with a card's number in it: only the vault may ever hold one."""
    if holds_card_number(value):
        raise Invalid("a card's number does not belong here: tokenize it", field=field)


def descriptor(value: str) -> None:
    """Check what is printed on a statement: card schemes print plain letters and digits."""
    if not value:
        return
    if len(value) > DESCRIPTOR_CHARACTERS_MAX or not _DESCRIPTOR.match(value):
        raise Invalid(
            f"at most {DESCRIPTOR_CHARACTERS_MAX} plain letters, digits and . , & * / + -",
            field="descriptor",
        )
    no_card(value, "descriptor")


def address(value: str) -> None:
    """Check where a payer is sent back to."""
    if not value:
        return
    if (
        len(value) > ADDRESS_CHARACTERS_MAX
        or not _VISIBLE.match(value)
        or not value.startswith(("https://", "http://"))
    ):
        raise Invalid("an address begins with https:// or http://", field="return_url")
    no_card(value, "return_url")


def email(value: str, field: str = "customer_email") -> None:
    """Check an address roughly: whether mail arrives is not ours to know."""
    if not value:
        return
    if len(value) > EMAIL_CHARACTERS_MAX or not _EMAIL.match(value):
        raise Invalid("an address looks like name@example.com", field=field)
    no_card(value, field)


def country(value: str, field: str = "country") -> None:
    """Check a country's code."""
    if value and not _COUNTRY.match(value):
        raise Invalid("a country is two capital letters, such as DE", field=field)


def metadata(values: Mapping[str, str]) -> None:
    """Check a merchant's own notes."""
    if len(values) > METADATA_KEYS_MAX:
        raise Invalid(f"metadata has at most {METADATA_KEYS_MAX} keys", field="metadata")
    for key, value in values.items():
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
        no_card(key, "metadata")
        no_card(value, "metadata")


def kept_facts(kind: MethodKind, facts: Mapping[str, str]) -> None:
    """Refuse to keep what nobody could be charged by, or paid back to, later."""
    ways = KEPT_BY.get(kind, ())
    if ways and not any(all(facts.get(name) for name in names) for names in ways):
        wanted = ", or ".join(" and ".join(names) for names in ways)
        raise Invalid(f"to keep this, facts has {wanted}", field="facts")


def noted(before: Mapping[str, str], change: Mapping[str, str]) -> dict[str, str]:
    """Return metadata after a change: keys are set, and an empty text takes one away."""
    after = {key: value for key, value in {**before, **change}.items() if value}
    metadata(after)
    return after


def limit(asked: int) -> int:
    """Return how long a page may be."""
    if not 1 <= asked <= PAGE_MAX:
        raise Invalid(f"a page has 1 to {PAGE_MAX} lines", field="limit")
    return asked


def aware(at: datetime | None, field: str) -> datetime | None:
    """Check that an instant says its offset; return it in UTC."""
    if at is None:
        return None
    if at.tzinfo is None:
        raise Invalid("a time says its offset from UTC, such as Z", field=field)
    return at.astimezone(UTC)


def new_payment(uuid: UUID) -> UUID:
    """Return a payment's id: its last byte is free for the numbers of its attempts."""
    return UUID(int=uuid.int & ~0xFF)


def payment_id(text: str, field: str = "payment") -> UUID:
    """Read a payment's id."""
    found = ids.read("pay", text, field)
    if found.int & 0xFF:
        raise UnknownPayment(field=field)
    return found


def attempt_id(payment: UUID, number: int) -> UUID:
    """Return the id of a payment's attempt by its number."""
    return UUID(int=payment.int | number)


def payment_of(attempt: UUID) -> UUID:
    """Return the payment an attempt belongs to."""
    return UUID(int=attempt.int & ~0xFF)


def customer_id(text: str) -> UUID:
    """Read a customer's id."""
    return ids.read("cus", text, "customer")


def as_json(values: Mapping[str, str]) -> str:
    """Write a merchant's own notes as they are stored."""
    return _encode(values).decode()


def somewhere(words: str) -> str:
    """Return a pattern of ILIKE that finds these words anywhere, each sign as it is written."""
    escaped = text(words, "text", ORDER_CHARACTERS_MAX).replace("\\", "\\\\")
    return "%" + escaped.replace("%", "\\%").replace("_", "\\_") + "%"


def shortened(text: str) -> str | None:
    """Return another's words, fit to be stored and shown; none are absent."""
    return "".join(one for one in text if one.isprintable())[:TEXT_CHARACTERS_MAX] or None
