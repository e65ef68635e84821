"""What people, processes and keys do on a running platform enters the log; nobody's person does."""

import base64
import hashlib
import json
from collections.abc import Iterator
from urllib.parse import quote

import psycopg
import pytest
from tests.cli.running import Nest
from tests.harness.waiting import wait_until
from tests.journeys.house import House, open_house
from tests.vault.canaries import everything_in

from bezant_verify import proof
from bezant_verify.checkpoint import Trust, believed
from bezant_verify.tiles import ENTRIES, tile_path, widths

MARKS = {
    "name": "Quintessa Zanzibar-Quux",
    "e-mail": "quintessa.zanzibar@payer.example",
    "address": "17 Xylophone Crescent",
    "telephone": "+4915799887766",
    "account": "DE75512108001245126199",
    "remark": "for my knee operation",
    "staff": "wilhelmina.ypsilon@staff.example",
    "card": "4242424242424242",
}

# Each look is due a minute after the one before; here it is due at once.
DUE_NOW = """
    UPDATE jobs.tick SET called_at = called_at - INTERVAL '1 hour' WHERE name LIKE '%.recheck'
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    nest = Nest(tmp_path_factory.mktemp("followed"))
    try:
        with open_house(nest, RATE_LIMIT="100000") as opened:
            yield opened
    finally:
        nest.clear()


def public(house: House, path: str) -> bytes:
    answer = house.client.get(f"{house.url}/audit/{path}")
    assert answer.status_code == 200, answer.text
    return answer.content


def signed(house: House) -> int:
    return json.loads(public(house, "integrity"))["signed_size"]


def recorded(house: House, by: dict[str, str], kind: str) -> list[dict[str, object]]:
    return house.told("GET", f"/v1/audit?type={kind}&limit=100", by=by)["data"]


@pytest.mark.requirement("S002-7", part="audit log")
def test_what_people_and_processes_do_enters_the_log(house: House):
    operator = dict(house.operator())
    house.person("finance")
    house.pay()
    place = {"url": "https://shop.example/hooks/T0KEN", "events": ["*"]}
    house.told("POST", "/v1/webhook_endpoints", place)
    kinds = (
        "process.started", "invitation.created", "member.joined", "session.created",
        "api_key.created", "merchant.created", "payment.created", "transfers.recorded",
        "webhook_endpoint.created",
    )  # fmt: skip
    for kind in kinds:
        wait_until(lambda kind=kind: recorded(house, operator, kind), f"{kind} is recorded")
    started = recorded(house, operator, "process.started")[0]
    assert started["subject"] == "gateway"
    data = started["data"]
    assert isinstance(data, dict)
    assert "RATE_LIMIT" in data["given"]
    assert "100000" not in json.dumps(started)
    (added,) = recorded(house, operator, "webhook_endpoint.created")
    assert added["data"]["origin"] == "https://shop.example"  # pyright: ignore
    assert "T0KEN" not in json.dumps(added)

    trust = Trust.parse(public(house, "keys").decode())
    for kind in kinds:
        index = recorded(house, operator, kind)[-1]["index"]
        wait_until(lambda index=index: signed(house) > index, f"entry {index} is signed")
        read = proof.LogProof.parse(public(house, f"inclusion?index={index}").decode())
        proven = proof.verify(read, trust)
        opened = house.told("GET", f"/v1/audit/{index}", by=operator)
        opening = json.dumps({"salt": opened["salt"], "event": opened["event"]})
        event = proof.opened(proven.entry, proof.Opening.parse(opening))
        assert (proven.entry.type, event["subject"]) == (kind, opened["subject"])


@pytest.mark.requirement("S004-2", part="integrity")
def test_the_state_tells_when_each_book_and_the_log_were_looked_at_last(house: House):
    house.pay()

    def state() -> dict[str, object]:
        return json.loads(public(house, "integrity"))

    def verified() -> bool:
        told = state()
        found = {one["subject"]: one for one in told["verifications"]}  # pyright: ignore
        books = {one["book"] for one in told["chain_heads"]}  # pyright: ignore
        return bool(books) and books | {"log"} <= set(found)

    with psycopg.connect(house.database(), autocommit=True) as watcher:

        def verified_soon() -> bool:
            watcher.execute(DUE_NOW)
            return verified()

        wait_until(verified_soon, "every book and the log were looked at", 180)
    told = state()
    assert [one["fault"] for one in told["verifications"]] == [  # pyright: ignore
        ""
        for _ in told["verifications"]  # pyright: ignore
    ]
    feeds = {one["feed"]: one["trouble"] for one in told["feeds"]}  # pyright: ignore
    assert set(feeds) >= {
        "approvals",
        "audit",
        "identity",
        "ledger",
        "orders",
        "payments",
        "webhooks",
    }
    assert set(feeds.values()) == {""}
    assert told["trouble"] == ""


def forms(text: str) -> list[bytes]:
    """Return the ways a text may be written down, a hash of it included."""
    plain = text.encode()
    found = [plain, plain.lower(), plain.upper(), quote(text).encode(), plain.hex().encode()]
    found += [form for form in (base64.b64encode(bytes(shift) + plain)[4 if shift else 0 : -4]
                                for shift in range(3)) if len(form) > 5]  # fmt: skip
    for value in (plain, plain.lower()):
        digest = hashlib.sha256(value).digest()
        found += [digest, digest.hex().encode(), base64.b64encode(digest)]
    return found


def seen_in(pages: dict[str, bytes]) -> list[tuple[str, str]]:
    return [
        (what, path)
        for what, mark in MARKS.items()
        for path, page in pages.items()
        if any(form in page for form in forms(mark))
    ]


def everything_published(house: House) -> dict[str, bytes]:
    trust = Trust.parse(public(house, "keys").decode())
    head = public(house, "checkpoint")
    size = believed(head.decode(), trust).checkpoint.size
    paths = ["keys", "integrity", f"consistency?old_size=1&size={size}"]
    paths += [f"inclusion?index={index}" for index in range(0, size, max(1, size // 40))]
    for number, width in widths(size):
        paths += [tile_path(level, number, width) for level in (0, ENTRIES)]
    return {"checkpoint": head, **{path: public(house, path) for path in paths}}


@pytest.mark.catalogue("T84")
@pytest.mark.requirement("S004-2", part="nothing personal in what is published")
def test_nobodys_person_is_in_anything_that_is_published(house: House):
    customer = house.told(
        "POST", "/v1/customers",
        {
            "name": MARKS["name"], "email": MARKS["e-mail"],
            "metadata": {"street": MARKS["address"], "telephone": MARKS["telephone"]},
        },
    )  # fmt: skip
    paid = house.pay(
        "12.34 EUR", MARKS["card"], customer=customer["id"], description=MARKS["remark"],
        metadata={"iban": MARKS["account"], "for": MARKS["name"]},
    )  # fmt: skip
    wish = {"email": MARKS["staff"], "role": "support"}
    house.told("POST", "/v1/invitations", wish, by=house.owner("test"))
    operator = dict(house.operator())
    wait_until(
        lambda: house.told("GET", f"/v1/audit?subject={paid['id']}", by=operator)["data"],
        "the payment is recorded",
    )
    size = json.loads(public(house, "integrity"))["size"]
    wait_until(lambda: signed(house) >= size, "it is signed")
    published = everything_published(house)
    assert seen_in(published) == []

    # The controls: the same search finds what is there, and each form of what is planted.
    rows = {
        f"{place} {at}": text for at, (place, text) in enumerate(everything_in(house.database()))
    }
    assert {what for what, _ in seen_in(rows)} >= set(MARKS) - {"card"}
    for what, mark in MARKS.items():
        for form in forms(mark):
            assert (what, "leak") in seen_in({"leak": b"xyz" + form + b"xyz"}), (what, form)
    assert any(b"payment." in page for page in published.values()), "types are published"
