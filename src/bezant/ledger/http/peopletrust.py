"""The book as clients of the family `peopletrust` know it: users, currencies, transactions.

docs/guides/peopletrust-ledger.md shows the shapes. An amount is a JSON number or text in major
units; it is read from the body's own characters, so a number never becomes a float here.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Final

import msgspec
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from bezant.actor import Actor
from bezant.errors import Invalid
from bezant.http.fast import FastAnswer, FastBody, FastRequest, FastRoute
from bezant.http.idempotency import Idempotency
from bezant.http.pages import PageQuery
from bezant.http.routes import Asker, Routes
from bezant.ledger.http.routes import READ, RECOMPUTE, WRITE, cursor_of
from bezant.ledger.http.users import EXTERNAL, Users, no_account
from bezant.ledger.port import (
    TEXT_CHARACTERS_MAX,
    BalanceOf,
    Ledger,
    Leg,
    LegAmount,
    MalformedTransfer,
    PostTransfer,
    Reconcile,
    Side,
    Transfer,
    TransfersOf,
    Unbalanced,
)
from bezant.money import Asset, MalformedAmount, Money, asset_of

FAMILY: Final = "peopletrust"
Written = Annotated[
    msgspec.Raw,
    msgspec.Meta(
        extra_json_schema={
            "type": ["string", "number"],
            "description": "A decimal in major units, read as text.",
            "examples": ["19.99"],
        }
    ),
]
"""An amount exactly as it was written."""
Short = Annotated[str, msgspec.Meta(max_length=TEXT_CHARACTERS_MAX)]


class EntryBody(FastBody, frozen=True, rename="camel"):
    """One user debited or credited."""

    user_id: Short
    type: Side
    amount: Written


class TransactionBody(FastBody, frozen=True, rename="camel"):
    """Money from one user to another, or entries whose debits equal their credits."""

    currency: str
    from_user_id: Short = ""
    to_user_id: Short = ""
    amount: Written = msgspec.field(default_factory=msgspec.Raw)
    entries: list[EntryBody] = msgspec.field(default_factory=list[EntryBody])
    description: Short = ""
    transaction_id: Short = ""
    metadata: dict[str, str] = msgspec.field(default_factory=dict[str, str])

    def lines(self, asset: Asset) -> list["Line"]:
        """Return what each user is debited or credited."""
        simple = bool(self.from_user_id or self.to_user_id or bytes(self.amount))
        if simple and self.entries:
            raise MalformedTransfer("name two users or list entries, not both", field="entries")
        if not simple:
            return [
                Line(
                    _named(entry.user_id, f"entries[{place}].userId"),
                    entry.type,
                    read_amount(entry.amount, asset, f"entries[{place}].amount"),
                    f"entries[{place}].userId",
                )
                for place, entry in enumerate(self.entries)
            ]
        amount = read_amount(self.amount, asset, "amount")
        payer = _named(self.from_user_id, "fromUserId")
        payee = _named(self.to_user_id, "toUserId")
        return [
            Line(payer, Side.DEBIT, amount, "fromUserId"),
            Line(payee, Side.CREDIT, amount, "toUserId"),
        ]


class Line(msgspec.Struct, frozen=True):
    """A user and what is to happen to them."""

    user: str
    side: Side
    amount: Money
    field: str


class EntryAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """One user debited or credited."""

    user_id: str
    type: Side
    amount: str


class TransactionAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """A transaction, which never changes again."""

    id: str
    transaction_id: str
    currency: str
    entries: list[EntryAnswer]
    description: str
    metadata: dict[str, str]
    created_at: datetime
    checksum: str = ""
    """SHA-256 over the members above, written as JSON with sorted keys and without spaces."""
    status: str = "posted"


class Camel(BaseModel):
    """An answer of the ordinary lane."""

    model_config = ConfigDict(
        frozen=True, from_attributes=True, alias_generator=to_camel, populate_by_name=True
    )


class EntryModel(Camel):
    """One user debited or credited."""

    user_id: str
    type: Side
    amount: str


class TransactionModel(Camel):
    """A transaction, which never changes again."""

    id: str
    transaction_id: str
    currency: str
    entries: list[EntryModel]
    description: str
    metadata: dict[str, str]
    created_at: datetime
    checksum: str
    status: str


class TransactionsModel(Camel):
    """A page of a user's transactions, newest first."""

    user_id: str
    transactions: list[TransactionModel]
    has_more: bool


class BalanceModel(Camel):
    """What a user has."""

    user_id: str
    currency: str
    balance: str
    held: str
    available: str
    position: str
    """The last transaction that is in it."""


class DifferenceModel(Camel):
    """A balance that does not follow from the entries."""

    account_id: str
    transaction_id: str
    currency: str
    stored: str
    recomputed: str
    what: str


class ReconciliationModel(Camel):
    """What recomputing every balance found."""

    status: str
    accounts: int
    entries: int
    differences: list[DifferenceModel]
    checked_at: datetime


def routes(ledger: Ledger) -> Routes:
    """Return the four addresses this family knows."""
    found = Routes("ledger", family=FAMILY)
    users = Users(ledger)

    async def post_transaction(request: FastRequest[TransactionBody]) -> FastAnswer:
        """Move money between users."""
        body = request.body
        asset = asset_of(body.currency, "currency")
        lines = body.lines(asset)
        _refuse_unbalanced(lines, asset)
        command = PostTransfer(
            request.idempotency_key or _key_of(body.transaction_id) or request.request_id,
            request.actor.tenant,
            request.actor.mode,
            await _legs(users, request.actor, lines, asset),
            reference=body.transaction_id,
            reason=body.description,
            metadata=body.metadata,
        )
        transfer = await ledger.post(command)
        told = await _told(users, request.actor, transfer)
        return FastAnswer(told, 201, transfer.replayed)

    found.add_fast(
        FastRoute(
            "POST", "/ledger/transactions", WRITE, post_transaction, TransactionBody,
            TransactionAnswer, idempotency=Idempotency.OPTIONAL,
        )
    )  # fmt: skip
    _questions(found, ledger, users)
    return found


def _questions(routes: Routes, ledger: Ledger, users: Users) -> None:
    @routes.get("/ledger/balances/{userId}/{currency}", permission=READ)
    async def balance(userId: str, currency: str, asker: Asker) -> BalanceModel:  # noqa: N803
        """Return what a user has."""
        asset = asset_of(currency, "currency")
        account = await users.find(asker, userId, asset)
        if account is None:
            raise no_account("userId")
        found = await ledger.balance(BalanceOf(asker.tenant, asker.mode, account.id))
        return BalanceModel(
            user_id=userId,
            currency=asset.code,
            balance=found.posted.decimal(),
            held=found.held.decimal(),
            available=found.available.decimal(),
            position=found.position,
        )

    @routes.get("/ledger/transactions/{userId}", permission=READ)
    async def transactions(
        userId: str,  # noqa: N803 - the family's own name
        asker: Asker,
        page: PageQuery,
        currency: str | None = None,
    ) -> TransactionsModel:
        """List a user's transactions, newest first."""
        query = TransfersOf(
            asker.tenant, asker.mode, currency, owner=userId, limit=page.limit,
            before=cursor_of(page),
        )  # fmt: skip
        found = await ledger.transfers(query)
        told = [
            TransactionModel.model_validate(await _told(users, asker, one))
            for one in found.transfers
            if one.legs  # An account that was opened moved nothing.
        ]
        return TransactionsModel(user_id=userId, transactions=told, has_more=found.has_more)

    @routes.post("/ledger/reconcile", permission=RECOMPUTE, status=200)
    async def reconcile(asker: Asker) -> ReconciliationModel:
        """Recompute every balance from its entries."""
        found = await ledger.reconcile(Reconcile(asker.tenant, asker.mode))
        return ReconciliationModel(
            status="differences" if found.differences else "balanced",
            accounts=found.accounts,
            entries=found.entries,
            differences=[
                DifferenceModel(
                    account_id=one.account,
                    transaction_id=one.transfer,
                    currency=one.stored.asset.code,
                    stored=one.stored.decimal(),
                    recomputed=one.recomputed.decimal(),
                    what=one.what,
                )
                for one in found.differences
            ],
            checked_at=found.checked_at,
        )

    del balance, transactions, reconcile


def read_amount(written: msgspec.Raw, asset: Asset, field: str) -> Money:
    """Read an amount from its own characters: 1e2 is none, whatever number it may stand for."""
    text = bytes(written).decode()
    if text.startswith('"'):
        text = msgspec.json.decode(text, type=str)
    amount = Money.parse(text, asset, field) if text else None
    if amount is None:
        raise MalformedAmount('an amount looks like "19.99"', field=field)
    if amount.minor <= 0:
        raise LegAmount("the amount is more than zero", field=field)
    return amount


def checksum_of(transaction: TransactionAnswer) -> str:
    """Return the hash over everything a transaction says."""
    members = msgspec.to_builtins(transaction)
    covered = {name: members[name] for name in members.keys() - {"checksum", "status"}}
    return hashlib.sha256(msgspec.json.encode(covered, order="sorted")).hexdigest()


def _key_of(transaction: str) -> str:
    """Return what a client's own number for a transaction stands for as an idempotency key."""
    digest = hashlib.sha256(transaction.encode()).hexdigest()
    return f"transaction:{digest}" if transaction else ""


def _named(user: str, field: str) -> str:
    if not user:
        raise Invalid("say which user; `external` is the world outside", field=field)
    return user


def _refuse_unbalanced(lines: Sequence[Line], asset: Asset) -> None:
    """Refuse before an account is opened for what would be refused anyway."""
    total = sum(
        line.amount.minor if line.side is Side.CREDIT else -line.amount.minor for line in lines
    )
    if total:
        raise Unbalanced(
            f"debits and credits differ by {asset(abs(total))}",
            field="entries",
        )
    if len({line.user for line in lines}) < max(2, len(lines)):
        raise MalformedTransfer("a transaction names two users or more, each once", field="entries")


async def _legs(users: Users, actor: Actor, lines: Sequence[Line], asset: Asset) -> tuple[Leg, ...]:
    """Find every user's account; whoever is credited for the first time is given one."""
    found = {line.user: await users.find(actor, line.user, asset) for line in lines}
    for line in lines:
        if found[line.user] is None and line.side is Side.DEBIT and line.user != EXTERNAL:
            raise no_account(line.field)
    legs: list[Leg] = []
    for line in lines:
        account = found[line.user] or await users.open(actor, line.user, asset)
        legs.append(Leg(account.id, line.side, line.amount))
    return tuple(legs)


async def _told(users: Users, actor: Actor, transfer: Transfer) -> TransactionAnswer:
    owners: Mapping[str, str] = await users.owners(actor, {leg.account for leg in transfer.legs})
    told = TransactionAnswer(
        transfer.id,
        transfer.reference or transfer.id,
        transfer.asset,
        [
            EntryAnswer(owners[leg.account], leg.side, leg.amount.decimal())
            for leg in transfer.legs
        ],
        transfer.reason,
        dict(transfer.metadata),
        transfer.recorded_at,
    )  # fmt: skip
    return msgspec.structs.replace(told, checksum=checksum_of(told))
