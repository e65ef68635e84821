"""The key room in a process of its own: whoever keeps a module asks in that module's name."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import psycopg
import pytest
from tests.cli.running import Nest, served
from tests.harness.ports import free_port
from tests.harness.waiting import wait_until

from bezant.cli.beside import beside


@pytest.fixture
def nest(tmp_path: Path) -> Iterator[Nest]:
    made = Nest(tmp_path)
    yield made
    made.clear()


def used(nest: Nest) -> set[tuple[str, str]]:
    """Return by whom the key room apart was asked so far, and for what."""
    address = beside(nest.data).ground().administrator.reveal()
    with psycopg.connect(address) as connection:
        rows = connection.execute("SELECT caller, use FROM keys.access WHERE process = 'keys'")
        return {(str(caller), str(use)) for caller, use in rows}


@pytest.mark.requirement("S004-7", part="keys in a process of their own")
def test_a_gateway_asks_for_each_of_its_modules_in_that_modules_name(nest: Nest) -> None:
    nest.up().url()
    secret = json.loads(nest.place_of_sample().read_text())["secret_key"]
    address = f"127.0.0.1:{free_port()}"
    with served(nest, "keys", "--grpc", address) as keys:
        keys.wait_for("Stop ")
        with served(nest, "gateway", "--port", str(free_port()), KEYS_GRPC=address) as gateway:
            gateway.wait_for("Stop ")
            found = re.search(r"http://[0-9.:]+", gateway.said)
            assert found is not None
            asked = Request(f"{found[0]}/v1/payments", headers={"x-api-key": secret})
            with urlopen(asked, timeout=20) as answer:
                assert answer.status == 200
            with urlopen(f"{found[0]}/v1/crypto/capabilities", timeout=20) as answer:
                assert json.load(answer)["lies_in"] == ["software"]
            wait_until(lambda: ("identity", "hash") in used(nest), "it is written who asked", 60)

    # In the gateway's own name nobody works with a key: it has none.
    assert not [use for caller, use in used(nest) if caller == "gateway"]
