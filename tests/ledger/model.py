"""What a ledger is, in a hundred lines that share nothing with the real one."""

from dataclasses import dataclass
from datetime import datetime


@dataclass
class ModelAccount:
    """Credits less debits, what is set aside, how far down it may go, and whether it is open."""

    asset: str
    debit_normal: bool
    floor: int | None
    balance: int = 0
    held: int = 0
    state: str = "open"

    def natural(self) -> int:
        return -self.balance if self.debit_normal else self.balance

    def breaks(self) -> bool:
        return self.floor is not None and self.natural() - self.held < self.floor


@dataclass
class ModelHold:
    account: str
    to: str
    remaining: int
    until: datetime | None


class Model:
    """Answers each command with the code the book should answer with."""

    def __init__(self) -> None:
        self.accounts: dict[str, ModelAccount] = {}
        self.holds: dict[str, ModelHold] = {}
        self.legs: dict[str, list[tuple[str, int]]] = {}
        self.reversed: set[str] = set()
        self.reversals: set[str] = set()

    def open(self, id: str, asset: str, debit_normal: bool, floor: int | None) -> None:
        self.accounts[id] = ModelAccount(asset, debit_normal, floor)

    def name(self, id: str, legs: list[tuple[str, int]]) -> None:
        self.legs[id] = legs

    def _shape(self, legs: list[tuple[str, int]]) -> str:
        if len({self.accounts[account].asset for account, _ in legs}) > 1:
            return "wrong_asset"
        return "malformed_transfer" if len({a for a, _ in legs}) < len(legs) else "ok"

    def _try(self, legs: list[tuple[str, int]]) -> str:
        """Apply legs in order; the first that is refused undoes those before it."""
        done: list[tuple[str, int]] = []
        answer = "ok"
        for account, amount in legs:
            it = self.accounts[account]
            if it.state != "open":
                answer = f"account_{it.state}"
                break
            it.balance += amount
            done.append((account, amount))
            shrinks = amount > 0 if it.debit_normal else amount < 0
            if shrinks and it.breaks():
                answer = "insufficient_funds"
                break
        if answer != "ok":
            for account, amount in done:
                self.accounts[account].balance -= amount
        return answer

    def post(self, legs: list[tuple[str, int]]) -> str:
        shape = self._shape(legs)
        return shape if shape != "ok" else self._try(legs)

    def linked(self, pairs: list[list[tuple[str, int]]]) -> str:
        for legs in pairs:
            if (shape := self._shape(legs)) != "ok":
                return shape
        ordered = sorted(pairs, key=lambda legs: self.accounts[legs[0][0]].asset)
        for place, legs in enumerate(ordered):
            if (answer := self._try(legs)) != "ok":
                for before in ordered[:place]:
                    for account, amount in before:
                        self.accounts[account].balance -= amount
                return answer
        return "ok"

    def reverse(self, transfer: str) -> str:
        if transfer in self.reversals:
            return "not_reversible"
        if transfer in self.reversed:
            return "already_reversed"
        answer = self._try([(account, -amount) for account, amount in self.legs[transfer]])
        if answer == "ok":
            self.reversed.add(transfer)
        return answer

    def hold(self, account: str, to: str, amount: int) -> str:
        it = self.accounts[account]
        if account == to:
            return "malformed_transfer"
        if it.asset != self.accounts[to].asset:
            return "wrong_asset"
        if it.state != "open":
            return f"account_{it.state}"
        it.held += amount
        if it.breaks():
            it.held -= amount
            return "insufficient_funds"
        return "ok"

    def capture(
        self, hold: str, amount: int | None, now: datetime
    ) -> tuple[str, list[tuple[str, int]]]:
        it = self.holds[hold]
        if it.remaining == 0 or (it.until is not None and it.until <= now):
            return "hold_over", []
        taken = it.remaining if amount is None else amount
        if taken > it.remaining:
            return "hold_exceeded", []
        for account in (it.account, it.to):
            if self.accounts[account].state != "open":
                return f"account_{self.accounts[account].state}", []
        source, target = self.accounts[it.account], self.accounts[it.to]
        sign = 1 if source.debit_normal else -1
        source.balance += sign * taken
        source.held -= taken
        target.balance -= sign * taken
        paid_shrinks = sign < 0 if target.debit_normal else sign > 0
        if paid_shrinks and target.breaks():
            source.balance -= sign * taken
            source.held += taken
            target.balance += sign * taken
            return "insufficient_funds", []
        it.remaining -= taken
        return "ok", [(it.account, sign * taken), (it.to, -sign * taken)]

    def void(self, hold: str) -> str:
        it = self.holds[hold]
        if it.remaining == 0:
            return "hold_over"
        if self.accounts[it.account].state == "closed":
            return "account_closed"
        self.accounts[it.account].held -= it.remaining
        it.remaining = 0
        return "ok"

    def expire(self, now: datetime) -> int:
        due = [h for h in self.holds.values() if h.remaining and h.until and h.until <= now]
        for it in due:
            self.accounts[it.account].held -= it.remaining
            it.remaining = 0
        return len(due)

    def change(self, account: str, state: str) -> str:
        it = self.accounts[account]
        if it.state == "closed":
            return "account_closed"
        if state == "closed" and (it.balance or it.held):
            return "account_not_empty"
        it.state = state
        return "ok"

    def move_floor(self, account: str, floor: int | None) -> str:
        it = self.accounts[account]
        if it.state == "closed":
            return "account_closed"
        it.floor = floor
        return "ok"
