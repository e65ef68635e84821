"""Webhooks out: when they leave, what happens when nobody takes them, and how they misbehave."""

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests import make
from tests.harness.ports import free_port
from tests.harness.waiting import wait_until
from tests.sandbox.stand import Box, Letter, Town, town
from tests.sandbox.test_card import authorise

from bezant.sandbox.book import Book
from bezant.sandbox.card import EVERYBODY, Card
from bezant.sandbox.webhooks import Postman

STOP_SECONDS = 60


def told(letters: Sequence[Letter]) -> list[str]:
    return [json.loads(one.body)["type"].removeprefix("authorisation.") for one in letters]


def test_a_webhook_leaves_by_itself(acquirer: Town):
    authorise(acquirer, "k1")
    wait_until(lambda: told(acquirer.box.letters) == ["authorised"], "the webhook came")


async def test_a_postman_stops_although_something_was_written_at_that_moment(tmp_path: Path):
    book = Book(tmp_path / "book.sqlite", make.clock(), random.Random(1).randbytes)
    await book.open()
    for turns in range(8):  # It has begun to wait after a few of them.
        postman = Postman(book, [])
        postman.start()
        for _ in range(turns):
            await asyncio.sleep(0)
        book.changed.set()
        stopped, _ = await asyncio.wait({asyncio.create_task(postman.stop())}, timeout=STOP_SECONDS)
        assert stopped, turns
    await book.close()


def test_a_webhook_nobody_takes_is_sent_again_on_schedule_and_given_up(acquirer: Town):
    acquirer.box.statuses += [500] * 8
    authorise(acquirer, "k1", capture=True)
    acquirer.catch_up()
    counts: list[int] = []
    for seconds in (4, 1, 299, 1, 1_799, 1, 7_200, 18_000, 36_000, 86_400, 1_000_000):
        acquirer.pass_time(seconds=seconds)
        counts.append(len(acquirer.box.letters))
    assert counts == [1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 8]
    assert len({one.body for one in acquirer.box.letters}) == 1
    (sent,) = acquirer.get("inspection", "/webhooks").json()["webhooks"]
    assert (sent["state"], sent["tries"], sent["last"]) == ("failed", 8, "500")


def test_a_later_try_is_enough(acquirer: Town):
    acquirer.box.statuses += [503]
    authorise(acquirer, "k1", capture=True)
    acquirer.pass_time(seconds=5)
    acquirer.pass_time(days=30)
    assert len(acquirer.box.letters) == 2
    (sent,) = acquirer.get("inspection", "/webhooks").json()["webhooks"]
    assert (sent["state"], sent["tries"]) == ("delivered", 2)


def test_a_target_that_is_not_there_is_tried_again(acquirer: Town):
    url = f"http://127.0.0.1:{free_port()}/none"
    answer = acquirer.call(
        "inspection", "PUT", "/endpoints/card", json={"url": url, "secret": "s", "id": "nobody"}
    )
    assert answer.status_code == 200
    authorise(acquirer, "k1")
    acquirer.catch_up()
    states = {one["url"]: one for one in acquirer.get("inspection", "/webhooks").json()["webhooks"]}
    assert states[url]["state"] == "due"
    assert states[url]["last"].startswith("no connection")
    assert states[acquirer.box.url]["state"] == "delivered"


def test_a_duplicate_comes_twice(acquirer: Town):
    acquirer.script("webhook_duplicate", provider="card")
    authorise(acquirer, "k1")
    acquirer.catch_up()
    first, second = acquirer.box.letters
    assert first.body == second.body


def test_a_late_one_comes_when_it_says(acquirer: Town):
    acquirer.script("webhook_late", provider="card", seconds=3_600)
    authorise(acquirer, "k1")
    acquirer.pass_time(seconds=3_599)
    assert acquirer.box.letters == []
    acquirer.pass_time(seconds=1)
    assert told(acquirer.box.letters) == ["authorised"]


def test_a_reordered_one_comes_after_the_next(acquirer: Town):
    acquirer.script("webhook_reorder", operation="authorisation.authorised", provider="card")
    made = authorise(acquirer, "k1")
    acquirer.catch_up()
    assert acquirer.box.letters == []
    acquirer.post("card", f"/authorisations/{made['id']}/captures", json={"key": "c1"})
    acquirer.catch_up()
    assert told(acquirer.box.letters) == ["captured", "authorised"]


def test_a_withheld_one_never_comes_unless_sent_by_hand(acquirer: Town):
    acquirer.script("webhook_withhold", provider="card")
    authorise(acquirer, "k1")
    acquirer.pass_time(days=10)
    assert [one for one in told(acquirer.box.letters) if one == "authorised"] == []
    sent = acquirer.get("inspection", "/webhooks").json()["webhooks"][-1]
    assert sent["state"] == "withheld"
    assert acquirer.post("inspection", f"/webhooks/{sent['number']}/again").status_code == 200
    acquirer.catch_up()
    assert told(acquirer.box.letters)[-1] == "authorised"
    assert acquirer.post("inspection", "/webhooks/999/again").status_code == 404


def test_a_forged_one_comes_first_and_once(acquirer: Town):
    acquirer.script("webhook_forge", provider="card")
    acquirer.box.statuses += [401]
    authorise(acquirer, "k1")
    acquirer.pass_time(seconds=5)
    forged, genuine = acquirer.box.letters
    assert forged.body == genuine.body
    assert forged.headers["card-signature"] != genuine.headers["card-signature"]


@pytest.mark.requirement("G1", part="signed webhooks and a movable clock")
@pytest.mark.parametrize("days", [1, 40])
def test_a_jump_of_the_clock_does_everything_in_the_order_it_was_due(acquirer: Town, days: int):
    authorise(acquirer, "k1")
    acquirer.pass_time(days=1)
    authorise(acquirer, "k2", "4000000000000259", capture=True)
    acquirer.pass_time(days=days)
    ended = ["expired", "dispute.lost"] if days == 40 else []
    assert told(acquirer.box.letters) == ["authorised", "captured", "dispute.opened", *ended]
    times = [json.loads(one.body)["created_at"] for one in acquirer.box.letters]
    assert times == sorted(times)


def test_what_is_due_outlives_the_process(box: Box, tmp_path: Path):
    clock = make.clock()
    access = replace(EVERYBODY, webhook_url=box.url)
    bearer = f"Bearer {access.secret.reveal()}"
    with town(Card(access), folder=tmp_path, clock=clock, box=box) as before:
        before.headers["authorization"] = bearer
        before.script("webhook_late", provider="card", seconds=60)
        authorise(before, "k1")
        before.catch_up()
    assert box.letters == []
    clock.move(timedelta(days=7))
    with town(Card(access), folder=tmp_path, clock=clock, box=box) as after:
        after.catch_up()
    assert told(box.letters) == ["authorised", "expired"]
