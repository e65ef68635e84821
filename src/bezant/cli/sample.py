"""The sample data of demo mode: a merchant with keys, a login, and a small book."""

import os
import secrets
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from bezant.actor import PLATFORM, Actor, Caller, Mode
from bezant.cli.exits import Stop
from bezant.cli.installation import write_durably
from bezant.identity.port import (
    AcceptInvitation,
    CreateApiKey,
    CreateMerchant,
    InviteMember,
    KeyKind,
    Role,
)
from bezant.ids import Ids
from bezant.ledger.port import AccountType, Leg, OpenAccount, PostTransfer, Side
from bezant.money import EUR, Money
from bezant.payments.port import ChangeTerms, FeeRule, Terms
from bezant.secret import Secret

if TYPE_CHECKING:
    from bezant.wiring.house import House

MERCHANT: Final = "Weigh House Books"
PASSWORD_BYTES: Final = 12
FEE_PERCENT: Final = Decimal("1.4")
FEE_FIXED: Final = EUR(25)
_ITSELF: Final = Actor(Caller.MODULE, "sample", PLATFORM, Mode.TEST, frozenset({"settings.write"}))
"""The first fees are the demo's own: there is nobody yet who could agree to them."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What a newcomer needs to call and to sign in. Worthless outside its own demo."""

    merchant: str
    publishable_key: str
    secret_key: str
    email: str
    password: str
    second_email: str = ""
    """Somebody else of the same team: what needs four eyes needs two people."""
    second_password: str = ""


async def sample_of(path: Path, house: "House", ids: Ids) -> Sample:
    """Return the sample data of this demo, making it on the first start."""
    if path.exists():
        try:
            return msgspec.json.decode(path.read_bytes(), type=Sample)
        except (OSError, ValueError):
            raise Stop(
                f"{path} cannot be read.", "Move it away, and new samples are made."
            ) from None
    made = await _make(house, ids)
    write_durably(path, msgspec.json.format(msgspec.json.encode(made)).decode() + os.linesep)
    return made


async def _make(house: "House", ids: Ids) -> Sample:
    """Make everything anew: what an interrupted start left behind is another merchant's."""
    from bezant.wiring.lent import operator

    by = operator(Mode.TEST)
    merchant = ids.new("mer")
    await house.identity.create_merchant(CreateMerchant(merchant, by, MERCHANT, demo=True))
    keys = {
        kind: await house.identity.create_key(
            CreateApiKey(ids.new("key"), by, merchant, kind, Role.ADMIN, "Sample")
        )
        for kind in (KeyKind.PUBLISHABLE, KeyKind.SECRET)
    }
    email, password = await _joined(house, ids, merchant, Role.ADMIN, "Owner")
    second_email, second_password = await _joined(house, ids, merchant, Role.FINANCE, "Finance")
    await _open_books(house, merchant)
    await _set_fees(house)
    return Sample(
        merchant=merchant,
        publishable_key=keys[KeyKind.PUBLISHABLE].secret.reveal(),
        secret_key=keys[KeyKind.SECRET].secret.reveal(),
        email=email,
        password=password,
        second_email=second_email,
        second_password=second_password,
    )


async def _joined(
    house: "House", ids: Ids, merchant: str, role: Role, name: str
) -> tuple[str, str]:
    """Let somebody join the sample shop; return how they sign in."""
    from bezant.wiring.lent import operator

    password = secrets.token_urlsafe(PASSWORD_BYTES)
    email = f"{name.lower()}.{merchant[-6:]}@weighhouse.example"
    invited = await house.identity.invite(
        InviteMember(ids.new("inv"), operator(Mode.TEST), merchant, email, role)
    )
    accepted = AcceptInvitation(invited.token, f"Sample {name}", Secret(password))
    await house.identity.accept_invitation(accepted)
    return email, password


async def _set_fees(house: "House") -> None:
    """A fee that shows in the books, unless somebody has set others."""
    terms = await house.payments.terms()
    if not terms.fees:
        euros = FeeRule(FEE_PERCENT, FEE_FIXED.minor, asset="EUR")
        wanted = Terms(terms.routing, (euros, FeeRule(FEE_PERCENT)), terms.limits)
        await house.payments.change_terms(ChangeTerms(_ITSELF, wanted))


async def _open_books(house: "House", merchant: str) -> None:
    """Three accounts and two transfers: enough to see balances, a statement and a trial balance."""
    opened = {
        name: await house.ledger.open_account(
            OpenAccount(f"sample-{name}", merchant, Mode.TEST, "EUR", kind, owner, floor)
        )
        for name, kind, owner, floor in (
            ("bank", AccountType.ASSET, "bank", None),
            ("ada", AccountType.LIABILITY, "ada", EUR(0)),
            ("ben", AccountType.LIABILITY, "ben", EUR(0)),
        )
    }

    def move(name: str, debit: str, credit: str, amount: Money, reason: str) -> PostTransfer:
        legs = (
            Leg(opened[debit].id, Side.DEBIT, amount),
            Leg(opened[credit].id, Side.CREDIT, amount),
        )
        return PostTransfer(f"sample-{name}", merchant, Mode.TEST, legs, reason=reason)

    await house.ledger.post(move("deposit", "bank", "ada", EUR(100_00), "Ada pays in"))
    await house.ledger.post(move("lunch", "ada", "ben", EUR(12_50), "Lunch"))
