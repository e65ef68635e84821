"""Only a module of this installation, with a certificate that holds now, gets through."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import grpc.aio
import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from tests.rpc import forgery
from tests.rpc.conftest import OPEN, Installation
from tests.rpc.forgery import FixedIssuer, Wanted, forge
from tests.rpc.sample import Sample, SampleService, Wish

from bezant.clock import RealClock
from bezant.errors import BezantError, Forbidden, Invalid, Unauthenticated, Unavailable
from bezant.rpc.authority import Authority
from bezant.rpc.channel import Channel, Terms
from bezant.rpc.far import far
from bezant.rpc.manners import port_name
from bezant.rpc.methods import method_names
from bezant.rpc.papers import FolderIssuer, Issuer, Papers
from bezant.rpc.permits import EVERYTHING
from bezant.rpc.proto import ports
from bezant.rpc.serve import Server
from bezant.rpc.wire import camel, contract

pytestmark = [
    pytest.mark.requirement("S001-5", "S002-7", part="rpc"),
    pytest.mark.catalogue("T32"),
]

Make = Callable[[Path, Papers], Issuer]


def other_authority(folder: Path, true: Papers) -> Issuer:
    stranger = Authority(folder / "stranger", true.installation, RealClock())
    theirs = FolderIssuer(stranger.issue(true.module)).papers()
    return FixedIssuer(replace(theirs, trust=true.trust))  # It does believe the server.


def wanting(wanted: Wanted) -> Make:
    return lambda folder, true: forge(folder, true, wanted)


CALLERS: dict[str, tuple[Make, type[BezantError]]] = {
    "wrong authority": (other_authority, Unavailable),
    "own signature": (lambda _, true: forgery.forge_alone(true, Wanted()), Unavailable),
    "signed by a module": (lambda _, true: forgery.forge_below(true, Wanted()), Unavailable),
    "no certificate": (lambda _, true: forgery.without_certificate(true), Unavailable),
    "expired": (
        wanting(Wanted(begins=timedelta(days=-40), ends=timedelta(seconds=-10))),
        Unavailable,
    ),
    "not yet valid": (wanting(Wanted(begins=timedelta(hours=1))), Unavailable),
    "for servers only": (wanting(Wanted(uses=(ExtendedKeyUsageOID.SERVER_AUTH,))), Unavailable),
    "other installation": (
        wanting(Wanted(addresses=("bezant://other/payments",))),
        Unauthenticated,
    ),
    "no address": (wanting(Wanted(addresses=())), Unauthenticated),
    "two addresses": (
        wanting(Wanted(addresses=("bezant://test/payments", "bezant://test/gateway"))),
        Unauthenticated,
    ),
    "address of another kind": (
        wanting(Wanted(addresses=("https://test/payments",))),
        Unauthenticated,
    ),
    "no names at all": (wanting(Wanted(addresses=(), names=())), Unauthenticated),
    "module without permit": (wanting(Wanted(addresses=("bezant://test/webhooks",))), Forbidden),
}


@pytest.mark.parametrize("case", CALLERS)
async def test_a_caller_with_wrong_papers_is_refused(
    installation: Installation, tmp_path: Path, case: str
):
    port = await installation.listen()
    make, kind = CALLERS[case]
    forged = Channel(
        f"127.0.0.1:{port}", "sample", make(tmp_path, installation.issuer("payments").papers())
    )
    try:
        with pytest.raises(kind):
            await far(Sample, forged).wish(Wish("w"))
    finally:
        await forged.close()
    assert installation.service.calls == 0
    assert await installation.far().wish(Wish("w")) == "w"  # The control.


@pytest.mark.parametrize("port", ports(), ids=lambda port: port.__name__)
async def test_every_service_refuses_the_same_callers(tmp_path: Path, port: type):
    """The catalogue's matrix: each wrong certificate against each service, and the right one."""
    module = port_name(port).partition(".")[0]
    if module == "payments":  # Revoked below as the caller; who serves keeps its papers.
        module = "gateway"
    authority = Authority(tmp_path, "test", RealClock())
    permits = {port_name(port): {"payments": EVERYTHING}}
    server = Server(FolderIssuer(authority.issue(module)), RealClock(), permits=permits)
    server.offer(port, Untouched())
    address = f"127.0.0.1:{await server.start('127.0.0.1:0')}"
    true = FolderIssuer(authority.issue("payments")).papers()
    method = method_names(port)[0]
    path = f"/{contract(port).service}/{camel(method)}"
    terms = Terms(path, port_name(port), method, 10, 10, repeatable=True)

    async def outcome(issuer: Issuer) -> type[Exception]:
        """Send what nobody can read: whoever gets in learns that it is invalid."""
        channel = Channel(address, module, issuer)
        try:
            await channel.call(terms, b"\xff")
        except BezantError as error:
            return type(error)
        finally:
            await channel.close()
        raise AssertionError("garbage was answered")

    try:
        forged = [make(tmp_path, true) for make, _ in CALLERS.values()]
        outcomes = await asyncio.gather(*(outcome(issuer) for issuer in forged))
        for case, met in zip(CALLERS, outcomes, strict=True):
            assert issubclass(met, CALLERS[case][1]), case
        assert await outcome(FixedIssuer(true)) is Invalid
        authority.revoke("payments")
        assert issubclass(await outcome(FixedIssuer(true)), (Unauthenticated, Unavailable))
    finally:
        await server.stop(0)


class Untouched:
    """A service that must not be reached."""

    def __getattr__(self, name: str):
        return name


async def test_forged_papers_that_are_right_in_everything_are_accepted(
    installation: Installation, tmp_path: Path
):
    """The negative control of the forgery: what it makes is refused for what is wrong with it."""
    port = await installation.listen()
    issuer = forge(tmp_path, installation.issuer("payments").papers(), Wanted())
    channel = Channel(f"127.0.0.1:{port}", "sample", issuer)
    try:
        assert await far(Sample, channel).wish(Wish("w")) == "w"
    finally:
        await channel.close()


async def test_a_revoked_caller_is_refused_on_the_connection_it_has(installation: Installation):
    await installation.listen()
    thief = FixedIssuer(installation.issuer("payments").papers())
    channel = Channel(f"127.0.0.1:{installation.port}", "sample", thief)
    port = far(Sample, channel)
    try:
        assert await port.wish(Wish("w")) == "w"

        installation.authority.revoke("payments")

        with pytest.raises(Unauthenticated):
            await port.wish(Wish("w"))
    finally:
        await channel.close()
    assert await installation.far().wish(Wish("w")) == "w"  # With new papers.


async def test_a_certificate_that_expires_ends_its_connection(installation: Installation):
    """The handshake was in time; the call is not."""
    moved = MovedClock()
    server = Server(installation.issuer("sample"), moved, permits=OPEN)
    server.offer(Sample, installation.service)
    port = await server.start("127.0.0.1:0")
    installation.closing.push_async_callback(server.stop, 0)
    sample = installation.far(port=port)
    assert await sample.wish(Wish("w")) == "w"

    moved.by = timedelta(days=31)

    with pytest.raises(Unauthenticated):
        await sample.wish(Wish("w"))


class MovedClock(RealClock):
    by = timedelta(0)

    def now(self):
        return super().now() + self.by


SERVERS: dict[str, Make] = {
    "wrong authority": other_authority,
    "own signature": lambda _, true: forgery.forge_alone(true, SAMPLE),
    "expired": wanting(
        Wanted(
            ("bezant://test/sample",),
            ("sample.bezant.internal",),
            timedelta(days=-40),
            timedelta(seconds=-10),
        )
    ),
    "not yet valid": wanting(
        Wanted(("bezant://test/sample",), ("sample.bezant.internal",), timedelta(hours=1))
    ),
    "another module": wanting(Wanted()),
    "no names": wanting(Wanted(("bezant://test/sample",), ())),
    "for callers only": wanting(
        Wanted(
            ("bezant://test/sample",),
            ("sample.bezant.internal",),
            uses=(ExtendedKeyUsageOID.CLIENT_AUTH,),
        )
    ),
}
SAMPLE = Wanted(("bezant://test/sample",), ("sample.bezant.internal",))


@pytest.mark.parametrize("case", [*SERVERS, "the right one"])
async def test_a_server_with_wrong_papers_is_not_called(
    installation: Installation, tmp_path: Path, case: str
):
    make = SERVERS.get(case, wanting(SAMPLE))
    issuer = make(tmp_path, installation.issuer("sample").papers())
    service = SampleService()
    server = Server(issuer, RealClock(), permits=OPEN)
    server.offer(Sample, service)
    port = await server.start("127.0.0.1:0")
    installation.closing.push_async_callback(server.stop, 0)

    if case == "the right one":
        assert await installation.far(port=port).wish(Wish("w")) == "w"
        return
    with pytest.raises(Unavailable):
        await installation.far(port=port).wish(Wish("w"))
    assert service.calls == 0


async def test_a_revoked_server_is_not_called_once_the_overlap_is_over(
    installation: Installation, tmp_path: Path
):
    stolen = FixedIssuer(installation.issuer("sample").papers())
    thief = Server(stolen, RealClock(), permits=OPEN)
    thief.offer(Sample, SampleService())
    port = await thief.start("127.0.0.1:0")
    installation.closing.push_async_callback(thief.stop, 0)
    assert await installation.far(port=port).wish(Wish("w")) == "w"

    installation.authority.revoke("sample")
    later = MovedClock()
    later.by = timedelta(seconds=61)
    Authority(tmp_path, "test", later).renew()

    with pytest.raises(Unavailable):
        await installation.far(port=port).wish(Wish("w"))


async def shaken_hands(port: int, papers: Path, version: ssl.TLSVersion) -> str | None:
    """Try a handshake in one version of TLS and no other; returns the version if it succeeds."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    context.load_cert_chain(papers / "identity.pem")
    context.load_verify_locations(papers / "trust.pem")
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.set_alpn_protocols(["h2"])
    try:
        _, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname="sample.bezant.internal"
        )
    except (ssl.SSLError, ConnectionError):
        return None
    spoken = writer.get_extra_info("ssl_object").version()
    writer.close()
    with suppress(ssl.SSLError, ConnectionError):
        await writer.wait_closed()
    return spoken


@pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2]
)
async def test_old_tls_is_refused(installation: Installation, version: ssl.TLSVersion):
    port = await installation.listen()
    papers = installation.authority.issue("payments")

    assert await shaken_hands(port, papers, version) is None
    assert await shaken_hands(port, papers, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"


@asynccontextmanager
async def listening(
    meet: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    context: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Listen with a server of our own, and leave no connection behind."""
    tasks: set[asyncio.Task[None]] = set()

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(OSError):
                await meet(reader, writer)
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(met, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_our_caller_does_not_speak_old_tls(installation: Installation):
    """A server that offers TLS 1.2 only, with the right certificate, is not spoken to."""
    folder = installation.authority.issue("sample")
    met: list[str | None] = []

    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = context.maximum_version = version
        context.load_cert_chain(folder / "identity.pem")
        context.set_alpn_protocols(["h2"])
        met.clear()

        async def meet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            met.append(writer.get_extra_info("ssl_object").version())

        async with listening(meet, context) as port:
            with pytest.raises(Unavailable):
                await installation.far(port=port).wish(Wish("w"))
        assert bool(met) == (version is ssl.TLSVersion.TLSv1_3)


async def test_plain_text_is_refused(installation: Installation):
    port = await installation.listen()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await channel.unary_unary("/bezant.sample.Sample/Wish")(b"", timeout=5)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert installation.service.calls == 0


async def test_a_plain_text_server_is_not_called(installation: Installation):
    seen: list[bytes] = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(1_000))
        writer.write(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")  # An HTTP/2 SETTINGS frame.
        await writer.drain()

    async with listening(listen) as port:
        with pytest.raises(Unavailable):
            await installation.far(port=port).wish(Wish("secret wish"))
    assert seen
    assert all(b"secret wish" not in each for each in seen)
