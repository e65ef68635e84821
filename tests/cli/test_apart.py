"""A module in a process of its own: found by the others, and the platform the same for callers."""

import json
import re
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from tests.cli.running import Nest, health, served
from tests.harness.ports import free_port


def accounts(url: str, key: str) -> list[dict[str, str]]:
    request = Request(f"{url}/v1/accounts", headers={"x-api-key": key})
    with urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())["data"]


@pytest.mark.requirement("S004-7")
def test_the_ledger_serves_the_gateway_from_a_process_of_its_own(installed: Nest):
    base = installed.up()
    base.url()
    key = json.loads(installed.place_of_sample().read_text())["secret_key"]
    address = f"127.0.0.1:{free_port()}"
    with served(installed, "ledger", "--grpc", address) as ledger:
        ledger.wait_for("Stop ")
        assert address in ledger.said
        words = ("gateway", "--port", str(free_port()))
        with served(installed, *words, LEDGER_GRPC=address) as gateway:
            gateway.wait_for("Stop ")
            found = re.search(r"http://[0-9.:]+", gateway.said)
            assert found is not None
            assert health(found[0])["status"] == "ok"
            assert {one["owner"] for one in accounts(found[0], key)} == {"bank", "ada", "ben"}

            ledger.process.kill()  # The control: it was the other process that answered.
            ledger.ended()
            with pytest.raises(HTTPError) as gone:
                accounts(found[0], key)
            assert gone.value.code == 503
            gone.value.close()
            assert health(found[0])["status"] == "ok"


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
