"""How keys and proofs of the log are written for strangers."""

import msgspec

from bezant.audit.published import PublishedKeys
from bezant_verify.note import encoded


def spelled(keys: PublishedKeys) -> str:
    """Return the file of keys that `bezant-verify --keys` reads."""
    receipts = [
        {"kid": one.kid, "alg": one.algorithm, "public_key": encoded(one.public_key)}
        for one in keys.receipts
    ]
    written = msgspec.json.encode(
        {
            "object": "audit_keys",
            "origin": keys.origin,
            "log": keys.log,
            "witnesses": keys.witnesses,
            "quorum": keys.quorum,
            "receipts": receipts,
        }
    )
    return msgspec.json.format(written, indent=2).decode() + "\n"
