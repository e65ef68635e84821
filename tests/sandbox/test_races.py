"""Many callers at once: no capture, refund or key is ever used for more than it allows."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx2
from tests.sandbox.stand import Town
from tests.sandbox.test_card import authorise, body

CALLERS = 8


def together(call: Callable[[httpx2.Client, int], httpx2.Response]) -> list[httpx2.Response]:
    """Make these calls at the same moment, each on a connection of its own."""
    barrier = Barrier(CALLERS)

    def one(at: int) -> httpx2.Response:
        with httpx2.Client(timeout=60) as client:
            barrier.wait()
            return call(client, at)

    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(one, range(CALLERS)))


def test_captures_at_once_never_exceed_what_was_authorised(acquirer: Town):
    made = authorise(acquirer, "k1")
    url = f"{acquirer.urls['card']}/authorisations/{made['id']}/captures"

    def capture(client: httpx2.Client, at: int) -> httpx2.Response:
        wish = {"key": f"c{at}", "amount": "700"}
        return client.post(url, json=wish, headers=acquirer.headers)

    statuses = Counter(one.status_code for one in together(capture))
    assert statuses == {201: 2, 409: CALLERS - 2}
    found = acquirer.get("card", f"/authorisations/{made['id']}").json()
    assert found["captured"] == "1400"
    assert acquirer.charges("k1") == 2


def test_refunds_at_once_never_exceed_what_was_captured(acquirer: Town):
    made = authorise(acquirer, "k1", capture=True)
    url = f"{acquirer.urls['card']}/authorisations/{made['id']}/refunds"

    def refund(client: httpx2.Client, at: int) -> httpx2.Response:
        return client.post(url, json={"key": f"r{at}"}, headers=acquirer.headers)

    assert Counter(one.status_code for one in together(refund)) == {201: 1, 409: CALLERS - 1}
    assert acquirer.get("card", f"/authorisations/{made['id']}").json()["refunded"] == "2000"


def test_one_key_used_by_all_at_once_charges_once(acquirer: Town):
    url = f"{acquirer.urls['card']}/authorisations"

    def pay(client: httpx2.Client, at: int) -> httpx2.Response:
        del at
        return client.post(url, json=body("k1", capture=True), headers=acquirer.headers)

    answers = together(pay)
    assert {one.status_code for one in answers} <= {201, 409}
    made = [one for one in answers if one.status_code == 201]
    assert len({one.content for one in made}) == 1
    assert sum("replayed" not in one.headers for one in made) == 1
    assert acquirer.charges("k1") == 1


def test_different_keys_charge_each(acquirer: Town):
    """The control: the count above is one because of the key, not because one call got through."""
    url = f"{acquirer.urls['card']}/authorisations"

    def pay(client: httpx2.Client, at: int) -> httpx2.Response:
        wish = body(f"k{at}", capture=True, reference="all")
        return client.post(url, json=wish, headers=acquirer.headers)

    assert Counter(one.status_code for one in together(pay)) == {201: CALLERS}
    assert acquirer.charges("all") == CALLERS
