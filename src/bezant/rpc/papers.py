"""The papers of a module: the certificate it shows, and whose certificates it believes.

A module's folder (0700, written by `authority`, or by whoever runs a certificate authority of their
own) holds

    identity.pem    the private key, the module's certificate, the issuing certificate
    trust.pem       the issuing certificates whose holders are believed
    revoked.txt     serial numbers, in hex, of certificates that are no longer believed; one a line
"""

import stat
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

from cryptography import x509
from cryptography.x509.extensions import ExtensionNotFound

from bezant import telemetry

SCHEME: Final = "bezant"
DOMAIN: Final = "bezant.internal"  # `.internal` is kept free for private use (ICANN, 2024).

_log = telemetry.log("rpc")


class BadPapers(Exception):
    """A module's certificate folder is not as it must be."""


@dataclass(frozen=True, slots=True)
class Papers:
    """What a module shows, and whom it believes."""

    installation: str
    module: str
    key: bytes = field(repr=False)
    chain: bytes = field(repr=False)
    trust: bytes = field(repr=False)
    revoked: frozenset[int]
    expires_at: datetime


class Issuer(Protocol):
    """Hands a module its papers."""

    def papers(self) -> Papers:
        """Return the present papers: the same object until something changed."""
        ...


@dataclass(frozen=True, slots=True)
class Holder:
    """Whom a certificate names."""

    installation: str
    module: str
    serial: int
    valid_from: datetime
    valid_until: datetime


class FolderIssuer:
    """Reads a module's papers from its folder, and again as soon as the files change."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Looked at with every call.
        self._files = [folder / name for name in ("identity.pem", "trust.pem", "revoked.txt")]
        self._stamp = self._stamps()
        self._papers = read_papers(folder)
        self._readable = True

    def papers(self) -> Papers:
        """Return the present papers. Files that cannot be read leave the last good ones valid."""
        try:
            stamp = self._stamps()
            if stamp != self._stamp:
                self._papers, self._stamp = read_papers(self._folder), stamp
            self._readable = True
        except (OSError, ValueError, BadPapers) as error:
            if self._readable:  # Told once, not with every call.
                _log.warn("papers.unreadable", module=self._papers.module, reason=str(error))
            self._readable = False
        return self._papers

    def _stamps(self) -> tuple[tuple[int, int], ...]:
        found = (file.stat() for file in self._files)
        return tuple((each.st_mtime_ns, each.st_ino) for each in found)


def read_papers(folder: Path) -> Papers:
    """Read a module's folder; a key that others may read is no longer a secret and is refused."""
    identity_path = folder / "identity.pem"
    if stat.S_IMODE(identity_path.stat().st_mode) & 0o077:
        raise BadPapers("identity.pem may be read by others: mode 0600, or better a new key")
    identity = identity_path.read_bytes()
    key, begin, chain = identity.partition(b"-----BEGIN CERTIFICATE-----")
    certificate = x509.load_pem_x509_certificates(begin + chain)[0]
    holder = holder_of(certificate)
    if holder is None:
        raise BadPapers("the certificate names no module")
    lines = (folder / "revoked.txt").read_text().split()
    return Papers(
        installation=holder.installation,
        module=holder.module,
        key=key,
        chain=begin + chain,
        trust=(folder / "trust.pem").read_bytes(),
        revoked=frozenset(int(line, 16) for line in lines),
        expires_at=holder.valid_until,
    )


def holder_of(certificate: x509.Certificate) -> Holder | None:
    """Read whom a certificate names: exactly one `bezant://<installation>/<module>`, or nobody."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ExtensionNotFound, ValueError):
        return None
    addresses = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(addresses) != 1:
        return None
    scheme, _, rest = addresses[0].partition("://")
    installation, _, module = rest.partition("/")
    if scheme != SCHEME or not installation or not module or "/" in module:
        return None
    return Holder(
        installation=installation,
        module=module,
        serial=certificate.serial_number,
        valid_from=certificate.not_valid_before_utc,
        valid_until=certificate.not_valid_after_utc,
    )


def server_name(module: str) -> str:
    """Return the DNS name in a module's certificate: what a caller asks the server to prove."""
    return f"{module.replace('_', '-')}.{DOMAIN}"
