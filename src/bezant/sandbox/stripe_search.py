"""Search over PaymentIntents: `metadata['order']:'7' AND status:'succeeded'`.

Stripe's index lags behind by up to a minute; the script `stale` makes this one do so.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bezant.sandbox.book import Page
from bezant.sandbox.emulator import Call
from bezant.sandbox.exchange import Answer
from bezant.sandbox.scripts import Effect
from bezant.sandbox.store import things
from bezant.sandbox.stripe_errors import refuse
from bezant.sandbox.stripe_expand import told
from bezant.sandbox.stripe_render import intent as show_intent
from bezant.sandbox.stripe_requests import LIMIT, LIMIT_MAX, Wish, unix
from bezant.sandbox.stripe_shapes import PaymentIntent

QUERY_CHARACTERS_MAX: Final = 2_000
CLAUSES_MAX: Final = 10
_QUOTED: Final = r"""(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<number>\d{1,18}|null))"""
_CLAUSE: Final = re.compile(
    r"""\s*(?P<no>-?)(?P<field>\w+)(?:\[["'](?P<key>[^"']{1,40})["']\])?"""
    rf"\s*(?P<compare>:|>=|<=|>|<|~)\s*{_QUOTED}\s*"
)
_JOINT: Final = re.compile(r"(AND|OR)\s", re.IGNORECASE)
_COMPARED: Final[Mapping[str, Callable[[int, int], bool]]] = {
    ":": operator.eq,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition of a query."""

    negated: bool
    field: str
    key: str
    compare: str
    value: str

    def holds(self, one: PaymentIntent) -> bool:
        """Tell whether an intent fulfils it."""
        return self._holds(one) is not self.negated

    def _holds(self, one: PaymentIntent) -> bool:
        texts = {"status": one.status, "currency": one.currency, "customer": one.customer}
        numbers = {"amount": one.amount, "created": unix(one.created)}
        if self.field == "metadata":
            found = one.metadata.get(self.key)
            if self.value == "null" and self.compare == ":":
                return found is None
            return found is not None and self._text(found)
        if self.field in texts:
            return self._text(texts[self.field])
        if self.field in numbers:
            return self._number(numbers[self.field])
        raise refuse(
            f"Field `{self.field}` is an unsupported search field for resource `payment_intents`.",
            param="query",
        )

    def _text(self, found: str) -> bool:
        if self.compare == "~":
            return self.value.lower() in found.lower()
        if self.compare != ":":
            raise refuse(f"`{self.compare}` needs a number.", param="query")
        return found == self.value

    def _number(self, found: int) -> bool:
        if not self.value.isdecimal() or self.compare not in _COMPARED:
            raise refuse(f"`{self.field}` is a number.", param="query")
        return _COMPARED[self.compare](found, int(self.value))


def search(call: Call, page: Page) -> Answer:
    """Answer what fits a query, the newest first."""
    wish = Wish(call, "query", "limit", "page")
    clauses, every = _read(wish.needed("query"))
    limit = wish.whole("limit") or LIMIT
    begin = wish.text("page", "0")
    if not 1 <= limit <= LIMIT_MAX or not begin.isdecimal():
        raise refuse("Invalid page or limit.", param="limit")
    script = call.script
    stale = script is not None and script.effect is Effect.STALE
    seen = page.now - timedelta(seconds=script.seconds) if script and stale else None
    agree = all if every else any
    fitting = [
        one
        for one in _candidates(page, clauses, every=every)
        if agree(clause.holds(one) for clause in clauses) and (seen is None or one.created < seen)
    ]
    part = fitting[int(begin) : int(begin) + limit]
    more = len(fitting) > int(begin) + limit
    found = {
        "object": "search_result",
        "url": call.path,
        "has_more": more,
        "next_page": str(int(begin) + limit) if more else None,
        "data": [show_intent(page, one) for one in part],
    }
    return told(page, wish, found)


def _candidates(page: Page, clauses: Sequence[Clause], *, every: bool) -> Sequence[PaymentIntent]:
    """Return what may fit: by a value of the metadata, if every hit has to have it."""
    by_mark = [
        one for one in clauses if (one.field, one.compare, one.negated) == ("metadata", ":", False)
    ]
    if not every or not by_mark or by_mark[0].value == "null":
        return page.find(PaymentIntent)
    names = things.marked(page.book, page.provider, by_mark[0].value)
    found = [page.get(PaymentIntent, name) for name in names]
    return sorted((one for one in found if one), key=lambda one: one.created, reverse=True)


def _read(query: str) -> tuple[list[Clause], bool]:
    if len(query) > QUERY_CHARACTERS_MAX:
        raise refuse("The search query is too long.", param="query")
    clauses: list[Clause] = []
    joints: set[str] = set()
    at = 0
    while True:
        found = _CLAUSE.match(query, at)
        if found is None or len(clauses) == CLAUSES_MAX:
            raise refuse(
                "We were unable to parse your search query. Try using the format "
                'metadata["key"]:"value" to query for metadata or key:"value" to query for '
                "other fields.",
                param="query",
            )
        value = next(one for one in found.group("double", "single", "number") if one is not None)
        clauses.append(
            Clause(bool(found["no"]), found["field"], found["key"] or "", found["compare"], value)
        )
        at = found.end()
        if at == len(query):
            break
        joint = _JOINT.match(query, at)
        joints.add(joint[1].upper() if joint else "AND")
        at = joint.end() if joint else at
    if len(joints) > 1:
        raise refuse("A query cannot combine AND and OR.", param="query")
    return clauses, joints != {"OR"}
