"""`bezant serve sandbox` and the commands of its desk, beside a demo that runs."""

import re
import signal
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from tests.cli.running import Nest, served
from tests.harness.ports import free_port

KEY = {"authorization": "Bearer card_test_bezant"}
CARD = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}


def pay(url: str, key: str) -> httpx2.Response:
    wish = {"key": key, "amount": "2000", "asset": "EUR", "card": CARD, "capture": True}
    return httpx2.post(f"{url}/authorisations", json=wish, headers=KEY, timeout=30)


def test_a_sandbox_beside_a_demo_is_scripted_and_asked_from_the_terminal(installed: Nest):
    installed.up().url()
    first = free_port()
    with served(installed, "sandbox", SANDBOX_PORT=str(first)) as sandbox:
        sandbox.wait_for("Stop ")
        card = re.search(r"card +(http://127\.0\.0\.1:\d+)", sandbox.said)
        assert card is not None, sandbox.said
        assert card[1].endswith(str(first + 5))
        here = ("--port", str(first))

        wish = ("--provider", "card", "--with", "error_after_acting", "--key", "k1")
        assert installed.run("sandbox", "fail", "next", *wish, *here).code == 0
        assert "error_after_acting at card" in installed.run("sandbox", "fail", "list", *here).out
        assert pay(card[1], "k1").status_code == 500
        assert pay(card[1], "k1").headers["replayed"] == "true"
        assert installed.run("sandbox", "fail", "list", *here).out == ""
        told = installed.run("sandbox", "charges", "k1", "--json", *here).facts
        assert told["charges"] == 1
        assert "charged 1 times" in installed.run("sandbox", "charges", "k1", *here).out
        said = installed.run("sandbox", "calls", "--provider", "card", *here).out.splitlines()
        assert [line.split()[-1] for line in said] == ["1", "201"]
        assert "500   by script 1" in said[0]

        moved = installed.run("sandbox", "clock", "+2d", "--json")
        assert moved.facts["followed"] is True
        assert pay(card[1], "k2").status_code == 201
        paid = installed.run("sandbox", "charges", "k2", "--json", *here).facts
        at = datetime.fromisoformat(paid["payments"][0]["movements"][0]["occurred_at"])
        assert abs(at - datetime.now(UTC) - timedelta(days=2)) < timedelta(hours=1)
        report = installed.run("sandbox", "settlement", "card", at.date().isoformat(), *here).out
        assert report.splitlines()[1].startswith("charge,cap_")

        wrong = installed.run("sandbox", "fail", "next", "--with", "explode", *here)
        assert (wrong.code, "effects are decline" in wrong.err) == (2, True)
        installed.run("sandbox", "fail", "next", "--with", "decline", *here)
        assert "1 scripts ended" in installed.run("sandbox", "fail", "clear", *here).out
        sandbox.stop(signal.SIGTERM)
        assert sandbox.process.returncode == 0
    gone = installed.run("sandbox", "calls", *here)
    assert (gone.code, "No sandbox answers" in gone.err) == (4, True)


@pytest.mark.parametrize(
    "words",
    [
        ("fail", "next"),
        ("fail", "next", "--with", "decline", "--times", "0"),
        ("calls", "--limit", "0"),
        ("charges",),
    ],
)
def test_a_command_written_wrongly_asks_nobody(nest: Nest, words: tuple[str, ...]):
    assert nest.run("sandbox", *words).code == 2
