"""`bezant api-keys revoke`: whoever has the machine ends keys, though nobody can sign in."""

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from tests.cli.running import Nest, wait_until


def answer_to(url: str, key: str) -> int:
    try:
        with urlopen(Request(f"{url}/v1/payments", headers={"x-api-key": key}), timeout=30) as told:
            return told.status
    except HTTPError as refused:
        with refused:
            return refused.code


@pytest.mark.requirement("S003-7", part="keys revoked by scope")
def test_keys_that_may_write_payments_end_within_seconds(nest: Nest, started_once: Nest):
    nest.copy(started_once)
    url = nest.up().url()
    sample = json.loads(nest.place_of_sample().read_bytes())
    ending = ("api-keys", "revoke", "--merchant", sample["merchant"])
    assert answer_to(url, sample["secret_key"]) == 200
    assert nest.run(*ending).code == 2, "it is not said which"
    assert nest.run(*ending, "--resource", "payments", "--all").code == 2
    assert nest.run(*ending, "--resource", "gold", "--yes").code != 0
    assert nest.run(*ending, "--all", "--mode", "live", "--yes", "--json").facts == {"revoked": 0}
    assert answer_to(url, sample["secret_key"]) == 200

    wanted = ("--resource", "payments", "--access", "write", "--yes", "--json")
    assert nest.run(*ending, *wanted).facts == {"revoked": 1}
    wait_until(lambda: answer_to(url, sample["secret_key"]) == 401, "the key is refused")
