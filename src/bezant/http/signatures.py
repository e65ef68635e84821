"""HTTP message signatures (RFC 9421): what a request says was signed, and the very bytes of it.

Only what a partner needs is understood: one signature with our tag, over plain components without
parameters, in the one spelling in which they are signed. Whose key it is, and whether the moment
and the nonce are right, identity decides; that a body is the one whose digest was signed, the edge.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Final, cast

import msgspec

from bezant.http.headers import Pair

TAG: Final = "bezant-request"
"""What a signature is for (RFC 9421, 2.3): one made for another purpose opens nothing here."""
HEADER_CHARACTERS_MAX: Final = 4_096
COMPONENTS_MAX: Final = 30
_MEMBER: Final = re.compile(
    r'([a-z*][a-z0-9_.*-]{0,63})=(\("[a-z0-9@-]+"(?: "[a-z0-9@-]+")*\)'
    r'(?:;[a-z]+=(?:[0-9]{1,15}|"[ !#-\[\]-~]*"))*)(?:, ?|\Z)'
)
_COMPONENT: Final = re.compile(r'"([a-z0-9@-]+)"')
_PARAMETER: Final = re.compile(r';([a-z]+)=(?:([0-9]{1,15})|"([ !#-\[\]-~]*)")')
_BYTES: Final = re.compile(r"([a-z*][a-z0-9_.*-]{0,63})=:([A-Za-z0-9+/]+={0,2}):(?:, ?|\Z)")
_KNOWN: Final = frozenset({"alg", "created", "expires", "keyid", "nonce", "tag"})
_ALWAYS: Final = frozenset({"@method", "@target-uri"})
_DIGESTS: Final = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


class Signed(msgspec.Struct, frozen=True):
    """What a request says was signed, by whom and when."""

    key: str
    algorithm: str
    created: int
    expires: int | None
    nonce: str
    base: bytes
    """The bytes that were signed (RFC 9421, 2.5)."""
    signature: bytes
    origin: str
    """Where the request says it goes; who verifies asks whether that is here."""


class BadSignature(Exception):
    """A signature that cannot be understood, or does not cover what it must."""


def signed_of(
    headers: Mapping[bytes, bytes], pairs: Sequence[Pair], method: str, target: str
) -> Signed:
    """Read the signature of a request, or raise `BadSignature`."""
    label, inner, parameters = _ours(_text(headers, b"signature-input"))
    components = tuple(_COMPONENT.findall(inner.partition(")")[0]))
    _refuse_uncovered(components, headers)
    found = dict(_of_bytes(_text(headers, b"signature")))
    if label not in found:
        raise BadSignature
    lines = [f'"{one}": {_value(one, pairs, method, target)}' for one in components]
    lines.append(f'"@signature-params": {inner}')
    expires = parameters.get("expires")
    return Signed(
        key=_string(parameters, "keyid"),
        algorithm=str(parameters.get("alg", "")),
        created=_whole(parameters.get("created")),
        expires=None if expires is None else _whole(expires),
        nonce=_string(parameters, "nonce"),
        base="\n".join(lines).encode("latin-1"),
        signature=found[label],
        origin="/".join(target.split("/")[:3]),
    )


def digest_fits(headers: Mapping[bytes, bytes], body: bytes) -> bool:
    """Tell whether a body is the one whose digest the request shows (RFC 9530)."""
    if not body and b"content-digest" not in headers:
        return True
    try:
        found = _of_bytes(_text(headers, b"content-digest"))
    except BadSignature:
        return False
    known = [(_DIGESTS[name], value) for name, value in found if name in _DIGESTS]
    return bool(known) and all(
        hmac.compare_digest(make(body).digest(), value) for make, value in known
    )


def _ours(text: str) -> tuple[str, str, Mapping[str, int | str]]:
    """Return the one signature that is meant for us: its label, its input and its parameters."""
    at, found = 0, list[tuple[str, str, Mapping[str, int | str]]]()
    while at < len(text):
        match = _MEMBER.match(text, at)
        if match is None:
            raise BadSignature
        label, inner = match[1], match[2]
        parameters = _parameters(inner[inner.index(")") + 1 :])
        if parameters.get("tag") == TAG:
            found.append((label, inner, parameters))
        at = match.end()
    if len(found) != 1:
        raise BadSignature
    return found[0]


def _parameters(text: str) -> Mapping[str, int | str]:
    pairs = _PARAMETER.findall(text)
    found = {name: int(number) if number else said for name, number, said in pairs}
    if len(found) != len(pairs) or not found.keys() <= _KNOWN:
        raise BadSignature
    return cast("Mapping[str, int | str]", found)


def _refuse_uncovered(components: Sequence[str], headers: Mapping[bytes, bytes]) -> None:
    """Refuse a signature under which something that matters could be changed."""
    needed = set(_ALWAYS)
    if headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers:
        needed |= {"content-digest", "content-type"}
    if b"idempotency-key" in headers:
        needed.add("idempotency-key")
    named = frozenset(components)
    if len(named) != len(components) or len(named) > COMPONENTS_MAX or not needed <= named:
        raise BadSignature


def _value(component: str, pairs: Sequence[Pair], method: str, target: str) -> str:
    """Return the value of a component as it is signed (RFC 9421, 2.1 and 2.2)."""
    if component == "@method":
        return method
    if component == "@target-uri":
        return target
    if component == "@authority":
        return target.split("/")[2].lower()
    name = component.encode("ascii")
    values = [value.strip(b" \t") for header, value in pairs if header == name]
    if not values:  # A derived component that we do not know is no header either.
        raise BadSignature
    return b", ".join(values).decode("latin-1")


def _of_bytes(text: str) -> list[tuple[str, bytes]]:
    """Read a dictionary of byte sequences (RFC 9651, 3.2 and 3.3.5)."""
    at, found = 0, list[tuple[str, bytes]]()
    while at < len(text):
        match = _BYTES.match(text, at)
        if match is None:
            raise BadSignature
        try:
            found.append((match[1], base64.b64decode(match[2], validate=True)))
        except binascii.Error:
            raise BadSignature from None
        at = match.end()
    if not found or len(dict(found)) != len(found):
        raise BadSignature
    return found


def _text(headers: Mapping[bytes, bytes], name: bytes) -> str:
    value = headers.get(name, b"")
    if not 0 < len(value) <= HEADER_CHARACTERS_MAX or not value.isascii():
        raise BadSignature
    return value.decode("ascii")


def _string(parameters: Mapping[str, int | str], name: str) -> str:
    value = parameters.get(name)
    if not isinstance(value, str) or not value:
        raise BadSignature
    return value


def _whole(value: int | str | None) -> int:
    if not isinstance(value, int):
        raise BadSignature
    return value
