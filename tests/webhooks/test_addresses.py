"""Where we never send: every way we know to name a private address, and names that change."""

import asyncio
import itertools
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.webhooks.forbidden import MALFORMED, PRIVATE_ANSWERS
from tests.webhooks.receiver import Receiver, status
from tests.webhooks.stand import Stand, work

from bezant.clock import RealClock
from bezant.webhooks import ForbiddenAddress, Outcome
from bezant.webhooks.addresses import allowed, target_of
from bezant.webhooks.dialling import Dialler, Place, SystemLookup, session_of
from bezant.webhooks.sender import Answered, Sender

pytestmark = pytest.mark.catalogue("T45")

PUBLIC = ("93.184.216.34", "1.1.1.1", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::5db8:d822")


class Watched(Dialler):
    """Writes down which addresses come as far as a socket, and opens none of them."""

    def __init__(self, *, live: bool = True, opens: bool = False) -> None:
        super().__init__(live=live)
        self.dialled: list[str] = []
        self._opens = opens

    def open(self, address: Place) -> socket.socket:
        made = super().open(address)
        self.dialled.append(str(address[4][0]))
        if not self._opens:
            made.close()
            raise OSError("nothing leaves this test")
        return made


class Names:
    """A name server of ours: each question gets the next of its answers."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.asked: list[str] = []
        self._answers = itertools.chain(answers, itertools.repeat(answers[-1]))

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return next(self._answers)


async def sent(url: str, names: Names, dialler: Dialler, *, live: bool = True) -> Answered:
    async with session_of(names, live=live, connections_max=4, dialler=dialler) as session:
        sender = Sender(session, RealClock(), live=live, timeout_seconds=5)
        return await sender.send(url, {}, b"{}")


def test_there_are_enough_of_them():
    assert len(MALFORMED) + len(PRIVATE_ANSWERS) >= 60


@pytest.mark.parametrize("url", MALFORMED)
async def test_a_url_that_leads_inside_is_refused_and_nothing_is_dialled(url: str):
    with pytest.raises(ForbiddenAddress) as refused:
        target_of(url, live=True)
    assert refused.value.field == "url"
    names, dialler = Names(PUBLIC[:1]), Watched()
    assert (await sent(url, names, dialler)).outcome is Outcome.FORBIDDEN
    assert (names.asked, dialler.dialled) == ([], [])


@pytest.mark.parametrize("answers", PRIVATE_ANSWERS, ids=" ".join)
async def test_a_name_that_leads_inside_is_not_dialled(answers: list[str]):
    dialler = Watched()
    answered = await sent("https://shop.example/hook", Names(answers), dialler)
    assert answered.outcome is Outcome.FORBIDDEN
    assert dialler.dialled == []


@pytest.mark.parametrize("address", PUBLIC)
async def test_a_public_address_is_dialled_and_no_other(address: str):
    """The control of the tests above: what may be dialled is dialled."""
    dialler = Watched()
    names = Names([address], ["127.0.0.1"])
    answered = await sent("https://shop.example/hook", names, dialler)
    assert answered.outcome is Outcome.UNREACHABLE
    assert [ip_address(one) for one in dialler.dialled] == [ip_address(address)]
    literal = f"https://[{address}]/" if ":" in address else f"https://{address}/"
    await sent(literal, names, dialler)
    assert [ip_address(one) for one in dialler.dialled] == [ip_address(address)] * 2


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.example",
        "https://SHOP.example/Hook?a=b&c=%20d",
        "https://xn--shp-sna.example/",
        "https://a.b.c.d.shop.example:8443/",
        "https://shop.example:443/~x/(y)/z;v=1,2",
        "https://93.184.216.34/",
        "https://[2606:2800:220:1:248:1893:25c8:1946]:9443/x",
        "https://1a.example/",
        "https://0x7f.example/",
    ],
)
def test_ordinary_urls_are_taken(url: str):
    assert target_of(url, live=True).url == url
    assert target_of(url, live=False).url == url


async def test_a_name_that_changes_between_check_and_connect_gains_nothing():
    """DNS rebinding: public when it is asked for, private ever after."""
    for flips in range(1, 6):
        names = Names(*[PUBLIC[:1]] * flips, ["127.0.0.1"])
        dialler = Watched()
        for _ in range(8):
            await sent("https://rebind.example/hook", names, dialler)
        assert len(dialler.dialled) == flips
        assert set(dialler.dialled) == {PUBLIC[0]}
        assert len(names.asked) == 8, "each name is resolved once for each connection"


async def test_a_remembered_name_leads_to_the_address_that_was_checked():
    names, dialler = Names(PUBLIC[:1], ["127.0.0.1"]), Watched()
    async with session_of(names, live=True, connections_max=4, dialler=dialler) as session:
        sender = Sender(session, RealClock(), live=True, timeout_seconds=5)
        for _ in range(8):
            await sender.send("https://rebind.example/hook", {}, b"{}")
    assert set(dialler.dialled) == {PUBLIC[0]}
    assert len(dialler.dialled) == 8


async def test_even_past_the_resolver_no_socket_is_made():
    """The last door: were a private address ever handed to the connector, no socket opens."""
    for address in ("127.0.0.1", "169.254.169.254", "::1", "10.0.0.1"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with pytest.raises(OSError, match="not public"):
            Dialler(live=True).open((family, socket.SOCK_STREAM, 0, "", (address, 443)))


async def test_a_demo_sends_to_its_own_machine_and_no_further(receiver: Receiver):
    for host in ("127.0.0.1", "localhost", "shop.example"):
        dialler = Watched(live=False, opens=True)
        url = f"http://{host}:{receiver.port}/hook"
        answered = await sent(url, Names(["127.0.0.1"]), dialler, live=False)
        assert answered.outcome is Outcome.DELIVERED
        assert dialler.dialled == ["127.0.0.1"]
    assert [one.headers["host"] for one in receiver.requests] == [
        f"{host}:{receiver.port}" for host in ("127.0.0.1", "localhost", "shop.example")
    ]
    for answers in PRIVATE_ANSWERS:
        if any(one.startswith("127.") or one == "::1" for one in answers):
            continue
        dialler = Watched(live=False)
        answered = await sent("http://shop.example/hook", Names(answers), dialler, live=False)
        assert (answered.outcome, dialler.dialled) == (Outcome.FORBIDDEN, [])


async def test_a_live_platform_does_not_even_take_the_url(stand: Stand, receiver: Receiver):
    """What was written down in a demo, or by hand, is checked again before it is dialled."""
    await stand.endpoint(receiver.url())
    await stand.happen(stand.event())
    await work(await stand.worker(live=True))
    assert receiver.requests == []
    (delivery,) = await stand.deliveries()
    assert delivery.tries[0].outcome is Outcome.FORBIDDEN


async def test_a_redirect_to_the_inside_is_not_followed(receiver: Receiver):
    receiver.answers["/hook"] = status(302, location="http://169.254.169.254/latest/meta-data/")
    dialler = Watched(live=False, opens=True)
    answered = await sent(receiver.url(), Names(["127.0.0.1"]), dialler, live=False)
    assert answered.outcome is Outcome.REDIRECTED
    assert dialler.dialled == ["127.0.0.1"]


async def test_no_proxy_of_the_environment_is_asked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
):
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, receiver.url("/proxy"))
    dialler = Watched()
    await sent("https://shop.example/hook", Names(PUBLIC[:1]), dialler)
    assert dialler.dialled == [PUBLIC[0]]
    assert receiver.requests == []


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


@asynccontextmanager
async def tls_server(paths: tuple[Path, Path]) -> AsyncIterator[tuple[int, list[str]]]:
    """Answer anything over TLS; yields the port and what clients said they want (SNI, Host)."""
    seen: list[str] = []

    def sni(_socket: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        seen.append(f"sni {name}")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        seen.extend(line.lower() for line in head.split("\r\n") if line.lower().startswith("host"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*paths)
    context.sni_callback = sni
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1], seen


@pytest.mark.parametrize(
    ("host", "trusted", "outcome"),
    [
        ("shop.example", True, Outcome.DELIVERED),
        ("shop.example", False, Outcome.UNTRUSTED),
        ("other.example", True, Outcome.UNTRUSTED),
    ],
)
async def test_the_name_is_kept_in_tls_and_host_while_the_address_is_dialled(
    tmp_path: Path, host: str, trusted: bool, outcome: Outcome
):
    paths = certificate(tmp_path, "shop.example")
    trust = ssl.create_default_context(cafile=str(paths[0]) if trusted else None)
    dialler = Watched(live=False, opens=True)
    async with tls_server(paths) as (port, seen):
        session = session_of(
            Names(["127.0.0.1"]), live=False, connections_max=4, tls=trust, dialler=dialler
        )
        async with session:
            sender = Sender(session, RealClock(), live=False, timeout_seconds=10)
            answered = await sender.send(f"https://{host}:{port}/hook", {}, b"{}")
    assert answered.outcome is outcome
    assert dialler.dialled == ["127.0.0.1"]
    assert seen[0] == f"sni {host}"
    assert (f"host: {host}:{port}" in seen) is (outcome is Outcome.DELIVERED)


def test_the_edges_of_what_is_public():
    for inside in ("9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "172.15.0.1"):
        assert allowed(inside, live=True)
    for inside in ("172.32.0.0", "192.167.1.1", "198.17.1.1", "198.20.0.0", "223.255.255.255"):
        assert allowed(inside, live=True)
    for outside in ("2000::", "2001:200::", "2003::1", "3ffe::1", "2a00:1450::1"):
        assert allowed(outside, live=True)
    for text in ("", "localhost", "1", "1.2.3", "::ffff:8.8.8.8", "2001:1ff::1", "4000::"):
        assert not allowed(text, live=True)
    assert not allowed("127.0.0.1", live=True)
    assert allowed("127.0.0.1", live=False)
    assert not allowed("127.0.0.1.", live=False)
    assert not allowed("169.254.169.254", live=False)


async def test_the_systems_own_resolver_answers_every_address_once():
    lookup = SystemLookup()
    try:
        found = await lookup("localhost", 80)
    finally:
        lookup.close()
    assert found
    assert len(set(found)) == len(found)
    assert set(found) <= {"127.0.0.1", "::1"}
