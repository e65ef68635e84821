"""The doors over HTTP: endpoints, deliveries, events, and who may come in."""

from datetime import timedelta

import pytest
from standardwebhooks import Webhook
from tests.webhooks.desk import Desk
from tests.webhooks.receiver import Receiver, status
from tests.webhooks.stand import work

HOOKS = "/v1/webhook_endpoints"


async def hook(desk: Desk, url: str, by: str | None = None, **more: object):
    return await desk.made(HOOKS, {"url": url, **more}, by=by)


async def test_an_endpoint_is_made_with_a_secret_that_is_told_once(desk: Desk, receiver: Receiver):
    made = await hook(desk, receiver.url(), description="Shop", events=["payment.*"])
    assert made["id"].startswith("whe_")
    assert made["secret"].startswith("whsec_")
    assert (made["state"], made["mode"], made["payload"]) == ("enabled", "test", "snapshot")
    one = await desk.got(f"{HOOKS}/{made['id']}")
    listed = await desk.got(HOOKS)
    assert listed["data"] == [one]
    assert "secret" not in one
    assert made["secret"][6:] not in str(listed)
    assert one["secrets"][0]["scheme"] == "v1"

    sample = await desk.made(f"{HOOKS}/{made['id']}/test", {"type": "payment.captured"})
    await work(await desk.stand.worker())
    (request,) = receiver.requests
    told = Webhook(made["secret"]).verify(request.body, request.headers)
    assert (told["id"], told["data"]["sample"]) == (sample["id"], True)


async def test_a_public_key_is_shown_and_its_other_half_never(desk: Desk, receiver: Receiver):
    made = await hook(desk, receiver.url(), signatures=["v1a"])
    assert made["secret"] is None
    (secret,) = made["secrets"]
    assert secret["public_key"].startswith("whpk_")
    assert "whsk_" not in str(made)


@pytest.mark.parametrize(
    ("body", "code", "where"),
    [
        ({}, "field_missing", "url"),
        ({"url": "https://169.254.169.254/"}, "forbidden_webhook_address", "url"),
        ({"url": "https://u:p@shop.example/"}, "forbidden_webhook_address", "url"),
        ({"url": "https://shop.example/", "events": []}, "field_invalid", "events"),
        ({"url": "https://shop.example/", "events": ["x"]}, "malformed_event_type", "events"),
        ({"url": "https://shop.example/", "events": ["*.x"]}, "malformed_event_type", "events"),
        ({"url": "https://shop.example/", "events": ["a.**"]}, "malformed_event_type", "events"),
        ({"url": "https://shop.example/", "signatures": ["v9"]}, None, None),
        ({"url": "https://shop.example/", "signatures": []}, None, None),
        ({"url": "https://shop.example/", "secret": "whsec_x"}, "field_unknown", None),
        ({"url": "https://shop.example/", "description": "a\nb"}, None, "description"),
        ({"url": "https://shop.example/" + "a" * 3_000}, None, "url"),
    ],
)
async def test_what_cannot_be_an_endpoint_is_refused(
    desk: Desk, body: object, code: str | None, where: str | None
):
    answered = await desk.ask("POST", HOOKS, body)
    assert answered.status == 400
    assert code is None or answered.json["code"] == code
    assert where is None or answered.json["field"] == where
    assert (await desk.got(HOOKS))["data"] == []


async def test_an_endpoint_is_changed_disabled_and_deleted(desk: Desk, receiver: Receiver):
    made = await hook(desk, receiver.url())
    path = f"{HOOKS}/{made['id']}"
    changed = await desk.ask("PATCH", path, {"events": ["order.*"], "payload": "thin"})
    assert (changed.json["events"], changed.json["payload"]) == (["order.*"], "thin")
    assert changed.json["url"] == receiver.url()
    off = await desk.ask("PATCH", path, {"state": "disabled"})
    assert (off.json["state"], off.json["disabled_because"]) == ("disabled", "owner")
    refused = await desk.ask("POST", f"{path}/test", {})
    assert (refused.status, refused.json["code"]) == (422, "webhook_endpoint_disabled")
    assert (await desk.ask("PATCH", path, {"state": "deleted"})).status == 400
    assert (await desk.ask("PATCH", path, {"url": "ftp://x.example"})).status == 400
    on = await desk.ask("PATCH", path, {"state": "enabled"})
    assert on.json["disabled_because"] is None
    assert (await desk.ask("DELETE", path)).json["state"] == "deleted"
    assert (await desk.ask("DELETE", path)).status == 200
    assert (await desk.ask("GET", path)).status == 404
    assert (await desk.ask("PATCH", path, {"state": "enabled"})).status == 404
    assert (await desk.ask("POST", f"{path}/rotate", {})).status == 404


async def test_a_rotated_secret_is_told_once_and_overlaps(desk: Desk, receiver: Receiver):
    made = await hook(desk, receiver.url())
    path = f"{HOOKS}/{made['id']}"
    rotated = await desk.made(f"{path}/rotate", {"overlap_seconds": 60})
    assert rotated["secret"] != made["secret"]
    assert [one["expires_at"] is None for one in rotated["secrets"]] == [False, True]
    too_long = await desk.ask("POST", f"{path}/rotate", {"overlap_seconds": 10**9})
    assert (too_long.status, too_long.json["field"]) == (400, "overlap_seconds")


async def test_a_merchant_has_no_more_endpoints_than_it_may(desk: Desk, receiver: Receiver):
    for _ in range(50):
        await hook(desk, receiver.url())
    one_more = await desk.ask("POST", HOOKS, {"url": receiver.url()})
    assert (one_more.status, one_more.json["code"]) == (422, "too_many_webhook_endpoints")
    await hook(desk, receiver.url(), by=desk.bob.keys["test"])
    await hook(desk, receiver.url(), by=desk.ann.keys["live"])
    first = await desk.got(HOOKS, ("limit", "30"))
    rest = await desk.got(HOOKS, ("limit", "30"), ("starting_after", first["data"][-1]["id"]))
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert len({one["id"] for one in (*first["data"], *rest["data"])}) == 50


async def test_nothing_of_ann_is_there_for_bob_nor_for_her_live_keys(
    desk: Desk, receiver: Receiver
):
    made = await hook(desk, receiver.url())
    event = await desk.made(f"{HOOKS}/{made['id']}/test", {})
    await work(await desk.stand.worker())
    (delivery,) = (await desk.got("/v1/webhook_deliveries"))["data"]
    path = f"{HOOKS}/{made['id']}"
    asked = [
        *(("GET", path, None), ("PATCH", path, {"state": "disabled"}), ("DELETE", path, None)),
        *(("POST", f"{path}/rotate", {}), ("POST", f"{path}/test", {})),
        *(("POST", f"{path}/resend", {}), ("GET", f"{path}/deliveries", None)),
        ("GET", f"/v1/webhook_deliveries/{delivery['id']}", None),
        ("POST", f"/v1/webhook_deliveries/{delivery['id']}/resend", None),
        ("GET", f"/v1/events/{event['id']}", None),
    ]
    for by in (desk.bob.keys["test"], desk.ann.keys["live"]):
        for method, where, body in asked:
            answered = await desk.ask(method, where, body, by=by)
            assert answered.status == 404, (method, where, answered)
        for where in (HOOKS, "/v1/webhook_deliveries", "/v1/events"):
            assert (await desk.got(where, by=by))["data"] == []
        after = await desk.ask("GET", "/v1/events", by=by, params=[("starting_after", event["id"])])
        assert after.status == 404
    for method, where, body in asked:  # The control: her own key finds all of it.
        if method == "GET":
            assert (await desk.ask(method, where, body)).status == 200


async def test_a_key_does_what_it_was_given_and_no_more(desk: Desk, receiver: Receiver):
    made = await hook(desk, receiver.url())
    path = f"{HOOKS}/{made['id']}"
    reading = [path, HOOKS, f"{path}/deliveries", "/v1/webhook_deliveries", "/v1/events"]
    writing = [HOOKS, f"{path}/test", f"{path}/rotate", f"{path}/resend", "/v1/events"]
    for label, may_read in (("reader", True), ("nothing", False), ("page", False)):
        by = desk.ann.keys[label]
        for where in reading:
            found = await desk.ask("GET", where, by=by)
            assert found.status == (200 if may_read else 403), (label, where)
        for where in writing:
            assert (await desk.ask("POST", where, {}, by=by)).status == 403, (label, where)


async def test_a_delivery_shows_its_attempts_and_is_sent_again(desk: Desk, receiver: Receiver):
    receiver.answers["/hook"] = status(500, "out of order")
    made = await hook(desk, receiver.url(), events=["order.*"])
    path = f"{HOOKS}/{made['id']}"
    event = await desk.made("/v1/events", {"type": "order.paid"})
    worker = await desk.stand.worker(retry_max=1)
    await work(worker)
    (delivery,) = (await desk.got(f"{path}/deliveries"))["data"]
    assert (delivery["event"], delivery["state"]) == (event["id"], "pending")
    assert delivery["next_attempt_at"] is not None
    desk.stand.clock.move(timedelta(seconds=5))
    await work(worker)
    one = await desk.got(f"/v1/webhook_deliveries/{delivery['id']}")
    assert (one["state"], one["attempts"], one["next_attempt_at"]) == ("failed", 2, None)
    assert [(one["status"], one["answer"]) for one in one["tries"]] == [(500, "out of order")] * 2

    receiver.answers["/hook"] = status(200)
    again = await desk.made(f"/v1/webhook_deliveries/{delivery['id']}/resend", None)
    assert again["state"] == "pending"
    await work(worker)
    assert (await desk.got(f"{path}/deliveries", ("state", "delivered")))["data"] != []
    many = await desk.made(f"{path}/resend", {"state": "delivered", "types": ["order.*"]})
    assert (many["count"], many["has_more"]) == (1, False)
    await work(worker)
    assert receiver.ids() == [event["id"]] * 4


async def test_events_are_listed_filtered_and_expanded(desk: Desk, receiver: Receiver):
    await hook(desk, receiver.url(), events=["order.*"])
    made: list[str] = []
    for kind in ("order.paid", "payment.captured", "payment.failed", "order.refunded"):
        made.append((await desk.made("/v1/events", {"type": kind}))["id"])
        desk.stand.clock.move(timedelta(hours=1))

    async def ids(*params: tuple[str, str]) -> list[str]:
        return [one["id"] for one in (await desk.got("/v1/events", *params))["data"]]

    assert await ids() == made[::-1]
    assert await ids(("type", "payment.*")) == [made[2], made[1]]
    assert await ids(("type", "order.paid"), ("type", "payment.failed")) == [made[2], made[0]]
    assert await ids(("limit", "2")) == [made[3], made[2]]
    assert await ids(("limit", "2"), ("starting_after", made[2])) == [made[1], made[0]]
    assert await ids(("limit", "2"), ("ending_before", made[0])) == [made[2], made[1]]
    at = (await desk.got(f"/v1/events/{made[1]}"))["timestamp"]
    assert await ids(("created[gte]", at), ("type", "payment.*")) == [made[2], made[1]]
    assert await ids(("created[lt]", at)) == made[:1]
    subject = (await desk.got(f"/v1/events/{made[3]}"))["subject"]
    assert await ids(("subject", subject)) == [made[3]]
    for name in ("expand", "expand[]"):
        one = await desk.got(f"/v1/events/{made[0]}", (name, "deliveries"))
        assert [told["event"] for told in one["deliveries"]] == [made[0]]
    assert (await desk.got(f"/v1/events/{made[0]}"))["deliveries"] is None
    assert (await desk.got(f"/v1/events/{made[1]}", ("expand", "deliveries")))["deliveries"] == []


@pytest.mark.parametrize(
    "params",
    [
        [("type", "x")],
        [("type", "*.*")],
        [("created[gte]", "yesterday")],
        [("created[gte]", "2026-03-01T12:00:00")],
        [("starting_after", "pay_1")],
        [("limit", "0")],
        [("limit", "101")],
    ],
)
async def test_a_question_that_makes_no_sense_is_told_so(desk: Desk, params: list[tuple[str, str]]):
    assert (await desk.ask("GET", "/v1/events", params=params)).status == 400


async def test_in_live_mode_no_sample_says_that_money_moved(desk: Desk, receiver: Receiver):
    live = desk.ann.keys["live"]
    made = await hook(desk, receiver.url(), by=live)
    path = f"{HOOKS}/{made['id']}/test"
    for where in (path, "/v1/events"):
        refused = await desk.ask("POST", where, {"type": "payment.captured"}, by=live)
        assert (refused.status, refused.json["code"]) == (422, "samples_only_in_test")
    sample = await desk.made(path, {}, by=live)
    assert sample["type"] == "endpoint.tested"
    await work(await desk.stand.worker())
    assert receiver.ids() == [sample["id"]]


async def test_a_test_reaches_one_endpoint_whatever_it_asked_for(desk: Desk, receiver: Receiver):
    one = await hook(desk, receiver.url("/one"), events=["order.*"])
    await hook(desk, receiver.url("/two"))
    await desk.made(f"{HOOKS}/{one['id']}/test", {"type": "payment.captured"})
    await work(await desk.stand.worker())
    assert (len(receiver.at("/one")), len(receiver.at("/two"))) == (1, 0)
