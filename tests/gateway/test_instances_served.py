"""`bezant serve gateway --instances`: real processes behind one port, one of which is killed."""

import os
import signal
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
from tests.cli.running import Nest, served
from tests.harness.ports import free_port
from tests.harness.waiting import wait_until

BOTH = '"event":"instance.changed","well":true,"left":2'


def children(parent: int) -> set[int]:
    """Return the processes that a process has begun and that live."""
    found: set[int] = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue
        state, mother = rest.split()[:2]
        if int(mother) == parent and state != "Z":
            found.add(int(name.split()[0]))
    return found


def status(url: str) -> int:
    try:
        with urlopen(url, timeout=20) as answer:
            return answer.status
    except URLError as refused:
        return getattr(refused, "code", 0)


def limit(ready: str) -> int:
    """Return how often one may try to log in, as whoever answers tells it."""
    door = Request(ready.replace("/ready", "/v1/session"), b"{}", method="POST")
    with pytest.raises(HTTPError) as refused:
        urlopen(door, timeout=20)
    with refused.value as answer:
        return int(answer.headers["ratelimit-limit"])


@pytest.mark.requirement("S002-1", part="instances with health checks")
def test_one_port_goes_on_answering_while_one_of_its_gateways_is_killed(
    installed: Nest,
) -> None:
    nest = installed
    nest.up().url()
    for wrong in (("ledger", "--instances", "2"), ("gateway", "--instances", "0")):
        refused = nest.run("serve", *wrong)
        assert refused.code != 0
        assert "nstances" in refused.err + refused.out
    port = free_port()
    url = f"http://127.0.0.1:{port}/ready"
    words = ("gateway", "--instances", "2", "--port", str(port), "--json")
    with served(nest, *words) as running:
        running.wait_for('"instances"')
        running.wait_for(BOTH)  # That they live is not enough: one is about to be killed.
        assert [status(url) for _ in range(20)] == [200] * 20
        assert limit(url) == 300, "each of the two has its half of LOGIN_LIMIT"
        before = children(running.pid)
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        # Its first thread may have ended while others still hold its end of what connects them.
        wait_until(lambda: not Path(f"/proc/{victim}").exists(), "it is gone, and was reaped")
        both = running.said.count(BOTH)
        assert [status(url) for _ in range(20)] == [200] * 20
        wait_until(lambda: running.said.count(BOTH) > both, "another has taken its place")
        assert len(children(running.pid)) == 2
        assert [status(url) for _ in range(20)] == [200] * 20
        after = children(running.pid)
        assert '"route":"/ready"' not in running.said, "what is asked twice a second is not told"
    wait_until(lambda: not any(Path(f"/proc/{one}").exists() for one in after), "all have ended")
    assert status(url) == 0
