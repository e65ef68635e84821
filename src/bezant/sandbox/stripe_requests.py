"""Parameters as Stripe reads them: a form with brackets, refused where a name is unknown."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Generic, TypeVar

from bezant.assets import CURRENCIES_BY_EXPONENT
from bezant.sandbox.book import Page, Thing
from bezant.sandbox.emulator import Call
from bezant.sandbox.stripe_errors import missing, refuse

TEXT_CHARACTERS_MAX: Final = 5_000
METADATA_KEYS_MAX: Final = 50
LIMIT_MAX: Final = 100
LIMIT: Final = 10
PART: Final = 200
AMOUNT_MAX: Final = 99_999_999
_ROOT: Final = re.compile(r"[^\[]*")
_WHOLE: Final = re.compile(r"-?\d{1,18}", re.ASCII)
_MINIMA: Final = {"usd": 50, "eur": 50, "gbp": 30, "jpy": 50, "chf": 50, "cad": 50, "aud": 50}
# Stripe counts some currencies otherwise than ISO 4217 does.
_WITHOUT_DECIMALS: Final = frozenset(
    [
        *("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga"),
        *("pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"),
    ]
)
_THREE_DECIMALS: Final = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
_CURRENCIES: Final = frozenset(
    line.split()[0].lower()
    for table in CURRENCIES_BY_EXPONENT.values()
    for line in table.strip().splitlines()
)
Kind = TypeVar("Kind", bound=Thing)


def decimals_of(currency: str) -> int:
    """Return how many decimals Stripe's amounts in a currency have."""
    if currency in _WITHOUT_DECIMALS:
        return 0
    return 3 if currency in _THREE_DECIMALS else 2


class Wish:
    """The parameters of one call."""

    def __init__(self, call: Call, *roots: str) -> None:
        self.call = call
        self._pairs = call.pairs
        self._form = call.form
        known = {*roots, "expand"}
        for name, _ in self._pairs:
            root = _ROOT.match(name)
            if root is None or root[0] not in known:
                raise refuse(
                    f"Received unknown parameter: {name}", code="parameter_unknown", param=name
                )

    def __contains__(self, name: str) -> bool:
        return any(key == name or key.startswith(f"{name}[") for key, _ in self._pairs)

    def text(self, name: str, default: str = "") -> str:
        """Return a text."""
        found = self._form.get(name)
        if found is None:
            return default
        if len(found) > TEXT_CHARACTERS_MAX:
            raise refuse(
                f"Invalid string: this may be at most {TEXT_CHARACTERS_MAX} characters.",
                code="parameter_invalid_string",
                param=name,
            )
        return found

    def needed(self, name: str) -> str:
        """Return a text that has to be there."""
        found = self.text(name)
        if not found:
            raise refuse(f"Missing required param: {name}.", code="parameter_missing", param=name)
        return found

    def one_of(self, name: str, choices: Sequence[str], default: str = "") -> str:
        """Return one of some texts."""
        found = self.text(name, default)
        if found and found not in choices:
            raise refuse(f"Invalid {name}: must be one of {', '.join(choices)}", param=name)
        return found

    def yes(self, name: str) -> bool:
        """Return a yes or no."""
        found = self.text(name, "false")
        if found not in {"true", "false"}:
            raise refuse(f"Invalid boolean: {found}", param=name)
        return found == "true"

    def whole(self, name: str) -> int | None:
        """Return a whole number, if there is one."""
        found = self.text(name)
        if not found:
            return None
        if not _WHOLE.fullmatch(found):
            raise refuse(
                f"Invalid integer: {found[:40]}", code="parameter_invalid_integer", param=name
            )
        return int(found)

    def amount(self, name: str) -> int | None:
        """Return an amount of at least 1, if there is one."""
        found = self.whole(name)
        if found is not None and found < 1:
            raise refuse(
                "This value must be greater than or equal to 1.",
                code="parameter_invalid_integer",
                param=name,
            )
        return found

    def many(self, name: str) -> list[str]:
        """Return a list: `expand[]=a&expand[]=b` or `expand[0]=a`."""
        inner = re.compile(rf"{re.escape(name)}\[\d{{0,4}}\]")
        return [value for key, value in self._pairs if inner.fullmatch(key)]

    def group(self, name: str) -> dict[str, str]:
        """Return `name[a]=1&name[b]=2` by the inner names."""
        return {
            key[len(name) + 1 : -1]: value
            for key, value in self._pairs
            if key.startswith(f"{name}[") and key.endswith("]")
        }

    def metadata(self, old: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the metadata, on top of what was there; an empty value takes one away."""
        merged = {**(old or {}), **self.group("metadata")}
        kept = {key: value for key, value in merged.items() if value}
        if len(kept) > METADATA_KEYS_MAX:
            raise refuse(f"Metadata can have up to {METADATA_KEYS_MAX} keys.", param="metadata")
        return kept

    def page_of(
        self,
        page: Page,
        kind: type[Kind],
        shown: Callable[[Kind], Mapping[str, object]],
        *,
        parent: str | None = None,
        name: str | None = None,
        wanted: Callable[[Kind], bool] | None = None,
    ) -> Mapping[str, object]:
        """Return a page of a list, the newest first, as every list of Stripe is."""
        limit = self.whole("limit")
        limit = LIMIT if limit is None else limit
        if not 1 <= limit <= LIMIT_MAX:
            raise refuse(f"This value must be between 1 and {LIMIT_MAX}.", param="limit")
        after, before = self.text("starting_after"), self.text("ending_before")
        for cursor, param in ((after, "starting_after"), (before, "ending_before")):
            if cursor and page.get(kind, cursor) is None:
                raise missing(cursor, kind.__name__.lower(), param)
        shelf = _Shelf(page, kind, parent, name, wanted)
        fitting = shelf.before(before, limit) if before else shelf.after(after, limit)
        part = fitting[-limit:] if before else fitting[:limit]
        return {
            "object": "list",
            "url": self.call.path,
            "has_more": len(fitting) > len(part),
            "data": [shown(one) for one in part],
        }

    def within(self, name: str, at: datetime) -> bool:
        """Tell whether an instant fits `created[gte]=…` and its like."""
        seconds = unix(at)
        compared: Mapping[str, Callable[[int], bool]] = {
            name: lambda limit: seconds == limit,
            f"{name}[gt]": lambda limit: seconds > limit,
            f"{name}[gte]": lambda limit: seconds >= limit,
            f"{name}[lt]": lambda limit: seconds < limit,
            f"{name}[lte]": lambda limit: seconds <= limit,
        }
        limits = [(self.whole(key), fits) for key, fits in compared.items()]
        return all(limit is None or fits(limit) for limit, fits in limits)


class _Shelf(Generic[Kind]):
    """The objects of a list that are wanted, read in parts and no further than needed."""

    def __init__(
        self,
        page: Page,
        kind: type[Kind],
        parent: str | None,
        name: str | None,
        wanted: Callable[[Kind], bool] | None,
    ) -> None:
        self._find = partial(page.find, kind, parent=parent, name=name, limit=PART)
        self._wanted = wanted

    def after(self, cursor: str, limit: int) -> list[Kind]:
        """Return more than `limit` that are older than this one, if there are so many."""
        fitting: list[Kind] = []
        while len(fitting) <= limit:
            part = self._find(older_than=cursor or None)
            fitting += self._fitting(part)
            if len(part) < PART:
                break
            cursor = part[-1].id
        return fitting

    def before(self, cursor: str, limit: int) -> list[Kind]:
        """Return more than `limit` that are newer, the newest first, if there are so many."""
        fitting: list[Kind] = []
        while len(fitting) <= limit:
            part = self._find(newer_than=cursor)
            fitting = [*self._fitting(part), *fitting]
            if len(part) < PART:
                break
            cursor = part[0].id
        return fitting

    def _fitting(self, part: Sequence[Kind]) -> Sequence[Kind]:
        wanted = self._wanted
        return part if wanted is None else [one for one in part if wanted(one)]


def unix(at: datetime) -> int:
    """Return an instant as Stripe writes it."""
    return int(at.timestamp())


def midnight(at: datetime) -> datetime:
    """Return the beginning of an instant's day."""
    return at - timedelta(
        hours=at.hour, minutes=at.minute, seconds=at.second, microseconds=at.microsecond
    )


def money(wish: Wish) -> tuple[int, str]:
    """Read the amount and the currency of a new payment."""
    currency = wish.needed("currency").lower()
    if currency not in _CURRENCIES:
        raise refuse(f"Invalid currency: {currency[:10]}.", param="currency")
    amount = wish.amount("amount")
    if amount is None:
        raise refuse("Missing required param: amount.", code="parameter_missing", param="amount")
    if amount > AMOUNT_MAX:
        raise refuse(
            f"Amount must be no more than {AMOUNT_MAX} {currency}",
            code="amount_too_large",
            param="amount",
        )
    if amount < _MINIMA.get(currency, 1):
        raise refuse(
            f"Amount must be at least {_MINIMA[currency]} {currency}",
            code="amount_too_small",
            param="amount",
        )
    if currency in _THREE_DECIMALS and amount % 10:
        raise refuse(f"Invalid amount: {currency} amounts end in 0.", param="amount")
    return amount, currency
