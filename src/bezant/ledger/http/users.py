"""Users of a merchant as some clients see them: a user is the owner of one account in a currency.

The account is found by its owner, whoever opened it, and opened when the user is first credited.
Nothing is guessed: a user with several accounts in one currency is sent to `/v1`.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from bezant.actor import Actor
from bezant.errors import Refused
from bezant.ledger.port import (
    Account,
    AccountsOf,
    AccountType,
    Ledger,
    OpenAccount,
    UnknownAccount,
)
from bezant.money import Asset

EXTERNAL: Final = "external"
"""The user that stands for everything outside: where money comes from, and where it goes."""
OWNERS_MAX: Final = 50_000  # About 10 MB; then the memory starts afresh.


class SeveralAccounts(Refused):
    """This user has several accounts in this currency; name the one you mean at /v1/transfers."""

    code = "several_accounts"


class Users:
    """Finds and opens the accounts of users."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._owners: dict[str, str] = {}

    async def find(self, actor: Actor, user: str, asset: Asset) -> Account | None:
        """Return a user's account, if there is one."""
        kind = AccountType.ASSET if user == EXTERNAL else AccountType.LIABILITY
        query = AccountsOf(actor.tenant, actor.mode, asset.code, user, kind, limit=2)
        found = (await self._ledger.accounts(query)).accounts
        if len(found) > 1:
            raise SeveralAccounts(facts={"user": user, "currency": asset.code})
        return found[0] if found else None

    async def open(self, actor: Actor, user: str, asset: Asset) -> Account:
        """Open a user's account; of two requests at once both are given the same."""
        outside = user == EXTERNAL
        digest = hashlib.sha256(user.encode()).hexdigest()
        return await self._ledger.open_account(
            OpenAccount(
                f"user:{asset.code}:{digest}",
                actor.tenant,
                actor.mode,
                asset.code,
                AccountType.ASSET if outside else AccountType.LIABILITY,
                user,
                None if outside else asset(0),
            )
        )

    async def owners(self, actor: Actor, accounts: set[str]) -> Mapping[str, str]:
        """Return whose these accounts are; an account never changes its owner."""
        if len(self._owners) > OWNERS_MAX:
            self._owners.clear()
        for account in accounts - self._owners.keys():
            found = await self._ledger.account(actor.tenant, actor.mode, account)
            self._owners[account] = found.owner
        return {account: self._owners[account] for account in accounts}


def no_account(field: str) -> UnknownAccount:
    """Return the error for a user without an account."""
    return UnknownAccount("this user has no account in this currency", field=field)
