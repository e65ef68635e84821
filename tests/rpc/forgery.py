"""Certificates that are wrong in one way each, made with the installation's own keys."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bezant.rpc.papers import Papers

BOTH = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


@dataclass(frozen=True)
class Wanted:
    """What stands in a certificate."""

    addresses: tuple[str, ...] = ("bezant://test/payments",)
    names: tuple[str, ...] = ("payments.bezant.internal",)
    begins: timedelta = timedelta(minutes=-5)
    ends: timedelta = timedelta(days=30)
    uses: tuple[x509.ObjectIdentifier, ...] = BOTH


class FixedIssuer:
    """Hands out papers that never change."""

    def __init__(self, papers: Papers) -> None:
        self._papers = papers

    def papers(self) -> Papers:
        return self._papers


def forge(folder: Path, true: Papers, wanted: Wanted) -> FixedIssuer:
    """Sign a certificate with the authority's issuing key; the rest is as in the true papers."""
    issuing = x509.load_pem_x509_certificate((folder / "authority/issuing.pem").read_bytes())
    key = _key((folder / "authority/issuing.key").read_bytes())
    return _signed(true, wanted, issuing, key)


def forge_below(true: Papers, wanted: Wanted) -> FixedIssuer:
    """Sign a certificate with a module's own key, which may not sign certificates."""
    signer = x509.load_pem_x509_certificates(true.chain)[0]
    forged = _signed(true, wanted, signer, _key(true.key))
    papers = forged.papers()
    return FixedIssuer(replace(papers, chain=papers.chain + true.chain))


def forge_alone(true: Papers, wanted: Wanted) -> FixedIssuer:
    """Sign a certificate with a key of one's own under the issuer's name."""
    issuing = x509.load_pem_x509_certificates(true.chain)[1]
    return _signed(true, wanted, issuing, ec.generate_private_key(ec.SECP384R1()))


def without_certificate(true: Papers) -> FixedIssuer:
    return FixedIssuer(replace(true, key=b"", chain=b""))


def _signed(
    true: Papers, wanted: Wanted, issuer: x509.Certificate, signer: ec.EllipticCurvePrivateKey
) -> FixedIssuer:
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "payments")]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + wanted.begins)
        .not_valid_after(now + wanted.ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage(wanted.uses), critical=False)
    )
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in wanted.names]
    names += [x509.UniformResourceIdentifier(address) for address in wanted.addresses]
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    certificate = builder.sign(signer, hashes.SHA384())
    pem = serialization.Encoding.PEM
    issued = issuer.public_bytes(pem)
    key_bytes = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return FixedIssuer(replace(true, key=key_bytes, chain=certificate.public_bytes(pem) + issued))


def _key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key
