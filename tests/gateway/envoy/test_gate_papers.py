"""Whose certificate opens the gate behind Envoy, today."""

import asyncio
import ssl
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from tests.http.stand import DEADLINE_SECONDS, standing, until

from bezant.clock import MovableClock, RealClock
from bezant.http.serve import Listening, Serving
from bezant.rpc.authority import OVERLAP_SECONDS, Authority
from bezant.rpc.papers import FolderIssuer
from bezant.wiring.envoy import gate_context, is_envoy

pytestmark = pytest.mark.requirement("S002-7", part="certificates between services")


def shown_by(folder: Path) -> bytes:
    """Return the certificate that whoever has these papers shows."""
    chain = FolderIssuer(folder).papers().chain
    return x509.load_pem_x509_certificates(chain)[0].public_bytes(Encoding.DER)


def test_only_what_counts_today_of_envoys_own_opens_the_gate(tmp_path: Path) -> None:
    clock = MovableClock(RealClock().now())
    authority = Authority(tmp_path / "ours", "test", clock)
    known = FolderIssuer(authority.issue("gateway"))
    first = shown_by(authority.issue("envoy"))
    assert is_envoy(known, first)
    assert not is_envoy(known, shown_by(authority.issue("gateway")))
    stranger = Authority(tmp_path / "another", "test", clock)
    assert not is_envoy(known, shown_by(stranger.issue("envoy")))

    # Somebody else's papers were stolen, and with them goes the authority that made them all.
    authority.revoke("payments")
    second = shown_by(authority.issue("envoy"))
    assert is_envoy(known, first), "for a moment, until everybody has new papers"
    assert is_envoy(known, second)
    clock.move(timedelta(seconds=OVERLAP_SECONDS + 1))
    authority.renew()
    assert not is_envoy(known, first)
    assert is_envoy(known, second)

    authority.revoke("envoy")
    assert not is_envoy(known, second)
    assert is_envoy(known, shown_by(authority.issue("envoy")))


async def asked(port: int, papers: Path) -> bytes:
    """Return how the gate answers whoever has these papers."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(papers / "identity.pem")
    async with asyncio.timeout(DEADLINE_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        try:
            writer.write(b"GET /health HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            return (await reader.read())[:12]
        except OSError:
            return b""
        finally:
            writer.close()


async def test_new_papers_of_a_new_authority_open_the_gate_at_once(tmp_path: Path) -> None:
    """Envoy takes up its own the moment they are there; until the gate knew them, it would answer
    every caller that nobody is here.
    """
    authority = Authority(tmp_path, "test", RealClock())
    gateway, envoy = authority.issue("gateway"), authority.issue("envoy")
    context = gate_context(FolderIssuer(gateway), gateway)
    async with standing() as stand:
        serving = Serving([Listening("127.0.0.1", 0, stand.edge, context)])
        ((_, port),) = serving.bind()
        running = asyncio.create_task(serving.run())
        await until(lambda: serving.started)
        try:
            assert await asked(port, envoy) == b"HTTP/1.1 200"
            for _ in range(3):
                authority.rotate()
                assert await asked(port, envoy) == b"HTTP/1.1 200"
            assert await asked(port, authority.issue("payments")) == b""
        finally:
            serving.stop()
            await running
