"""Encrypted connections of many: one address takes no more than its part of the places; and how a
proxy tells of a certificate.
"""

import asyncio
import ssl
from base64 import b64encode
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.harness.ports import free_port
from tests.http.papers import Pair, new_pair
from tests.http.stand import DEADLINE_SECONDS, standing, until
from tests.http.test_tls import HALF, listening, shown

from bezant.http import handshake, protocol
from bezant.http.certificates import of_proxy, with_certificate, written
from bezant.http.tls import Certificate, Handshakes
from bezant.identity.provider.http.metadata import metadata
from bezant.settings import Given, Source, read
from bezant.wiring.issuer import issuer_of

HOST, ELSEWHERE = "127.0.0.1", "127.0.0.2"
NETWORK = ip_network("127.0.0.2/32")


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return new_pair(tmp_path)


async def half_open(port: int, many: int) -> list[asyncio.StreamWriter]:
    """Begin handshakes from another address, and never end one."""
    writers: list[asyncio.StreamWriter] = []
    for _ in range(many):
        with suppress(OSError):
            _, writer = await asyncio.open_connection(HOST, port, local_addr=(ELSEWHERE, 0))
            writer.write(HALF)
            writers.append(writer)
    return writers


@pytest.mark.catalogue("T31")
@pytest.mark.parametrize("trusted", [False, True])
async def test_a_crowd_of_one_address_leaves_places_to_others(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    monkeypatch.setattr(protocol.BoundedProtocol, "places", 12)
    monkeypatch.setattr(handshake, "HANDSHAKE_SECONDS_MAX", 3_600.0)
    counted = Handshakes(4, (NETWORK,) if trusted else ())
    certificate = Certificate(pair.certificate, pair.key, counted)
    async with standing() as stand, listening(certificate.context, stand) as (serving, port):
        crowd = await half_open(port, 20)
        await until(lambda: serving.connections == (12 if trusted else 4))
        if trusted:  # The control: whoever may come for many can take all there is.
            with pytest.raises(OSError):
                await shown(port, pair.trust())
        else:
            for _ in range(8):
                assert (await shown(port, pair.trust()))[0] == "TLSv1.3"
            assert serving.connections >= 4
        for writer in crowd:
            writer.close()
        await until(lambda: serving.connections == 0)
        # What ended holds nothing: as many may begin again, and finish.
        again = await half_open(port, 3)
        await until(lambda: serving.connections == 3)
        async with asyncio.timeout(DEADLINE_SECONDS):
            _, writer = await asyncio.open_connection(
                HOST, port, ssl=pair.trust(), server_hostname="pay.example",
                local_addr=(ELSEWHERE, 0),
            )  # fmt: skip
        for one in (*again, writer):
            one.close()


def test_of_each_network_so_many_and_no_more() -> None:
    counted = Handshakes(2)
    mine = "2001:db8::1", "2001:db8::2", "2001:db8::3"
    assert [counted.begin(one) for one in mine] == [True, True, False]
    assert counted.begin("2001:db8:0:1::1"), "another customer's"
    counted.end(mine[0])
    assert counted.begin(mine[2])
    for _ in range(3):
        counted.end(mine[0])
    assert [counted.begin(one) for one in mine] == [True, True, False], "never more than nothing"


def test_what_proxies_write_of_a_certificate_is_one_thing(pair: Pair) -> None:
    pem = pair.certificate.read_text()
    der = ssl.PEM_cert_to_DER_cert(pem)
    right = b":" + b64encode(der) + b":"
    by_nginx = quote(pem, safe="").encode()
    by_envoy = quote(pem, safe="-").replace("%2F", "/").encode()
    for told in (right, by_nginx, by_envoy, pem.encode()):
        assert of_proxy(told) == right
    for odd in (b"", b"%", b"-----BEGIN CERTIFICATE-----", b"%2D%2D", b"\xff%ff", b"MIIB"):
        assert of_proxy(odd) == odd, "told on as it is, and nobody's"
    assert written(der) == right

    said = {b"client-cert": by_nginx, b"host": b"a"}
    here = {b"host": b"a"}
    assert with_certificate(said, None, by_proxy=True) == {**here, b"client-cert": right}
    assert with_certificate(said, None, by_proxy=False) == here
    assert with_certificate(said, b":AA:", by_proxy=False) == {**here, b"client-cert": b":AA:"}
    # A proxy's own certificate is not its callers'.
    assert with_certificate(here, b":AA:", by_proxy=True) == here


@pytest.mark.parametrize(
    ("words", "methods"),
    [
        ({}, set()),
        ({"TLS_CERTIFICATE": "a.pem", "TLS_KEY": "a.key"}, set()),
        ({"TLS_CLIENT_CERTIFICATES": "yes"}, set()),
        (
            {"TLS_CERTIFICATE": "a", "TLS_KEY": "b", "TLS_CLIENT_CERTIFICATES": "yes"},
            {"tls_client_auth"},
        ),
        (
            {"TRUSTED_PROXIES": "192.0.2.1/32"},
            {"tls_client_auth", "self_signed_tls_client_auth"},
        ),
    ],
)
def test_discovery_tells_what_can_arrive(words: dict[str, str], methods: set[str]) -> None:
    texts = {"PORT": str(free_port()), **words}
    settings = read({name: Given(text, Source.COMMAND_LINE) for name, text in texts.items()})
    told = metadata(issuer_of(settings), "bezant")
    for name in ("token", "introspection", "revocation"):
        known = told[f"{name}_endpoint_auth_methods_supported"]
        assert isinstance(known, list)
        assert {one for one in known if "tls" in one} == methods
    assert told["tls_client_certificate_bound_access_tokens"] is bool(methods)
