"""The installation's own certificate authority, kept in files: it gives every module its papers.

    authority/  root.key root.pem        P-384, ten years; signs issuing certificates only
                issuing.key issuing.pem  P-384, one year; signs the modules' certificates
                retiring-<second>.pem    older issuing certificates, believed until that second
                issued.txt               every certificate given out: serial, last day, module
    modules/<module>/                    see `papers`

Modules believe the issuing certificates by name, not the root: to take back a module's
certificates, its serials go on the deny list (callers are refused at once) and the issuing
certificate is replaced (servers that still show the old certificate are refused as soon as the
overlap is over). Everything else gets new papers without a restart.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bezant.clock import Clock
from bezant.rpc.papers import SCHEME, holder_of, server_name

ROOT_DAYS = 3650
ISSUING_DAYS = 365
MODULE_DAYS = 30
RENEW_BEFORE_DAYS = 10  # A module that was off for a fortnight still comes back with valid papers.
RENEW_ISSUING_BEFORE_DAYS = MODULE_DAYS + RENEW_BEFORE_DAYS
OVERLAP_SECONDS = 60  # After a revocation, long enough for every process to see its new papers.
SKEW: Final = timedelta(minutes=5)  # Clocks of two machines may be this far apart.
_MODULE: Final = re.compile(r"[a-z][a-z_]*\Z")  # It becomes the name of a folder.


class Authority:
    """Issues, renews and revokes modules' certificates."""

    def __init__(self, folder: Path, installation: str, clock: Clock) -> None:
        self._own = folder / "authority"
        self._modules = folder / "modules"
        self._installation = installation
        self._clock = clock

    def issue(self, module: str) -> Path:
        """Give a module papers if it has none that last, and return its folder."""
        assert _MODULE.match(module), module
        with self._locked():
            self._replace_issuing_if_due()
            (self._modules / module).mkdir(mode=0o700, exist_ok=True)
            self._write_trust(*self._present())
            if self._is_due(module):
                self._write_identity(module)
            return self._modules / module

    def renew(self) -> tuple[str, ...]:
        """Renew what nears its end, forget what retired; returns the modules with new papers."""
        with self._locked():
            self._replace_issuing_if_due()
            for path in self._retiring():
                if _second_of(path) <= self._clock.now().timestamp():
                    path.unlink()
            present = self._present()
            # First: nobody meets a certificate before its issuer is known.
            self._write_trust(*present)
            due = tuple(module for module in present if self._is_due(module))
            for module in due:
                self._write_identity(module)
            return due

    def rotate(self) -> tuple[str, ...]:
        """Give every module a new key and papers at once; what they show until then stays good."""
        with self._locked():
            self._replace_issuing(self._clock.now() + timedelta(days=MODULE_DAYS))
            present = self._present()
            self._write_trust(*present)  # First, as above.
            for module in present:
                self._write_identity(module)
            return tuple(present)

    def revoke(self, module: str) -> tuple[int, ...]:
        """Take back every certificate a module has; it gets new ones only when `issue` is asked."""
        with self._locked():
            now = self._clock.now()
            serials = tuple(
                serial
                for serial, until, holder in self._issued()
                if holder == module and until >= now
            )
            denied = self._denied() | set(serials)
            text = "".join(f"{serial:x}\n" for serial in sorted(denied))
            _write(self._own / "revoked.txt", text.encode())
            if (self._modules / module).exists():
                shutil.rmtree(self._modules / module)
            self._replace_issuing(now + timedelta(seconds=OVERLAP_SECONDS))
            present = self._present()
            self._write_trust(*present)
            for other in present:
                self._write_identity(other)
            return serials

    @contextmanager
    def _locked(self) -> Generator[None]:
        for folder in (self._own, self._modules):
            folder.mkdir(parents=True, mode=0o700, exist_ok=True)
            folder.chmod(0o700)
        with (self._own / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (self._own / "root.pem").exists():
                self._make_root()
            yield

    def _make_root(self) -> None:
        key = ec.generate_private_key(ec.SECP384R1())
        name = _name(f"Bezant root {self._installation}")
        builder = self._builder(name, name, key.public_key(), ROOT_DAYS)
        root = _as_authority(builder, 1, key.public_key()).sign(key, hashes.SHA384())
        _write(self._own / "root.key", _key_bytes(key))
        _write(self._own / "root.pem", _bytes(root))

    def _replace_issuing_if_due(self) -> None:
        path = self._own / "issuing.pem"
        if not path.exists():
            self._replace_issuing(None)
            return
        left = _read(path).not_valid_after_utc - self._clock.now()
        if left < timedelta(days=RENEW_ISSUING_BEFORE_DAYS):
            self._replace_issuing(self._clock.now() + timedelta(days=MODULE_DAYS))

    def _replace_issuing(self, old_until: datetime | None) -> None:
        """Make a new issuing certificate; the old one is believed until then."""
        path = self._own / "issuing.pem"
        if old_until is not None:
            for retired in self._retiring():
                if _second_of(retired) > old_until.timestamp():
                    retired.rename(self._own / _retiring_name(old_until, retired.stem))
            path.rename(self._own / _retiring_name(old_until, f"{_read(path).serial_number:x}"))
        root, root_key = _read(self._own / "root.pem"), _read_key(self._own / "root.key")
        key = ec.generate_private_key(ec.SECP384R1())
        name = _name(f"Bezant issuing {self._clock.now():%Y-%m-%d %H:%M:%S.%f}")
        builder = self._builder(name, root.subject, key.public_key(), ISSUING_DAYS)
        made = _as_authority(builder, 0, root_key.public_key())
        _write(self._own / "issuing.key", _key_bytes(key))
        _write(path, _bytes(made.sign(root_key, hashes.SHA384())))

    def _write_identity(self, module: str) -> None:
        issuing = _read(self._own / "issuing.pem")
        issuing_key = _read_key(self._own / "issuing.key")
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_name(module), issuing.subject, key.public_key(), MODULE_DAYS)
        address = f"{SCHEME}://{self._installation}/{module}"
        names = [x509.UniformResourceIdentifier(address), x509.DNSName(server_name(module))]
        uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        certificate = (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(_authority_key(issuing_key.public_key()), critical=False)
            .sign(issuing_key, hashes.SHA384())
        )
        folder = self._modules / module
        until = certificate.not_valid_after_utc
        with (self._own / "issued.txt").open("a") as issued:
            issued.write(f"{certificate.serial_number:x} {until.isoformat()} {module}\n")
        _write(folder / "identity.pem", _key_bytes(key) + _bytes(certificate) + _bytes(issuing))

    def _write_trust(self, *modules: str) -> None:
        paths = [self._own / "issuing.pem", *self._retiring()]
        trust = b"".join(path.read_bytes() for path in paths)
        denied = "".join(f"{serial:x}\n" for serial in sorted(self._denied()))
        for folder in (self._modules / module for module in modules):
            _write_if_new(folder / "trust.pem", trust)
            _write_if_new(folder / "revoked.txt", denied.encode())

    def _is_due(self, module: str) -> bool:
        path = self._modules / module / "identity.pem"
        if not path.exists():
            return True
        pem = path.read_bytes()
        certificate = x509.load_pem_x509_certificates(pem[pem.index(b"-----BEGIN CERT") :])[0]
        holder = holder_of(certificate)
        left = certificate.not_valid_after_utc - self._clock.now()
        ours = holder is not None and holder.installation == self._installation
        same = certificate.issuer == _read(self._own / "issuing.pem").subject
        return not ours or not same or left < timedelta(days=RENEW_BEFORE_DAYS)

    def _present(self) -> list[str]:
        return sorted(path.name for path in self._modules.iterdir() if path.is_dir())

    def _retiring(self) -> list[Path]:
        return sorted(self._own.glob("retiring-*.pem"))

    def _denied(self) -> set[int]:
        path = self._own / "revoked.txt"
        return {int(line, 16) for line in path.read_text().split()} if path.exists() else set()

    def _issued(self) -> Iterator[tuple[int, datetime, str]]:
        for line in (self._own / "issued.txt").read_text().splitlines():
            serial, until, module = line.split(" ")
            yield int(serial, 16), datetime.fromisoformat(until), module

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
    ) -> x509.CertificateBuilder:
        now = self._clock.now().astimezone(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - SKEW)
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )


def _as_authority(
    builder: x509.CertificateBuilder, path_length: int, signer: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    return (
        builder.add_extension(x509.BasicConstraints(True, path_length), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(_authority_key(signer), critical=False)
    )


def _authority_key(signer: ec.EllipticCurvePublicKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(signer)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _bytes(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def _retiring_name(until: datetime, mark: str) -> str:
    return f"retiring-{int(until.timestamp())}-{mark.rpartition('-')[2]}.pem"


def _second_of(path: Path) -> int:
    return int(path.stem.split("-")[1])


def _write_if_new(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        _write(path, content)


def _write(path: Path, content: bytes) -> None:
    """Replace a file at once and for good: whoever reads it sees the old or the new one, whole."""
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
