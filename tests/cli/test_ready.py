"""`/ready` of a whole house: no before its doors are open, yes then, and no once it is to end."""

from urllib.request import urlopen

import pytest
from tests.cli.running import Nest, served

from bezant.cli.beside import beside
from bezant.clock import RealClock
from bezant.http.handed import is_ready
from bezant.ids import Ids
from bezant.wiring.house import build


def test_a_platform_and_a_gateway_beside_it_want_traffic_once_they_stand(demo: Nest):
    def asked(url: str) -> int:
        with urlopen(url + "/ready", timeout=30) as answer:
            return answer.status

    assert asked(demo.run("status", "--json").facts["url"]) == 200
    with served(demo, "gateway", "--port", "0") as gateway:
        assert asked(gateway.url()) == 200


async def test_a_house_wants_traffic_between_the_opening_of_its_doors_and_its_end(
    demo: Nest, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(demo.folder)
    monkeypatch.setenv("HOME", str(demo.home))
    monkeypatch.setenv("SANDBOX_PORT", "0")
    here, clock = beside(demo.data), RealClock()
    async with build(here.settings, here.site(), clock, Ids(clock)) as house:
        door = house.listenings[0].application
        assert not await is_ready(door)
        house.traffic.begin()
        assert await is_ready(door)
        house.traffic.end()
        assert not await is_ready(door)
