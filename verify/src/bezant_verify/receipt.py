"""Receipts: what a platform signed about a payment, and the proof that it stands in its log.

A receipt file is one JSON object, written without spaces and with sorted names:

    receipt      the signed object, typ `bezant-receipt+jws`
    disclosures  fields that are shown: base64url of ["salt", "name", value], each of whose SHA-256
                 stands in `_sd` of what is signed (as in SD-JWT, RFC 9901)
    proof        the tlog-proof, as text
    opening      salt and event of its entry, which says `receipt.issued` and names its digest

A receipt that ML-DSA-87 did not sign itself is *compact*: it needs the proof, since the checkpoint
in it carries that signature.
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, cast

from bezant_verify import jws
from bezant_verify import proof as proofs
from bezant_verify.checkpoint import Trust
from bezant_verify.jws import BadObject, PublicKey, Signed
from bezant_verify.merkle import BadProof
from bezant_verify.proof import LogProof, Opening, Proven

TYP = "bezant-receipt+jws"
VERSION = 1
FILE_BYTES_MAX = 1_000_000
MEMBERS = frozenset({"receipt", "disclosures", "proof", "opening"})
ISSUED = ("receipts", "receipt.issued")
"""Where an entry that speaks of a receipt comes from, and what it says happened."""
_DIGEST = b"bezant receipt 1\n"


class Lacking(Exception):
    """What is here is right, and something that would show the rest is not here."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A receipt that holds."""

    claims: dict[str, Any]
    """What was signed, with the fields that are shown."""
    hidden: int
    """Fields that were signed and are not shown."""
    signed_with: tuple[str, ...]
    proven: Proven | None


def verify(text: str, trust: Trust, *, classical: bool = False) -> Shown:
    """Return what a receipt shows, or raise `BadObject`, `BadProof`, `BadNote` or `Lacking`."""
    given = _file(text)
    receipt = cast("object", given["receipt"])
    if not isinstance(receipt, dict):
        raise BadObject("the receipt is no signed object")
    signed = Signed.parse(cast("dict[str, Any]", receipt))
    keys = {
        key.kid: PublicKey(key.kid, key.algorithm, key.public_key) for key in trust.receipts
    }  # fmt: skip
    signers = jws.verify(signed, TYP, keys)
    claims, hidden = _shown(signed.claims(), given.get("disclosures", []))
    if claims.get("v") != VERSION:
        raise BadObject("the receipt is of a version that is not known here")
    algorithms = tuple(sorted(key.algorithm for key in signers))
    post_quantum = not jws.POST_QUANTUM.isdisjoint(algorithms)
    # A proof that is there must be whole, even where the receipt does not need it.
    proven = _proven(given, signed, trust, classical=classical)
    if proven is None and not post_quantum and not classical:
        raise Lacking("a compact receipt needs its proof: the ML-DSA-87 signature is in it")
    return Shown(claims, hidden, algorithms, proven)


def digest(signed: Signed) -> str:
    """Return what the log's event says of a receipt: it covers every signature."""
    parts = sorted(f"{part.protected}.{part.signature}" for part in signed.parts)
    return sha256(_DIGEST + "\n".join([signed.payload, *parts]).encode()).hexdigest()


def written(members: dict[str, Any]) -> str:
    """Return a receipt file: it has exactly one spelling."""
    return json.dumps(members, separators=(",", ":"), sort_keys=True, ensure_ascii=True) + "\n"


def _file(text: str) -> dict[str, Any]:
    if len(text) > FILE_BYTES_MAX:
        raise BadObject("the file is too long")
    given = jws.read_object(text.encode())
    if "receipt" not in given or not MEMBERS.issuperset(given):
        raise BadObject(f"a receipt file has {', '.join(sorted(MEMBERS))}")
    if written(given) != text:
        raise BadObject("a receipt file is written without spaces and with sorted names")
    return given


def _shown(claims: dict[str, Any], disclosures: object) -> tuple[dict[str, Any], int]:
    """Put the fields that are shown in their place."""
    if not isinstance(disclosures, list):
        raise BadObject("disclosures are a list")
    known = cast("object", claims.pop("_sd", []))
    if not isinstance(known, list) or claims.pop("_sd_alg", "sha-256") != "sha-256":
        raise BadObject("hidden fields are named by SHA-256")
    left = [str(one) for one in cast("list[object]", known)]
    for one in cast("list[object]", disclosures):
        name = jws.base64url(sha256(str(one).encode()).digest())
        if name not in left:
            raise BadObject("a field is shown that was not signed, or twice")
        left.remove(name)
        field = jws.read_json(jws.from_base64url(str(one)))
        if not isinstance(field, list) or len(cast("list[object]", field)) != 3:
            raise BadObject("a shown field is salt, name and value")
        _, field_name, value = cast("list[Any]", field)
        if not isinstance(field_name, str) or field_name in claims:
            raise BadObject("a shown field stands beside another of its name")
        claims[field_name] = value
    return claims, len(left)


def _proven(
    given: dict[str, Any], signed: Signed, trust: Trust, *, classical: bool
) -> Proven | None:
    proof, opening = given.get("proof"), given.get("opening")
    if proof is None and opening is None:
        return None
    if not isinstance(proof, str) or not isinstance(opening, dict):
        raise BadObject("a proof and its opening come together")
    proven = proofs.verify(LogProof.parse(proof), trust, classical=classical)
    event = proofs.opened(proven.entry, Opening.parse(json.dumps(opening)))
    entry = proven.entry
    # Others may put a digest of their choice into an event of theirs; only this feed speaks for us.
    if (entry.feed, entry.type) != ISSUED or event.get("type") != entry.type:
        raise BadProof("the entry does not say that a receipt was issued")
    data = cast("object", event.get("data"))
    named = cast("dict[str, Any]", data).get("receipt") if isinstance(data, dict) else None
    if named != digest(signed):
        raise BadProof("the entry is of another receipt")
    return proven
