"""Each profile opens its family's ports in one process, and each port says which unit it is."""

import json
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from tests.cli.running import Nest, health
from tests.harness.ports import is_free
from tests.harness.waiting import wait_until

from bezant.gateway.profile import load_profile
from bezant.wiring.modules import MODULES

# Families' ports are fixed: tests that open them take turns.
pytestmark = pytest.mark.usefixtures("fixed_ports")


@pytest.mark.requirement("S000-2", "S001-4", "S002-1", "S003-1")
@pytest.mark.parametrize("name", ["default", "poc", "platform", "peopletrust", "merchant"])
def test_every_port_of_a_profile_answers_under_its_unit_s_name(installed: Nest, name: str):
    profile = load_profile(name)
    ports = [listener.port for listener in profile.opens(MODULES)]
    wait_until(lambda: all(map(is_free, ports)), f"the ports {ports} are free")
    running = installed.up_as_it_is("--profile", name)
    url = running.url()
    assert url.endswith(f":{profile.main.port}")
    for listener in profile.opens(MODULES):
        told = health(f"http://127.0.0.1:{listener.port}")
        assert (told["status"], told["service"]) == ("ok", listener.unit)
        status = installed.run("status", listener.unit, "--json")
        assert status.facts["unit"] == listener.unit
    running.stop()


@pytest.mark.requirement("S003-1")
def test_the_port_setting_moves_the_main_listener_only(installed: Nest):
    running = installed.up("--profile", "merchant")
    url = running.url()
    assert not url.endswith(":3000")
    with urlopen(f"{url}/health", timeout=20) as answer:
        assert json.loads(answer.read())["service"] == "api"
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{url}/api/v1/accounts", timeout=20)
    assert refused.value.code == 401  # The alias is there; only the key is missing.
    refused.value.close()


@pytest.mark.requirement("S003-5")
def test_a_log_file_of_one_s_own_gets_the_lines_as_well(installed: Nest):
    path = installed.folder / "own" / "platform.log"
    running = installed.up(LOG_FILE=str(path))
    health(running.url())
    running.wait_for("http.answered")
    running.stop()
    events = [json.loads(line)["event"] for line in path.read_text().splitlines()]
    assert "http.answered" in events
    assert path.with_name("error.log").exists()
