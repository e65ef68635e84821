"""A merchant with one of everything, and every question that names what it has."""

import re
from collections.abc import Iterator, Mapping

from tests.identity.edge.whole import Json, Shop, Whole

from bezant.http.entries import Entry
from bezant.http.routes import Access

DISPUTED = "4000000000000259"
GOOD = "4242424242424242"
PUBLIC_KEY = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----"""
"""Of RFC 9421, appendix B.1.4: everybody knows its other half."""
PLACEHOLDER = re.compile(r"\{(\w+)\}")
NEVER_ENDS = "/v1/events/stream"
_BY_COLLECTION = {
    "checkout_sessions": "session",
    "payment_links": "link",
    "webhook_endpoints": "endpoint",
    "webhook_deliveries": "delivery",
    "order": "orders",
    "ledger": "mark",
}


def money(text: str) -> Json:
    amount, _, asset = text.partition(" ")
    return {"amount": amount, "asset": asset}


async def furnish(whole: Whole, shop: Shop) -> None:
    """Give a merchant one of everything, in test mode."""
    by, owner, mark = shop.callers["sk admin test"], shop.callers["admin test"], shop.mark
    ids, notes = shop.ids, {"description": mark, "metadata": {"of": mark}}

    async def made(kind: str, path: str, body: Json) -> Json:
        found = await whole.made(path, by, body)
        ids[kind] = str(found["id"])
        return found

    for name, side in (("bank", "asset"), ("accounts", "liability")):
        account = {"asset": "EUR", "type": side, "owner": mark, "metadata": {"of": mark}}
        await made(name, "/v1/accounts", account)
    legs = [
        {"account": ids["bank"], "side": "debit", "amount": money("71.37 EUR")},
        {"account": ids["accounts"], "side": "credit", "amount": money("71.37 EUR")},
    ]
    await made("transfers", "/v1/transfers", {"legs": legs, "reference": mark, "reason": mark})
    held = {"account": ids["accounts"], "to": ids["bank"], "amount": money("5.00 EUR")}
    await made("holds", "/v1/holds", {**held, "reference": mark})
    await made("customers", "/v1/customers", {"name": mark})
    saved = {"customer": ids["customers"], "kind": "paypal", "label": mark}
    await made("payment_methods", "/v1/payment_methods", {**saved, "facts": {"vault_id": mark}})
    await made("orders", "/v1/orders", {"amount": money("90.00 EUR"), **notes})
    paid = {"amount": money("90.00 EUR"), "customer": ids["customers"], "order": ids["orders"]}
    paid |= {"pay_with": {"card": await _card(whole, shop, GOOD)}, **notes}
    await made("payments", "/v1/payments", paid)
    refund = {"payment": ids["payments"], "reason": mark}
    await made("refunds", "/v1/refunds", {**refund, "amount": money("1.00 EUR")})
    waiting = await whole.made("/v1/refunds", by, {**refund, "amount": money("60.00 EUR")})
    ids["approvals"] = waiting["approval"]
    risky = {"amount": money("20.00 EUR"), "pay_with": {"card": await _card(whole, shop, DISPUTED)}}
    disputed = await whole.made("/v1/payments", by, {**risky, **notes})
    await _offer(whole, shop)
    ids["members"] = (await whole.read("/v1/session", owner))["subject"]
    ids["sessions"] = (await whole.read("/v1/sessions", owner))["data"][0]["id"]
    await _find(whole, shop, disputed["id"], waiting["created_at"])


async def _offer(whole: Whole, shop: Shop) -> None:
    """Add what others are to see: offers, an endpoint, an invitation."""
    by, owner, mark = shop.callers["sk admin test"], shop.callers["admin test"], shop.mark
    ids = shop.ids
    offer = {"amount": money("5.00 EUR"), "description": mark}
    ids["session"] = (await whole.made("/v1/checkout_sessions", by, offer))["id"]
    ids["link"] = (await whole.made("/v1/payment_links", by, offer))["id"]
    endpoint = {"url": "http://127.0.0.1:8099/hook", "description": mark}
    ids["endpoint"] = (await whole.made("/v1/webhook_endpoints", by, endpoint))["id"]
    await whole.made(f"/v1/webhook_endpoints/{ids['endpoint']}/test", by, {})
    partner = {"name": mark, "role": "support", "public_key": PUBLIC_KEY}
    ids["signers"] = (await whole.made("/v1/signers", owner, partner))["id"]
    program = {**partner, "kind": "program"}
    ids["clients"] = (await whole.made("/v1/clients", owner, program))["id"]
    invited = {"email": f"new@{mark}.example", "role": "support"}
    ids["invitations"] = (await whole.made("/v1/invitations", owner, invited))["id"]


async def _find(whole: Whole, shop: Shop, disputed: str, last_told: str) -> None:
    """Find what came of all this by itself, a moment later."""
    owner, endpoint = shop.callers["admin test"], shop.ids["endpoint"]
    order = f"/v1/orders/{shop.ids['orders']}"
    await whole.comes(order, owner, lambda told: told["updated_at"] >= last_told)
    unheard = f"/v1/webhook_endpoints/{endpoint}"  # Nobody listens there.
    await whole.comes(unheard, owner, lambda told: told["failing_since"] is not None)
    lists = {
        "disputes": f"/v1/disputes?payment={disputed}",
        "delivery": "/v1/webhook_deliveries",
        "receipts": "/v1/receipts",
        "requests": "/v1/requests",
        "audit": "/v1/audit",
        "events": "/v1/events",
    }
    for kind, listed in lists.items():
        path, _, query = listed.partition("?")
        shop.ids[kind] = await _first(whole, shop, path, dict([query.split("=")]) if query else {})


async def _card(whole: Whole, shop: Shop, number: str) -> str:
    card = {"number": number, "exp_month": 12, "exp_year": 2040, "cvc": "123"}
    return (await whole.made("/v1/payments/tokenize", shop.callers["pk test"], card))["token"]


async def _first(whole: Whole, shop: Shop, path: str, query: Mapping[str, str]) -> str:
    """Return the first of a list, which may fill a moment later."""
    import asyncio
    import json

    async with asyncio.timeout(120):
        while True:
            told = await whole.ask("GET", path, shop.callers["admin test"], query=query)
            assert told.status == 200, f"{path}: {told.text}"
            found = json.loads(told.text)["data"]
            if found:
                return str(found[0].get("id") or found[0]["index"])
            await asyncio.sleep(0.05)


def filled(path: str, shop: Shop) -> str:
    """Put a merchant's ids into a path: which, the collection before the placeholder says."""
    parts = path.split("/")
    for at, part in enumerate(parts):
        name = PLACEHOLDER.fullmatch(part)
        if name:
            parts[at] = _value(parts[at - 1], name[1], shop)
    return "/".join(parts)


def _value(collection: str, name: str, shop: Shop) -> str:
    known = {"period": "daily", "currency": "EUR", "userId": shop.mark, "merchant": shop.merchant}
    known |= {"transactionId": shop.ids.get("payments", "x")}
    wanted = _BY_COLLECTION.get(collection, collection)
    return known.get(name) or shop.ids.get(wanted) or f"{name}_{'1' * 32}"


def of_nothing(path: str) -> str:
    """Put ids into a path that are spelled right and belong to nothing."""
    known = {"account": "acct_00000100000fffff", "period": "daily", "currency": "EUR"}
    short = {
        "client": "cli",
        "signer": "sgn",
        "member": "mem",
        "merchant": "mer",
        "session": "ses",
        "invitation": "inv",
    }
    return PLACEHOLDER.sub(
        lambda found: known.get(found[1]) or f"{short.get(found[1], found[1])}_{'1' * 32}", path
    )


def bodies(shop: Shop) -> Iterator[Json]:
    """Yield bodies that name another's things wherever they may stand."""
    ids, amount = shop.ids, money("1.00 EUR")
    legs = [
        {"account": ids["bank"], "side": "debit", "amount": amount},
        {"account": ids["accounts"], "side": "credit", "amount": amount},
    ]
    yield {}
    yield {"legs": legs}
    yield {"transfers": [{"legs": legs}]}
    yield {"account": ids["accounts"], "to": ids["bank"], "amount": amount}
    yield {"payment": ids["payments"], "amount": amount}
    yield {"amount": amount, "pay_with": {"saved": ids["payment_methods"], "kind": "paypal"}}
    yield {"amount": amount, "customer": ids["customers"], "order": ids["orders"]}
    yield {"customer": ids["customers"], "kind": "paypal", "facts": {"vault_id": "x"}}
    yield {"reason": "x", "metadata": {"taken": "over"}}
    yield {"metadata": {"taken": "over"}}
    yield {"name": "x"}
    yield {"role": "auditor"}
    yield {"tenant": shop.merchant, "mode": "test"}
    yield {"evidence": {"note": "x"}}
    yield {"description": "taken over"}


def queries(shop: Shop) -> Iterator[dict[str, str]]:
    """Yield questions that name another's things wherever a name may stand."""
    ids = shop.ids
    yield {}
    yield {"limit": "100"}
    yield {"tenant": shop.merchant, "limit": "100"}
    yield {"merchant": shop.merchant, "mode": "test", "expand": "payment,customer,account"}
    yield {"payment": ids["payments"]}
    yield {"customer": ids["customers"], "limit": "100"}
    yield {"order": ids["orders"], "limit": "100"}
    yield {"owner": shop.mark}
    yield {"reference": shop.mark}
    yield {"account": ids["accounts"]}
    yield {"q": shop.mark}
    yield {"on": "2026-11-20"}
    for kind in ("payments", "orders", "customers", "transfers", "keys", "members", "events"):
        yield {"starting_after": ids[kind], "limit": "100"}
        yield {"ending_before": ids[kind], "limit": "100"}


Probe = tuple[str, str, Json | None, dict[str, str] | None]


def probes(entries: list[Entry], shop: Shop) -> list[Probe]:
    """Return requests about what is this shop's, to everything that is not for everybody.

    What asks comes first, the log of requests before all: later it tells what was asked here.
    """
    found: list[Probe] = []
    for entry in entries:
        path = filled(entry.path, shop)
        if entry.permission in tuple(Access) or path == NEVER_ENDS:
            continue
        if entry.method == "GET":
            found += [(entry.method, path, None, query) for query in queries(shop)]
        elif entry.method == "DELETE" and path not in ("/v1/session", "/v1/sessions"):
            found += [(entry.method, path, None, None)]
            found += [(entry.method, path, None, {"tenant": shop.merchant})]
        elif entry.method != "DELETE":
            found += [(entry.method, path, body, None) for body in bodies(shop)]
            found += [(entry.method, path, {"name": "x"}, {"tenant": shop.merchant})]
    return sorted(found, key=lambda one: (one[0] != "GET", "/v1/requests" not in one[1]))


def found_of(shop: Shop, told: str, *asked: object) -> set[str]:
    """Return what is a merchant's in an answer, but for what the question named itself."""
    known = repr(asked)
    things = {**shop.ids, "merchant": shop.merchant, "mark": shop.mark}
    things.pop("audit", None)  # A number, which may stand anywhere.
    return {name for name, one in things.items() if one in told and one not in known}
