"""jwcrypto verifies every signature of a receipt, ML-DSA-87 included: judge.py RECEIPT KEYS."""

import base64
import json
import sys
from pathlib import Path

from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS, InvalidJWSSignature


def text_of(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def key_of(one: dict[str, str]) -> JWK:
    der = base64.b64decode(one["public_key"])
    if one["alg"] == "ML-DSA-87":
        return JWK(kty="AKP", alg="ML-DSA-87", pub=text_of(der[-2_592:]))
    pem = base64.encodebytes(der).decode()
    return JWK.from_pem(f"-----BEGIN PUBLIC KEY-----\n{pem}-----END PUBLIC KEY-----\n".encode())


def fits(payload: str, part: dict[str, str], key: JWK, algorithm: str) -> bool:
    token = JWS()
    token.allowed_algs = [algorithm]
    token.deserialize(json.dumps({"payload": payload, **part}))
    try:
        token.verify(key)
    except InvalidJWSSignature:
        return False
    return True


receipt = json.loads(Path(sys.argv[1]).read_text())["receipt"]
keys = {one["kid"]: one for one in json.loads(Path(sys.argv[2]).read_text())["receipts"]}
told = []
for part in receipt["signatures"]:
    header = json.loads(base64.urlsafe_b64decode(part["protected"] + "=="))
    key, payload = key_of(keys[header["kid"]]), receipt["payload"]
    other = payload[:9] + ("A" if payload[9] != "A" else "B") + payload[10:]
    told.append(
        [
            header["alg"],
            fits(payload, part, key, header["alg"]),
            fits(other, part, key, header["alg"]),
        ]
    )
print(json.dumps(told))
