"""What the routes of rules for people share: fees and limits are parts of the same terms."""

from typing import Annotated, Final, Literal

from pydantic import Field

from bezant.actor import PLATFORM, Actor
from bezant.money import Asset, Money, asset_of
from bezant.payments.port import MalformedRules, PlatformOnly, Terms, TermsChange, TermsState

READ: Final = "settings.read"
WRITE: Final = "settings.write"
Text = Annotated[str, Field(max_length=80)]
Part = Literal["routing", "fees", "limits"]


def also_changed(change: TermsChange, now: Terms, shown: Part) -> list[Part]:
    """Return which other rules would be replaced, once somebody agrees to what is shown."""
    if change.state is not TermsState.NEEDS_APPROVAL:
        return []
    wanted = change.terms
    differs: dict[Part, bool] = {
        "routing": wanted.routing != now.routing,
        "fees": wanted.fees != now.fees,
        "limits": wanted.limits != now.limits,
    }
    return [part for part, other in differs.items() if other and part != shown]


def major(minor: int | None, asset: str) -> str:
    """Write a bound as people do; nothing where there is none."""
    return "" if minor is None else Money(minor, asset_of(asset)).decimal()


def minor(written: str, asset: Asset, field: str) -> int:
    """Read a bound as people write it."""
    amount = Money.parse(written, asset, field)
    if amount.minor < 0:
        raise MalformedRules("an amount is 0 or more", field=field)
    return amount.minor


def of_the_platform(asker: Actor) -> None:
    """Refuse everybody but the platform's own people."""
    if asker.tenant != PLATFORM:
        raise PlatformOnly
