"""Whatever bytes arrive, a service answers with an error of the caller's and goes on."""

from collections import Counter
from itertools import islice
from pathlib import Path

import grpc.aio
import pytest
from tests.rpc.fuzz import SPECIAL, messages, poured, shower
from tests.rpc.sample import Sample, SampleService

from bezant.clock import RealClock
from bezant.errors import NotFound
from bezant.rpc.authority import Authority
from bezant.rpc.channel import OPTIONS
from bezant.rpc.manners import port_name
from bezant.rpc.papers import FolderIssuer, server_name
from bezant.rpc.permits import EVERYTHING
from bezant.rpc.proto import ports
from bezant.rpc.serve import Server
from bezant.rpc.tls import TLS_VERSION, channel_credentials
from bezant.rpc.wire import contract

MESSAGES = 2_000
OVER_GRPC = 50
KNOWN = {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED"}

pytestmark = [pytest.mark.requirement("S001-5", part="rpc"), pytest.mark.catalogue("T64")]


class Nothing:
    """A service without anything in it."""

    def __getattr__(self, name: str):
        async def miss(*_: object) -> None:
            raise NotFound

        return miss


class Clumsy(SampleService):
    """The negative control: a service that trips over what it is given."""

    async def wish(self, command: object) -> str:
        raise KeyError(command)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("port", [Sample, *ports()], ids=lambda port: port.__name__)
async def test_no_message_breaks_a_service(tmp_path: Path, port: type):
    service = SampleService() if port is Sample else Nothing()
    counted = await fuzzed(tmp_path, port, service, MESSAGES)

    for method, statuses in counted.items():
        assert statuses.total() == MESSAGES
        assert set(statuses) <= KNOWN, method
        assert statuses["RESOURCE_EXHAUSTED"] >= 1  # The one that is larger than a message may be.
        assert statuses["INVALID_ARGUMENT"] > MESSAGES // 10
        assert statuses["OK"] + statuses["NOT_FOUND"] > 0  # Some were not broken, and arrived.


async def test_a_service_that_trips_is_noticed(tmp_path: Path):
    over_grpc = (await fuzzed(tmp_path, Sample, Clumsy(), 50))["wish"]
    everywhere = (await fuzzed(tmp_path, Sample, Clumsy(), OVER_GRPC + 50))["wish"]
    poured_in = everywhere - (await fuzzed(tmp_path, Sample, Clumsy(), OVER_GRPC))["wish"]
    assert over_grpc["INTERNAL"] > 0
    assert poured_in["INTERNAL"] > 0


async def fuzzed(
    tmp_path: Path, port: type, service: object, count: int
) -> dict[str, Counter[str]]:
    """Let every method hear so many messages: the first of them over gRPC."""
    module = port_name(port).partition(".")[0]
    authority = Authority(tmp_path, "test", RealClock())
    permits = {port_name(port): {"gateway": EVERYTHING}}
    server = Server(FolderIssuer(authority.issue(module)), RealClock(), permits=permits)
    server.offer(port, service)
    address = f"127.0.0.1:{await server.start('127.0.0.1:0')}"
    papers = FolderIssuer(authority.issue("gateway")).papers()
    options = [
        *(each for each in OPTIONS if each[0] != "grpc.max_send_message_length"),
        ("grpc.max_send_message_length", -1),
        ("grpc.ssl_target_name_override", server_name(module)),
    ]
    agreed = contract(port)
    auth = {"ssl_tls_version": [TLS_VERSION], "x509_pem_cert": [papers.chain]}
    counted: dict[str, Counter[str]] = {}
    try:
        async with grpc.aio.secure_channel(
            address, channel_credentials(papers), options=options
        ) as channel:
            for method in agreed.methods:
                pending = messages(agreed, method, count - SPECIAL, seed=64)
                over_grpc = islice(pending, OVER_GRPC - SPECIAL)
                handle = server._handler(port_name(port), method, service, 60.0)
                counted[method.name] = await shower(channel, agreed, method, over_grpc)
                counted[method.name] += await poured(handle, auth, pending)
        return counted
    finally:
        await server.stop(0)
