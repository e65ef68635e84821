"""Several gateways behind one Envoy, each a process of its own, met over mutual TLS.

One is killed while callers go on; what it has not seen goes to the others, at once.
"""

import os
import signal
import socket
import ssl
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import httpx2
import msgspec
import pytest
from tests.cli.running import Foreground, Nest, served
from tests.harness.ports import free_port
from tests.harness.waiting import wait_until

pytestmark = [
    pytest.mark.system,
    pytest.mark.requirement("S002-1", part="several gateways behind Envoy"),
]
PATH = "/v1/accounts"
CALLERS = 4
SECONDS = 240.0


@dataclass
class Several:
    """A platform behind an Envoy, with two more gateways on ports of their own."""

    nest: Nest
    port: int
    ports: Sequence[int]
    client: httpx2.Client
    further: dict[int, Foreground]
    stack: ExitStack

    def serve(self, port: int) -> None:
        """Start a further gateway, and return when it answers."""
        words = ("gateway", "--port", str(port), "--json")
        self.further[port] = self.stack.enter_context(served(self.nest, *words, EDGE="envoy"))
        self.further[port].wait_for('"http"')

    def ask(self) -> httpx2.Response:
        return self.client.get(PATH)

    def answered_by(self, times: int) -> Counter[str]:
        """Ask so often; count who answered, as Envoy writes it down, or the refusal."""
        answers = [self.ask() for _ in range(times)]
        asked = {one.headers["request-id"] for one in answers if one.status_code == 200}
        by: dict[str, str] = {}

        def written() -> bool:
            by.update((row["request_id"], row["gateway"]) for row in self.rows())
            return asked <= by.keys()

        wait_until(written, "every answer is in the log", SECONDS)
        return Counter(
            by[one.headers["request-id"]] if one.status_code == 200 else str(one.status_code)
            for one in answers
        )

    def rows(self) -> list[dict[str, Any]]:
        """Return what Envoy has written of requests."""
        lines = (self.nest.data / "logs" / "envoy.log").read_text().splitlines()
        return [msgspec.json.decode(one) for one in lines if one.startswith('{"')]

    def until(self, count: int) -> None:
        wait_until(lambda: len(self.answered_by(20)) == count, f"{count} gateways answer", SECONDS)


@pytest.fixture(scope="module")
def several(started_once: Nest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Several]:
    nest = Nest(tmp_path_factory.mktemp("several"))
    nest.copy(started_once)
    port, ports = free_port(), (free_port(), free_port())
    named = ",".join(f"127.0.0.1:{one}" for one in ports)
    key = msgspec.json.decode(nest.place_of_sample().read_bytes())["secret_key"]
    client = httpx2.Client(
        base_url=f"http://127.0.0.1:{port}", headers={"x-api-key": key}, timeout=60
    )
    with ExitStack() as stack:
        stack.callback(nest.clear)
        stack.enter_context(client)
        words = ("--port", str(port), "--edge", "envoy")
        nest.up_as_it_is(*words, ENVOY_GATEWAYS=named).url()
        made = Several(nest, port, ports, client, {}, stack)
        for one in ports:
            made.serve(one)
        yield made


def test_one_of_three_gateways_dies_and_nobody_notices(several: Several) -> None:
    # A busy machine may think one of them unwell for a while; then it gets its share again.
    wait_until(lambda: _shared(several.answered_by(150)), "each of them gets a share", SECONDS)

    # Callers that never stop: what was under way in the one that dies may be lost, and no more.
    failed, asked, over = list[str](), Counter[str](), Event()

    def go_on(_: int) -> None:
        with httpx2.Client(base_url=several.client.base_url, timeout=60) as client:
            while not over.is_set():
                answer = client.get(PATH, headers=several.client.headers)
                asked["times"] += 1
                if answer.status_code != 200:
                    failed.append(answer.text)

    victim = several.further[several.ports[0]]
    with ThreadPoolExecutor(CALLERS) as pool:
        calling = [pool.submit(go_on, number) for number in range(CALLERS)]
        wait_until(lambda: asked["times"] > 50, "callers call", SECONDS)
        os.kill(victim.pid, signal.SIGKILL)
        victim.ended()
        now = asked["times"]
        wait_until(lambda: asked["times"] > now + 200, "callers go on", SECONDS)
        over.set()
    for one in calling:
        one.result()
    assert len(failed) <= CALLERS, failed
    several.until(2)
    assert _tries(several) > 1, "some were asked of the dead one first"

    several.serve(several.ports[0])
    several.until(3)


def _shared(told: Counter[str]) -> bool:
    return len(told) == 3 and min(told.values()) >= 15


def _tries(several: Several) -> int:
    """Return how often a request was tried at most, as Envoy writes it down."""
    found = 0

    def told() -> bool:
        nonlocal found
        found = max((row.get("tries") or 0 for row in several.rows()), default=0)
        return found > 1

    wait_until(told, "a second try is in the log", SECONDS)
    return found


def test_nobody_shares_a_port_with_envoy(installed: Nest) -> None:
    taken, port = free_port(), free_port()
    with socket.create_server(("127.0.0.1", taken)):
        refused = installed.run("up", "--edge", "envoy", "--port", str(taken))
    assert refused.code != 0
    assert f"Port {taken} on 127.0.0.1 is taken by another program" in refused.err + refused.out
    wrong = installed.run("up", "--edge", "envoy", ENVOY_GATEWAYS="here", PORT=str(port))
    assert wrong.code != 0
    assert "ENVOY_GATEWAYS" in wrong.err + wrong.out


def test_a_further_gateway_is_one_of_the_same_house(several: Several) -> None:
    several.until(3)
    for port in several.ports:
        # Nobody but Envoy comes in: not in the clear, and not without a certificate of ours.
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        for base in (f"http://127.0.0.1:{port}", f"https://127.0.0.1:{port}"):
            with (
                httpx2.Client(base_url=base, verify=context) as stranger,
                pytest.raises(httpx2.HTTPError),
            ):
                stranger.get("/health")
        own: Path = several.nest.data / "pki" / "modules" / "envoy" / "identity.pem"
        context.load_cert_chain(own)
        with httpx2.Client(base_url=f"https://127.0.0.1:{port}", verify=context) as envoy:
            about = envoy.get("/.well-known/openid-configuration").json()
            assert envoy.get(PATH).status_code == 401
        # Whoever answers says the same about where the platform is: its tokens count everywhere.
        assert about["issuer"] == f"http://localhost:{several.port}"
