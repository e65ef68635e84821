"""`expand[]`: the object itself in place of its id, along a path as `latest_charge.refunds`."""

from collections.abc import Mapping, Sequence
from typing import Final, cast

from bezant.sandbox.book import Page, Thing
from bezant.sandbox.exchange import Answer
from bezant.sandbox.stripe_errors import refuse
from bezant.sandbox.stripe_render import Shown, shown
from bezant.sandbox.stripe_requests import Wish
from bezant.sandbox.stripe_shapes import (
    Charge,
    Customer,
    Dispute,
    PaymentIntent,
    PaymentMethod,
    Payout,
    Refund,
    Transaction,
)

DEPTH_MAX: Final = 4
_KINDS: Final[Mapping[str, type[Thing]]] = {
    "pi": PaymentIntent,
    "ch": Charge,
    "py": Charge,
    "pm": PaymentMethod,
    "re": Refund,
    "pyr": Refund,
    "dp": Dispute,
    "txn": Transaction,
    "po": Payout,
    "cus": Customer,
}


def told(page: Page, wish: Wish, value: Mapping[str, object]) -> Answer:
    """Answer an object or a list, expanded as the caller wishes."""
    whole = dict(value)
    for path in wish.many("expand"):
        names = path.split(".")
        if len(names) > DEPTH_MAX:
            raise refuse(f"You cannot expand more than {DEPTH_MAX} levels.", param="expand")
        _expand(page, whole, names, path)
    return Answer.json(200, whole)


def _expand(page: Page, value: Shown, names: Sequence[str], path: str) -> None:
    name, *rest = names
    if value.get("object") in {"list", "search_result"} and name == "data":
        for one in cast("list[Shown]", value["data"]):
            _expand(page, one, rest, path)
        return
    if name == "refunds" and value.get("object") == "charge":
        found = page.find(Refund, parent=str(value["id"]))
        listed = [shown(page, one) for one in found]
        url = f"/v1/charges/{value['id']}/refunds"
        value[name] = {"object": "list", "url": url, "has_more": False, "data": listed}
    inner = value.get(name)
    if isinstance(inner, str):
        kind = _KINDS.get(inner.partition("_")[0])
        found = page.get(kind, inner) if kind else None
        if found is None:
            raise refuse(f"This property cannot be expanded ({path}).", param="expand")
        value[name] = inner = shown(page, found)
    elif name not in value:
        raise refuse(f"This property cannot be expanded ({path}).", param="expand")
    if rest and isinstance(inner, dict):
        _expand(page, cast("Shown", inner), rest, path)
