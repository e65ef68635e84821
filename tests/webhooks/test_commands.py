"""The commands: listen, trigger, events, webhooks, queues; and the worker as a unit of its own."""

import asyncio
import json
import signal
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from standardwebhooks import Webhook
from tests.cli.running import PROGRAM, Foreground, Nest
from tests.harness.copies import Start
from tests.harness.waiting import until
from tests.webhooks.receiver import Receiver, receiving, status

from bezant.clock import RealClock
from bezant.webhooks import Scheme
from bezant.webhooks.signatures import SigningKey, Stamp, headers_of

Json = dict[str, Any]


class Listening:
    """A `bezant listen --json` that stays, with what it said so far."""

    def __init__(self, nest: Nest, *words: str) -> None:
        self.said: list[Json] = []
        start = Start(PROGRAM, ("listen", "--json", *words), nest.folder, nest.environment())
        self.process = start.begin()
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()

    @property
    def events(self) -> list[str]:
        return [one["event"] for one in self.said if "event" in one]

    def stop(self, number: int = signal.SIGINT) -> int:
        with suppress(ProcessLookupError):
            self.process.send_signal(number)
        code = self.process.wait(60)
        self._reader.join(60)
        return code

    def _collect(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                with suppress(ValueError):
                    self.said.append(json.loads(line))


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Nest, Foreground]]:
    nest = Nest(tmp_path_factory.mktemp("platform"))
    running = nest.up()
    try:
        running.url()
        yield nest, running
    finally:
        nest.clear()


@pytest.fixture
def nest(platform: tuple[Nest, Foreground]) -> Nest:
    return platform[0]


@pytest.fixture
async def shop() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


async def run(nest: Nest, *words: str, **variables: str) -> Any:
    """Run a command that should end well, and return its facts."""
    ended = await asyncio.to_thread(nest.run, *words, "--json", **variables)
    assert ended.code == 0, ended
    return ended.facts


async def test_listen_forwards_signed_and_loses_nothing_however_it_is_stopped(
    nest: Nest, shop: Receiver
):
    words = ("--forward-to", shop.url(), "--events", "order.*")
    listening = Listening(nest, *words)
    try:
        await until(lambda: bool(listening.said), "it says that it listens")
        secret = listening.said[0]["secret"]
        first = (await run(nest, "trigger", "order.paid"))["id"]
        await triggered(nest, "payment.captured")
        await until(lambda: shop.ids() == [first], "the first one arrives")
    finally:
        assert listening.stop() == 130

    # While it is away, things go on; killed the hardest way and started again, it has them all.
    away = [await triggered(nest, kind) for kind in ("order.paid", "order.refunded")]
    listening = Listening(nest, *words)
    try:
        await until(lambda: shop.ids() == [first, *away], "what it missed arrives, in order")
        assert listening.said[0]["secret"] == secret
    finally:
        listening.stop(signal.SIGKILL)
    for request in shop.requests:
        told = Webhook(secret).verify(request.body, request.headers)
        assert told["id"] == request.id
        assert told["data"]["sample"] is True

    begun = Listening(nest, "--forward-to", shop.url("/all"), "--from", first)
    try:
        await until(lambda: len(shop.at("/all")) == 3, "all behind the first arrive")
        assert shop.ids("/all")[-2:] == away
    finally:
        begun.stop()


async def test_listen_waits_for_whoever_is_to_hear_it(nest: Nest, shop: Receiver):
    async with receiving() as gone:
        port, url = gone.port, gone.url()
    listening = Listening(nest, "--forward-to", url, "--events", "dispute.opened")
    try:
        await until(lambda: bool(listening.said), "it says that it listens")
        made = [await triggered(nest, "dispute.opened") for _ in range(2)]
        async with receiving(port) as back:
            await until(lambda: len(back.requests) == 2, "both arrive, once somebody is there")
            assert back.ids() == made
        await until(lambda: listening.events == made, "it tells them")
    finally:
        listening.stop()


async def test_listen_says_what_is_wrong(nest: Nest, shop: Receiver):
    for words, variables, code, sentence in (
        (("--forward-to", "localhost:3000"), {}, 2, "no address"),
        (("--forward-to", shop.url(), "--from", "evt_1"), {}, 3, "id"),
        (("--forward-to", shop.url()), {"BEZANT_API_KEY": "sk_test_wrong"}, 3, "key"),
        (("--forward-to", shop.url(), "--events", "x"), {}, 3, "filter"),
    ):
        ended = await asyncio.to_thread(nest.run, "listen", "--json", *words, **variables)
        assert ended.code == code, ended
        told = json.loads(ended.out[ended.out.index('{\n  "error"') :])
        assert sentence in told["error"]["sentence"], told


async def test_events_are_listed_and_sent_again(nest: Nest, shop: Receiver):
    made = await triggered(nest, "refund.failed")
    listed = await run(nest, "events", "list", "--type", "refund.*", "--limit", "1")
    assert [one["id"] for one in listed["data"]] == [made]
    none = await asyncio.to_thread(nest.run, "events", "resend", made, "--json")
    assert (none.code, none.facts) == (1, {"resent": 0})
    usage = await asyncio.to_thread(nest.run, "events", "resend", "--json")
    assert usage.code == 2
    unknown = await asyncio.to_thread(nest.run, "events", "resend", "evt_" + "0" * 32, "--json")
    assert unknown.code == 3

    endpoint = await made_endpoint(nest, shop.url(), "refund.*")
    missed = await run(nest, "events", "resend", "--endpoint", endpoint, "--missed")
    assert missed == {"resent": 1}
    await until(lambda: shop.ids() == [made], "it arrives")
    again = await run(nest, "events", "resend", made)
    assert again == {"resent": 1}
    await until(lambda: shop.ids() == [made] * 2, "it arrives again")


async def test_endpoints_and_the_queue_tell_how_they_are(nest: Nest, shop: Receiver):
    shop.answers["/gone"] = status(410)
    endpoint = await made_endpoint(nest, shop.url("/gone"), "chargeback.*")
    await triggered(nest, "chargeback.opened")

    async def disabled() -> bool:
        listed = await asyncio.to_thread(nest.run, "webhooks", "list", "--json")
        (found,) = [one for one in listed.facts if one["id"] == endpoint]
        return found["disabled_because"] == "gone" and listed.code == 1

    async with asyncio.timeout(60):
        while not await disabled():
            await asyncio.sleep(0.1)
    told = (await run(nest, "queues"))["webhooks"]
    assert told["failed"] >= 1
    assert told["disabled_endpoints"] >= 1


def test_a_message_is_checked_by_hand(nest: Nest, tmp_path: Path):
    key = SigningKey.of_chance(Scheme.HMAC, b"k" * 32)
    content = b'{"id": "evt_1"}'
    headers = headers_of(Stamp("evt_1", RealClock().now()), content, [key])
    body = tmp_path / "body"
    words = (
        "webhooks", "verify", str(body), "--secret", key.text.reveal(), "--id", "evt_1",
        "--timestamp", headers["webhook-timestamp"],
        "--signature", headers["webhook-signature"], "--json",
    )  # fmt: skip
    for received, code in ((content, 0), (content + b"\n", 1)):
        body.write_bytes(received)
        ended = nest.run(*words)
        assert ended.code == code, ended
        assert ended.facts["genuine"] is (code == 0)


@pytest.mark.requirement("S003-3")
async def test_the_worker_is_a_unit_that_runs_apart(nest: Nest):
    """Beside a platform that sends itself, a second worker only takes its share."""
    command = [sys.executable, "-m", "bezant.cli.main", "serve", "worker"]
    process = await asyncio.create_subprocess_exec(
        *command, "--profile", "merchant", "--json",
        cwd=nest.folder, env=nest.environment(), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            told = b""
            while not told.endswith(b"}\n"):
                told += await process.stdout.readline()
        facts = json.loads(told)
        assert (facts["unit"], facts["modules"]) == ("worker", ["webhooks"])
        assert "http" not in facts
    finally:
        process.terminate()
        await process.wait()
    assert process.returncode == 0


async def made_endpoint(nest: Nest, url: str, *events: str) -> str:
    """Add an endpoint through the API, as a program of the merchant does."""
    return await made(nest, "/v1/webhook_endpoints", {"url": url, "events": list(events)})


async def triggered(nest: Nest, kind: str) -> str:
    """Make a sample event through the API."""
    return await made(nest, "/v1/events", {"type": kind})


async def made(nest: Nest, path: str, body: Json) -> str:
    sample = json.loads(nest.place_of_sample().read_text())
    running = json.loads((nest.data / "run" / "up.json").read_text())
    request = Request(
        f"http://127.0.0.1:{running['port']}{path}",
        data=json.dumps(body).encode(),
        headers={"x-api-key": sample["secret_key"], "content-type": "application/json"},
    )

    def ask() -> str:
        with urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())["id"]

    return await asyncio.to_thread(ask)
