"""Attacks between modules: by a caller that has papers, and means ill or was taken over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from tests.rpc.conftest import Installation
from tests.rpc.sample import Sample, Wish

from bezant.clock import RealClock
from bezant.errors import Conflict
from bezant.rpc.authority import Authority
from bezant.rpc.channel import METADATA_BYTES_MAX
from bezant.rpc.manners import Manners
from bezant.rpc.papers import FolderIssuer, server_name
from bezant.rpc.serve import Server
from bezant.rpc.tls import channel_credentials
from bezant.rpc.wire import MESSAGE_BYTES_MAX, contract

SERVICE = contract(Sample).service
WISH = f"/{SERVICE}/Wish"


def wished(text: str, **more: Any) -> bytes:
    method = next(one for one in contract(Sample).methods if one.name == "wish")
    return method.ask((Wish(text, **more),), {})


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    async with AsyncExitStack() as closing:
        yield Installation(Authority(tmp_path / "ours", "ours", RealClock()), closing)


def raw(installation: Installation, **options: Any) -> grpc.aio.Channel:
    """Open a channel with right papers and none of our own client's care."""
    name = server_name("sample")
    made = grpc.aio.secure_channel(
        f"127.0.0.1:{installation.port}",
        channel_credentials(installation.issuer("payments").papers()),
        options=[("grpc.ssl_target_name_override", name), ("grpc.max_send_message_length", -1)],
        **options,
    )
    installation.closing.push_async_callback(made.close)
    return made


async def status_of(call: Any) -> grpc.StatusCode:
    try:
        async with asyncio.timeout(60):
            await call
    except grpc.aio.AioRpcError as error:
        assert "Traceback" not in (error.details() or "")
        return error.code()
    return grpc.StatusCode.OK


@pytest.mark.parametrize("seconds", [None, 1e9, 60.0])
async def test_a_caller_cannot_wait_longer_than_the_service_allows(
    installation: Installation, seconds: float | None
) -> None:
    installation.server = Server(
        installation.issuer("sample"),
        RealClock(),
        permits={"sample.Sample": {"payments": frozenset({"wish"})}},
    )
    installation.server.offer(Sample, installation.service, Manners(deadline_seconds=0.5))
    installation.port = await installation.server.start("127.0.0.1:0")
    installation.closing.push_async_callback(installation.server.stop, 0)
    call = raw(installation).unary_unary(WISH)(
        wished("x", what="wait", milliseconds=3_600_000), timeout=seconds
    )
    assert await status_of(call) is grpc.StatusCode.UNAVAILABLE


async def test_what_is_squeezed_counts_at_its_full_size(installation: Installation) -> None:
    await installation.listen()
    squeezed = raw(installation, compression=grpc.Compression.Gzip).unary_unary(WISH)
    for _ in range(3):
        code = await status_of(squeezed(b"\0" * (MESSAGE_BYTES_MAX * 8)))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert installation.service.calls == 0
    assert await status_of(squeezed(wished("z" * 1_000))) is grpc.StatusCode.OK


SMUGGLED = [
    (("x-request-id", "a"), ("x-request-id", "b")),
    (("x-request-id", "a" * 300),),
    (("traceparent", "00-0-0-00"),),
    (("bezant-module", "gateway"), ("x-caller", "operator"), ("authorization", "Bearer x")),
    (("bezant-error-bin", b"\xff\xff"),),
]


@pytest.mark.parametrize("metadata", SMUGGLED)
async def test_what_travels_beside_a_call_gives_no_rights_and_no_lines(
    installation: Installation, metadata: Any
) -> None:
    await installation.listen({"sample.Sample": {"gateway": frozenset({"wish"})}})
    call = raw(installation).unary_unary(WISH)(wished("x"), metadata=metadata)
    code = await status_of(call)
    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert installation.service.calls == 0


async def test_metadata_has_a_largest_size(installation: Installation) -> None:
    await installation.listen()
    large = [(f"x-{n}", "y" * 1_000) for n in range(3 * METADATA_BYTES_MAX // 1_000)]
    code = await status_of(raw(installation).unary_unary(WISH)(wished("x"), metadata=large))
    assert code in {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE}
    assert await status_of(raw(installation).unary_unary(WISH)(wished("x"))) is grpc.StatusCode.OK


@pytest.mark.parametrize(
    "path",
    [
        f"/{SERVICE}/wish",
        f"/{SERVICE}/Wish/",
        f"//{SERVICE}/Wish",
        f"/{SERVICE}/__class__",
        f"/{SERVICE}/",
        "/",
        f"/{SERVICE}/Wish%00",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    ],
)
async def test_no_other_name_reaches_a_method(installation: Installation, path: str) -> None:
    await installation.listen()
    code = await status_of(raw(installation).unary_unary(path)(wished("x")))
    assert code is grpc.StatusCode.UNIMPLEMENTED
    assert installation.service.calls == 0


async def test_papers_of_another_installation_of_the_same_owner_are_strange(
    installation: Installation, tmp_path: Path
) -> None:
    """Even under one common certificate authority the installation's name decides."""
    await installation.listen()
    others = Authority(tmp_path / "ours", "theirs", RealClock())
    papers = others.issue("payments")
    assert FolderIssuer(papers).papers().installation == "theirs"
    name = server_name("sample")
    channel = grpc.aio.secure_channel(
        f"127.0.0.1:{installation.port}",
        channel_credentials(FolderIssuer(papers).papers()),
        options=[("grpc.ssl_target_name_override", name)],
    )
    code = await status_of(channel.unary_unary(WISH)(wished("x")))
    assert code is grpc.StatusCode.UNAUTHENTICATED
    await channel.close()


async def test_an_error_whose_words_cannot_travel_is_still_that_error(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    async def wish(command: Wish) -> str:
        calls.append(command.what)
        match command.what:
            case "surrogate":
                raise Conflict("\ud800")
            case "facts":
                raise Conflict("x", facts={f"f{n}": "y" * 500 for n in range(500)})
            case "later":
                raise Conflict("x", retry_after_seconds=1e300)
            case "nan":
                raise Conflict("x", retry_after_seconds=float("nan"))
            case _:
                raise Conflict("x" * 1_000_000)

    monkeypatch.setattr(installation.service, "wish", wish)
    await installation.listen()
    for what in ("surrogate", "facts", "later", "nan", "long"):
        with pytest.raises(Conflict):
            await installation.far().wish(Wish("x", what))
    assert calls == ["surrogate", "facts", "later", "nan", "long"]  # None was sent again.
