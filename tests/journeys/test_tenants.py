"""Every operation of a whole house, asked about what is another's, or is of the other mode.

What is there to be asked stands in the house's own description, so no operation is left out.
"""

import re
import secrets
from collections.abc import Iterator, Mapping

import pytest
from tests.harness.waiting import wait_until
from tests.journeys.house import House, Json, money

DISPUTED = "4000000000000259"
PROBES_MIN = 300
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
MINE = {"/v1/session", "/v1/sessions", "/v1/password"}  # About whoever asks.
OF_NO_MODE = ("/v1/m", "/v1/invitations", "/v1/session", "/v1/password")


def furnished(house: House, mark: str) -> dict[str, str]:
    """Give the shop one of everything, marked; return their ids by their names in paths."""
    told, notes = house.told, {"description": mark, "metadata": {"of": mark}}
    customer = told("POST", "/v1/customers", {"name": mark})["id"]
    wish: Json = {"customer": customer, "kind": "paypal", "label": mark}
    method = told("POST", "/v1/payment_methods", {**wish, "facts": {"vault_id": mark}})["id"]
    order = told("POST", "/v1/orders", {"amount": money("90.00 EUR"), **notes})["id"]
    payment = house.pay("90.00 EUR", customer=customer, order=order, **notes)["id"]
    part = {"payment": payment, "reason": mark}
    refund = told("POST", "/v1/refunds", {**part, "amount": money("1.00 EUR")})["id"]
    approval = told("POST", "/v1/refunds", {**part, "amount": money("60.00 EUR")})["approval"]
    disputed = house.pay(number=DISPUTED, **notes)["id"]
    path = f"/v1/disputes?payment={disputed}"
    wait_until(lambda: bool(told("GET", path)["data"]), "the dispute is heard of")
    offer = {"amount": money("5.00 EUR"), "description": mark}
    wait_until(lambda: bool(_events(house, payment)), "the events are told")
    house.order_comes_to(order, "part_refunded")
    return {
        "customer": customer,
        "method": method,
        "order": order,
        "payment": payment,
        "refund": refund,
        "approval": approval,
        "dispute": told("GET", path)["data"][0]["id"],
        "session": told("POST", "/v1/checkout_sessions", offer)["id"],
        "link": told("POST", "/v1/payment_links", offer)["id"],
        "event": _events(house, payment)[0],
    }


def _events(house: House, payment: str) -> list[str]:
    listed = house.told("GET", "/v1/events?limit=100")["data"]
    return [one["id"] for one in listed if payment in repr(one)]


def bodies(ids: Mapping[str, str]) -> Iterator[Json]:
    """Yield bodies that name another's things wherever they may stand."""
    amount = money("1.00 EUR")
    yield {}
    yield {"payment": ids["payment"], "amount": amount}
    yield {"amount": amount, "pay_with": {"saved": ids["method"], "kind": "paypal"}}
    yield {"amount": amount, "customer": ids["customer"]}
    yield {"amount": amount, "order": ids["order"]}
    yield {"customer": ids["customer"], "kind": "paypal", "facts": {"vault_id": "x"}}
    yield {"evidence": {"note": "x"}}
    yield {"pay_with": {"kind": "paypal"}}
    yield {"metadata": {"taken": "over"}}
    yield {"name": "x"}
    yield {"reason": "x"}


def probes(house: House, ids: Mapping[str, str]) -> Iterator[tuple[str, str, Json | None]]:
    """Yield requests about what is the shop's."""
    for path, methods in house.told("GET", "/openapi.json")["paths"].items():
        if path in MINE or path == "/v1/payments/tokenize" or "stream" in path:
            continue
        filled = _PLACEHOLDER.sub(lambda found: ids.get(found[1], "nothing"), path)
        for method in (name.upper() for name in methods):
            if method in {"POST", "PUT", "PATCH"}:
                yield from ((method, filled, body) for body in bodies(ids))
            else:
                yield method, filled, None
                yield method, f"{filled}?payment={ids['payment']}&limit=100", None


def found_of(ids: Mapping[str, str], mark: str, told: str, *asked: object) -> set[str]:
    """Return what is the shop's in an answer, but for what the question named itself."""
    known = repr(asked)
    things = {**ids, "mark": mark}
    return {name for name, one in things.items() if one in told and one not in known}


def picture(house: House, ids: Mapping[str, str]) -> list[Json]:
    """Return what the shop has."""
    paths = [
        f"/v1/payments/{ids['payment']}", f"/v1/refunds/{ids['refund']}",
        f"/v1/disputes/{ids['dispute']}", f"/v1/customers/{ids['customer']}",
        f"/v1/payment_methods/{ids['method']}", f"/v1/orders/{ids['order']}",
        f"/v1/approvals/{ids['approval']}", f"/v1/payment_links/{ids['link']}",
        f"/v1/checkout_sessions/{ids['session']}", f"/v1/payments/{ids['payment']}/attempts",
    ]  # fmt: skip
    return [house.told("GET", path) for path in paths]


def _first(probe: tuple[str, str, Json | None]) -> tuple[bool, bool, bool]:
    """Read lists first, and of them the log of requests: later they tell what was asked here."""
    method, path, _ = probe
    return method != "GET", "_" in path.removeprefix("/v1/"), not path.startswith("/v1/requests")


@pytest.mark.catalogue("T70")
@pytest.mark.requirement("S004-5", part="nobody meets another's payments")
def test_nobody_reads_or_changes_what_is_anothers_or_of_the_other_mode(house: House):
    mark = f"mark{secrets.token_hex(6)}"
    ids = furnished(house, mark)
    before = picture(house, ids)
    leaks: list[str] = []
    asked = 0
    strangers = {"a stranger": house.another_merchant(), "live mode": house.owner("live")}
    for name, by in strangers.items():
        for method, path, body in sorted(probes(house, ids), key=_first):
            if name == "live mode" and path.startswith(OF_NO_MODE):
                continue
            answer = house.ask(method, path, body, by=by)
            asked += 1
            found = found_of(ids, mark, answer.text, path, body)
            if answer.status_code >= 500 or found:
                leaks.append(f"{method} {path} {body} by {name}: {found} {answer.text[:200]}")
    assert leaks == []
    assert asked > PROBES_MIN
    assert picture(house, ids) == before
    # The control: the owner of all this is told of it by the same questions.
    seen: set[str] = set()
    for method, path, _ in probes(house, ids):
        if method == "GET":
            seen |= found_of(ids, mark, house.ask("GET", path).text, path)
    assert seen >= {"mark", *ids} - {"session"}
