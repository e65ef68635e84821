"""A module in a process of its own: found by the others, and the platform the same for callers."""

import json
import re
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.cli.running import Nest, health, served
from tests.harness.ports import free_port


def accounts(url: str, key: str) -> list[dict[str, str]]:
    request = Request(f"{url}/v1/accounts", headers={"x-api-key": key})
    with urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())["data"]


def measured(url: str, name: str, labels: dict[str, str]) -> float:
    """Return one measure of a process."""
    with urlopen(url + "/metrics", timeout=20) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    found = {
        frozenset(one.labels.items()): one.value
        for family in families
        for one in family.samples
        if one.name == name
    }
    return found[frozenset(labels.items())]


@pytest.mark.parametrize("module", ["keys", "identity", "audit"])
def test_any_module_apart_can_be_looked_after(demo: Nest, module: str):
    watched = free_port()
    with served(demo, module, "--metrics-port", str(watched)) as running:
        running.wait_for("Stop ")
        assert f"http://127.0.0.1:{watched}" in running.said
        assert health(f"http://127.0.0.1:{watched}")["service"] == module
        with urlopen(f"http://127.0.0.1:{watched}/ready", timeout=20) as answer:
            assert answer.status == 200


@pytest.mark.requirement("S004-7")
def test_the_ledger_serves_the_gateway_from_a_process_of_its_own(installed: Nest):
    base = installed.up()
    base.url()
    key = json.loads(installed.place_of_sample().read_text())["secret_key"]
    address = f"127.0.0.1:{free_port()}"
    watched = free_port()
    with served(installed, "ledger", "--grpc", address, "--metrics-port", str(watched)) as ledger:
        ledger.wait_for("Stop ")
        assert address in ledger.said
        words = ("gateway", "--port", str(free_port()))
        with served(installed, *words, LEDGER_GRPC=address) as gateway:
            gateway.wait_for("Stop ")
            found = re.search(r"http://[0-9.:]+", gateway.said)
            assert found is not None
            assert health(found[0])["status"] == "ok"
            assert {one["owner"] for one in accounts(found[0], key)} == {"bank", "ada", "ben"}
            assert health(f"http://127.0.0.1:{watched}")["service"] == "ledger"
            asked = {"method": "ledger.Ledger.accounts", "outcome": "ok"}
            served_calls = measured(
                f"http://127.0.0.1:{watched}", "bezant_rpc_answers_total", asked
            )
            assert served_calls >= 1
            asked["peer"] = "ledger"
            assert measured(found[0], "bezant_rpc_calls_total", asked) == served_calls
            peer = {"peer": "ledger"}
            assert measured(found[0], "bezant_rpc_breaker_open", peer) == 0

            ledger.process.kill()  # The control: it was the other process that answered.
            ledger.ended()
            with pytest.raises(HTTPError) as gone:
                accounts(found[0], key)
            assert gone.value.code == 503
            gone.value.close()
            assert health(found[0])["status"] == "ok"
            asked["outcome"] = "peer_unavailable"
            assert measured(found[0], "bezant_rpc_calls_total", asked) >= 1


@pytest.mark.usefixtures("fixed_ports")
@pytest.mark.requirement("S001-4")
def test_a_unit_is_served_under_its_family_s_name_with_its_own_http_port(installed: Nest):
    installed.up().url()
    with served(installed, "ledger-service", "--profile", "platform") as running:
        running.wait_for("Stop ")
        assert "http://127.0.0.1:8002" in running.said
        assert health("http://127.0.0.1:8002")["service"] == "ledger-service"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("fraud_engine", "--profile", "poc"), "planned"),
        (("mars",), "no unit"),
        (("postgres",), "no module"),
    ],
)
def test_what_cannot_be_served_says_so(installed: Nest, words: tuple[str, ...], said: str):
    installed.up().url()
    refused = installed.run("serve", *words)
    assert refused.code in {2, 3}
    assert said in refused.err


def test_without_a_running_database_nothing_is_served(nest: Nest):
    assert nest.run("serve", "ledger").code == 4
    running = nest.up()
    running.url()
    running.stop()
    refused = nest.run("serve", "ledger")
    assert refused.code == 4
    assert "bezant up" in refused.err
