"""Settlement files: what a provider says it paid out, and kept, is posted to the book once.

Afterwards its `psp_receivable` holds only what it has not paid out yet. Money for references we do
not know goes to `suspense`, where somebody can find it.
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec

from bezant import ids
from bezant.actor import Mode
from bezant.errors import Invalid
from bezant.ledger.port import Side
from bezant.money import Asset, Money, asset_of, total
from bezant.payments.booking import Booked, Sides
from bezant.payments.elsewhere import Elsewhere
from bezant.payments.parts import Parts
from bezant.payments.port import BookRefused, BookUnavailable, FileUnfinished
from bezant.payments.question import SettledAsset, SettleFile, Settlement
from bezant.payments.rules import payment_of
from bezant.payments.store import settlement as stored
from bezant.psp.port import MethodKind, SettlementLine, UnknownProvider

FILE_BYTES_MAX: Final = 32_000_000
UNMATCHED_SHOWN_MAX: Final = 1_000
PAYOUT: Final = "payout"
FEE: Final = "fee"


class _KeptAsset(msgspec.Struct, frozen=True):
    asset: str
    gross: str
    fees: str
    paid_out: str


class _Kept(msgspec.Struct, frozen=True):
    """What a file came to, as it is stored."""

    lines: int
    matched: int
    unmatched: list[str]
    assets: list[_KeptAsset]


@dataclass(frozen=True, slots=True)
class _Sums:
    """What a file says about one asset."""

    gross: Money
    """All but payouts, positive towards us."""
    fees: Money
    paid_out: Money
    unknown: Money
    """The part of the gross no payment of ours has."""


class Settling:
    """Posts settlement files."""

    def __init__(self, parts: Parts, elsewhere: Elsewhere) -> None:
        self._parts = parts
        self._elsewhere = elsewhere

    async def settle(self, command: SettleFile) -> Settlement:
        """Post a file; the same file, and the same movement in another one, once."""
        parts = self._parts
        connector = parts.connectors.get(command.provider)
        if connector is None:
            raise UnknownProvider(field="provider")
        if len(command.file) > FILE_BYTES_MAX:
            raise Invalid(f"a file has at most {FILE_BYTES_MAX} bytes", field="file")
        digest = hashlib.sha256(command.file).digest()
        before = await stored.result(parts.database, digest)
        if before is not None:
            return _told(digest, msgspec.json.decode(before, type=_Kept), repeated=True)
        direct = connector.capabilities.methods == frozenset({MethodKind.BANK_TRANSFER})
        # A large file takes seconds to read, and payers do not wait for it.
        lines = await asyncio.to_thread(connector.settlement, command.file)
        if not direct:  # A bank may give all payers of a batch one name.
            lines = _each_once(lines)
        live = command.mode is Mode.LIVE
        lines = await self._new(lines, command.provider, live, digest)
        known = await self._attempts(lines, command.provider, live)
        ours = [(line, known[place]) for place, line in enumerate(lines) if place in known]
        await self._elsewhere.settled(command.provider, command.mode, ours)
        sums = {
            asset.code: _sums(asset, of, known, direct=direct) for asset, of in _by_asset(lines)
        }
        for code, one in sums.items():
            await self._posted(command, digest, code, one)
        kept = _kept(lines, known, sums)
        async with parts.database.transaction() as tx:
            first = await stored.add(
                tx, digest, parts.clock.now(), live, command.provider,
                msgspec.json.encode(kept).decode(),
            )  # fmt: skip
            costs = [
                (payment_of(known[place]), line.fee.minor)
                for place, line in enumerate(lines)
                if place in known and line.fee
            ]
            if first and costs:
                await stored.add_costs(tx, costs)
        return _told(digest, kept, repeated=not first)

    async def _new(
        self, lines: Sequence[SettlementLine], provider: str, live: bool, digest: bytes
    ) -> Sequence[SettlementLine]:
        """Return the movements that no other file has settled; they are ours from now on."""
        parts = self._parts
        named = [line.id for line in lines if line.id]
        async with parts.database.transaction() as tx:
            await stored.add_lines(tx, provider, live, named, digest)
        settled = await stored.lines_of_others(parts.database, provider, live, named, digest)
        if not all(settled.values()):
            # Whether their money is in the book nobody can tell before that file was sent again.
            raise FileUnfinished
        return [line for line in lines if not line.id or line.id not in settled]

    async def _attempts(
        self, lines: Sequence[SettlementLine], provider: str, live: bool
    ) -> dict[int, UUID]:
        """Return the attempt of each line that has one of ours, by the line's place."""
        database = self._parts.database
        keyed = {
            place: ids.read("att", line.attempt)
            for place, line in enumerate(lines)
            if line.attempt.startswith("att_") and len(line.attempt) == len("att_") + 32
        }
        ours = await stored.known_keys(database, provider, live, list(keyed.values()))
        references = [line.reference for line in lines if line.reference]
        by_reference = await stored.attempts(database, provider, live, references)
        found: dict[int, UUID] = {}
        for place, line in enumerate(lines):
            attempt = keyed.get(place)
            if attempt is not None and attempt in ours:
                found[place] = attempt
            elif line.reference in by_reference:
                found[place] = by_reference[line.reference]
        return found

    async def _posted(self, command: SettleFile, digest: bytes, code: str, sums: _Sums) -> None:
        sides: list[tuple[str, str, Side, Money]] = []
        owed = sums.paid_out + sums.fees - sums.unknown
        _add(sides, "cash_at_bank", command.bank_account, Side.DEBIT, sums.paid_out)
        _add(sides, "fees_paid", command.provider, Side.DEBIT, sums.fees)
        _add(sides, "psp_receivable", command.provider, Side.CREDIT, owed)
        _add(sides, "suspense", "", Side.CREDIT, sums.unknown)
        if not sides:
            return
        parts = self._parts
        name = f"tr_settle_{digest.hex()[:40]}_{code}"
        again = await stored.refusals(parts.database, digest, code)
        booked = await parts.booking.post(
            command.mode, name, _balanced(sides), digest.hex(), "settlement", again
        )
        if booked is Booked.LATER:
            raise BookUnavailable(retry_after_seconds=5.0)
        if booked is Booked.REFUSED:
            async with parts.database.transaction() as tx:
                await stored.add_refusal(tx, digest, code, parts.clock.now())
            raise BookRefused


def _each_once(lines: Sequence[SettlementLine]) -> Sequence[SettlementLine]:
    """Return each movement once, however often it stands in the file."""
    found: dict[object, SettlementLine] = {}
    for place, line in enumerate(lines):
        if found.setdefault(line.id or place, line) != line:
            raise Invalid("a movement stands twice and says two things", field="file")
    return list(found.values())


def _by_asset(
    lines: Sequence[SettlementLine],
) -> Iterable[tuple[Asset, list[tuple[int, SettlementLine]]]]:
    grouped: defaultdict[Asset, list[tuple[int, SettlementLine]]] = defaultdict(list)
    for place, line in enumerate(lines):
        grouped[line.gross.asset].append((place, line))
    return grouped.items()


def _sums(
    asset: Asset,
    lines: Sequence[tuple[int, SettlementLine]],
    known: dict[int, UUID],
    *,
    direct: bool,
) -> _Sums:
    moved = [(place, line) for place, line in lines if line.kind not in (PAYOUT, FEE)]
    gross = total([line.gross for _, line in moved], asset)
    fees = total([line.fee for _, line in lines], asset)
    # A line that is a fee itself has it as its gross, away from us.
    fees = fees - total([line.gross for _, line in lines if line.kind == FEE], asset)
    unknown = total([line.gross for place, line in moved if place not in known], asset)
    paid = total([line.gross for _, line in lines if line.kind == PAYOUT], asset)
    # What payers send to our own bank account lies there already: no payout follows.
    return _Sums(gross, fees, gross - fees if direct else -paid, unknown)


def _add(
    sides: list[tuple[str, str, Side, Money]], chart: str, of: str, side: Side, amount: Money
) -> None:
    if amount.minor:
        other = Side.CREDIT if side is Side.DEBIT else Side.DEBIT
        turned = amount.minor < 0
        sides.append((chart, of, other if turned else side, -amount if turned else amount))


def _balanced(sides: Sides) -> Sides:
    debits = sum(amount.minor for _, _, side, amount in sides if side is Side.DEBIT)
    credits_ = sum(amount.minor for _, _, side, amount in sides if side is Side.CREDIT)
    assert debits == credits_, "what a file says adds up by construction"
    return sides


def _kept(lines: Sequence[SettlementLine], known: dict[int, UUID], sums: dict[str, _Sums]) -> _Kept:
    unmatched = [
        line.reference or line.id
        for place, line in enumerate(lines)
        if place not in known and line.kind not in (PAYOUT, FEE)
    ]
    assets = [
        _KeptAsset(code, str(one.gross.minor), str(one.fees.minor), str(one.paid_out.minor))
        for code, one in sorted(sums.items())
    ]
    return _Kept(len(lines), len(known), unmatched[:UNMATCHED_SHOWN_MAX], assets)


def _told(digest: bytes, kept: _Kept, *, repeated: bool) -> Settlement:
    return Settlement(
        digest.hex(),
        kept.lines,
        kept.matched,
        tuple(kept.unmatched),
        tuple(
            SettledAsset(
                one.asset,
                Money(int(one.gross), asset_of(one.asset)),
                Money(int(one.fees), asset_of(one.asset)),
                Money(int(one.paid_out), asset_of(one.asset)),
            )
            for one in kept.assets
        ),
        repeated,
    )
