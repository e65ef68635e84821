"""The vault's own listener stands nine ports above the main one, or where one says."""

import pytest

from bezant.settings import Given, Source, read
from bezant.wiring.cards import listener_of_its_own
from bezant.wiring.edges import addresses

pytestmark = pytest.mark.requirement("S000-4", part="tokenize")


@pytest.mark.parametrize(
    ("given", "port"),
    [
        ({}, 8089),
        ({"PORT": "10000"}, 10009),
        ({"PORT": "10000", "VAULT_PORT": "7000"}, 7000),
        ({"PORT": "0"}, 0),
        ({"PORT": "0", "VAULT_PORT": "7000"}, 7000),
        ({"PORT": "65530"}, 65521),
        ({"VAULT_PORT": "0"}, 0),
    ],
)
def test_where_it_listens(given: dict[str, str], port: int):
    texts = {name: Given(text, Source.ENVIRONMENT) for name, text in given.items()}
    settings = read(texts, ("vault",))
    row, host, found = listener_of_its_own(settings)
    assert (row.modules, host, found) == (("vault",), "127.0.0.1", port)
    assert (host, port) in addresses(settings)


def test_a_gateway_beside_a_vault_process_leaves_that_port_to_it():
    texts = {"VAULT_GRPC": Given("127.0.0.1:9000", Source.ENVIRONMENT)}
    assert ("127.0.0.1", 8089) not in addresses(read(texts, ("vault",)))
