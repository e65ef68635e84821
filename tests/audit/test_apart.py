"""The audit in a process of its own: the gateway shows its log, and it follows what others do."""

import json
import re
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import psycopg
import pytest
from tests.cli.running import Nest, served, wait_until
from tests.harness.ports import free_port

from bezant.cli.beside import beside


def integrity(url: str) -> Any:
    with urlopen(f"{url}/audit/integrity", timeout=20) as answer:
        return json.loads(answer.read())


def started(nest: Nest) -> set[str]:
    address = beside(nest.data).ground().administrator.reveal()
    with psycopg.connect(address) as connection:
        rows = connection.execute("SELECT subject FROM audit.event WHERE type = 'process.started'")
        return {subject for (subject,) in rows}


@pytest.mark.requirement("S004-7")
def test_the_audit_serves_the_gateway_from_a_process_of_its_own(nest: Nest):
    nest.up().url()
    address = f"127.0.0.1:{free_port()}"
    with served(nest, "audit", "--grpc", address) as audit:
        audit.wait_for("Stop ")
        words = ("gateway", "--port", str(free_port()))
        with served(nest, *words, AUDIT_GRPC=address) as gateway:
            gateway.wait_for("Stop ")
            found = re.search(r"http://[0-9.:]+", gateway.said)
            assert found is not None
            url = found[0]
            wait_until(lambda: integrity(url)["signed_size"] > 0, "the log is signed", 60)
            state = integrity(url)
            assert {one["feed"] for one in state["feeds"]} >= {"ledger", "payments"}
            assert state["trouble"] == ""
            with urlopen(f"{url}/audit/tile/0/000.p/1", timeout=20) as answer:
                assert len(answer.read()) == 32
            wait_until(lambda: started(nest) >= {"gateway", "audit"}, "both said that they started")

            audit.process.kill()  # The control: it was the other process that answered.
            audit.ended()
            with pytest.raises(HTTPError) as gone:
                integrity(url)
            assert gone.value.code == 503
            gone.value.close()
