"""Receipts in a log of one's own, with an entry as one likes it: everything in them is well signed.

With them one sees what a verifier demands beside signatures.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, mldsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from bezant_verify import jws
from bezant_verify.checkpoint import Checkpoint
from bezant_verify.entry import Entry, commitment
from bezant_verify.merkle import leaf_hash
from bezant_verify.note import ED25519, MLDSA87, Line, Note, VerifierKey, encoded
from bezant_verify.proof import LogProof
from bezant_verify.receipt import TYP, digest, written

ORIGIN = "forge.example/audit"
KID = "receipt-v1-forge"
SALT = bytes(range(32))
Json = Mapping[str, object]


def compact(given: Json) -> str:
    return json.dumps(given, separators=(",", ":"), sort_keys=True)


@dataclass(frozen=True)
class Forge:
    """Three keys, and a log with one entry for each receipt that is made."""

    classical: ed25519.Ed25519PrivateKey
    post_quantum: mldsa.MLDSA87PrivateKey
    receipts: ec.EllipticCurvePrivateKey

    @classmethod
    def begin(cls) -> "Forge":
        return cls(
            ed25519.Ed25519PrivateKey.generate(),
            mldsa.MLDSA87PrivateKey.generate(),
            ec.generate_private_key(ec.SECP256R1()),
        )

    def keys(self, folder: Path) -> Path:
        """Write the file of keys that a verifier is to believe."""
        public = self.receipts.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        path = folder / "forged-keys.json"
        receipts = [{"kid": KID, "alg": "ES256", "public_key": encoded(public)}]
        log = [str(self._classical), str(self._lattice)]
        path.write_text(json.dumps({"origin": ORIGIN, "log": log, "receipts": receipts}))
        return path

    def receipt(
        self,
        feed: str = "receipts",
        entry_type: str = "receipt.issued",
        event_type: str = "receipt.issued",
        data: Json | None = None,
    ) -> str:
        """Make a receipt file whose entry is of this feed and these types."""
        sigs = [{"alg": "ES256", "kid": KID}]
        claims = {"v": 1, "iss": ORIGIN, "amount": "19.99 EUR", "sigs": sigs}
        signed = self._signed(claims)
        named = {"receipt": digest(jws.Signed.parse(signed))}
        event = compact({"id": "evt_1", "type": event_type, "data": data or named})
        entry = Entry(feed, 1, entry_type, 0, commitment(SALT, event.encode())).encoded()
        return written(
            {
                "receipt": signed,
                "proof": str(LogProof(0, entry, (), self._checkpoint(entry))),
                "opening": {"salt": SALT.hex(), "event": event},
            }
        )

    @property
    def _classical(self) -> VerifierKey:
        return VerifierKey(ORIGIN, ED25519, self.classical.public_key().public_bytes_raw())

    @property
    def _lattice(self) -> VerifierKey:
        return VerifierKey(ORIGIN, MLDSA87, self.post_quantum.public_key().public_bytes_raw())

    def _signed(self, claims: Json) -> dict[str, object]:
        header = jws.base64url(compact({"alg": "ES256", "kid": KID, "typ": TYP}).encode())
        payload = jws.base64url(compact(claims).encode())
        made = self.receipts.sign(f"{header}.{payload}".encode(), ec.ECDSA(hashes.SHA256()))
        r, s = decode_dss_signature(made)
        value = jws.base64url(r.to_bytes(32) + s.to_bytes(32))
        return {"payload": payload, "signatures": [{"protected": header, "signature": value}]}

    def _checkpoint(self, entry: bytes) -> str:
        text = str(Checkpoint(ORIGIN, 1, leaf_hash(entry)))
        lines = tuple(
            Line(ORIGIN, key.id, signer.sign(text.encode()))
            for key, signer in (
                (self._classical, self.classical),
                (self._lattice, self.post_quantum),
            )
        )
        return str(Note(text, lines))
