"""The examples that RFC 9421 prints (appendix B) fit their keys here, and changed ones do not."""

import base64
from dataclasses import dataclass

import pytest

from bezant.http.signatures import digest_fits
from bezant.identity.signed import checks
from bezant.identity.signed.checks import SignatureRefused
from bezant.identity.signer import SignedRequest

pytestmark = pytest.mark.requirement("S001-7", part="signed requests")
CREATED = 1618884473
BODY = b'{"hello": "world"}'
SHA512 = (
    "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwe"
    "w==:"
)


@dataclass(frozen=True)
class Example:
    """A signature base as printed, the key's public half, and the signature."""

    base: str
    key: str
    signature: str

    def request(self, base: str = "", signature: str = "") -> SignedRequest:
        return SignedRequest(
            key="sgn_1",
            algorithm="",
            created=CREATED,
            expires=None,
            nonce="n" * 16,
            base=(base or self.base).encode(),
            signature=base64.b64decode(signature or self.signature),
            origin="https://example.com",
        )


RSA = Example(
    f""""date": Tue, 20 Apr 2021 02:07:55 GMT
"@method": POST
"@path": /foo
"@query": ?param=Value&Pet=dog
"@authority": example.com
"content-type": application/json
"content-digest": {SHA512}
"content-length": 18
"@signature-params": ("date" "@method" "@path" "@query" "@authority" "content-type" \
"content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss\"""",
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG"
    "2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7Oyr"
    "FAHqgDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5WUtzdpiy6LbTgSxP7ociU4Tn0g5"
    "I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9n"
    "V5oyc6XI2wIDAQAB",
    "bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2"
    "voTp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HX"
    "XZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka"
    "39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==",
)
P256 = Example(
    """"@status": 200
"content-type": application/json
"content-digest": sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rj\
Juahq4l5aGgfLQ==:
"content-length": 23
"@signature-params": ("@status" "content-type" "content-digest" "content-length");\
created=1618884473;keyid="test-key-ecc-p256\"""",
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lfw0EkjqF7xB4FivAxzic30tMM4GF+hR"
    "6Dxh71Z50VGGdldkkDXZCnTNnoXQ==",
    "wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==",
)
ED25519 = Example(
    """"date": Tue, 20 Apr 2021 02:07:55 GMT
"@method": POST
"@path": /foo
"@authority": example.com
"content-type": application/json
"content-length": 18
"@signature-params": ("date" "@method" "@path" "@authority" "content-type" "content-length");\
created=1618884473;keyid="test-key-ed25519\"""",
    "MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=",
    "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==",
)
EXAMPLES = {"rsa-pss-sha512": RSA, "ecdsa-p256-sha256": P256, "ed25519": ED25519}


@pytest.mark.parametrize("algorithm", EXAMPLES)
def test_a_printed_signature_fits_its_key(algorithm: str) -> None:
    example = EXAMPLES[algorithm]
    checks.fits(example.request(), base64.b64decode(example.key))


@pytest.mark.parametrize("algorithm", EXAMPLES)
def test_a_changed_one_does_not(algorithm: str) -> None:
    example = EXAMPLES[algorithm]
    key = base64.b64decode(example.key)
    other = base64.b64encode(base64.b64decode(example.signature)[::-1]).decode()
    for changed in (
        example.request(base=example.base.replace("1618884473", "1618884474")),
        example.request(base=example.base + "\n"),
        example.request(signature=other),
    ):
        with pytest.raises(SignatureRefused):
            checks.fits(changed, key)


def test_the_printed_digest_is_that_of_the_printed_body() -> None:
    headers = {b"content-digest": SHA512.encode()}
    assert digest_fits(headers, BODY)
    assert not digest_fits(headers, BODY + b" ")
