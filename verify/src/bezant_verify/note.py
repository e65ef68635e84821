"""Signed notes (c2sp.org/signed-note): a text, an empty line, and a line for each signature.

Three kinds of keys are known here: Ed25519 (0x01), a witness's timestamped Ed25519 cosignature
(0x04, c2sp.org/tlog-cosignature), and ML-DSA-87, which has no byte assigned and is therefore
written 0xff and its name.
"""

import base64
import binascii
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa

ED25519 = b"\x01"
COSIGNATURE = b"\x04"
MLDSA87 = b"\xffml-dsa-87"
KINDS = (ED25519, COSIGNATURE, MLDSA87)
PUBLIC_BYTES = {ED25519: 32, COSIGNATURE: 32, MLDSA87: 2_592}
KEY_ID_BYTES = 4
NOTE_BYTES_MAX = 200_000
SIGNATURES_MAX = 32
DASH = "— "


class BadNote(Exception):
    """This is not a note, or not signed as it must be."""


class Misread(BadNote):
    """This cannot be read as what it should be."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with the name it signs under."""

    name: str
    kind: bytes
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes by which a signature names its key."""
        return sha256(self.name.encode() + b"\n" + self.kind + self.public).digest()[:KEY_ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{encoded(self.kind + self.public)}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Read `name+id+key`."""
        parts = text.strip().split("+", 2)
        if len(parts) != 3 or not is_name(parts[0]):
            raise Misread(f"{text[:60]!r} is no key: name+id+base64")
        material = decoded(parts[2])
        for kind in KINDS:
            public = material[len(kind) :]
            if material.startswith(kind) and len(public) == PUBLIC_BYTES[kind]:
                found = cls(parts[0], kind, public)
                if found.id.hex() != parts[1]:
                    raise Misread(f"the key of {parts[0]} is not the one its id names")
                return found
        raise Misread(f"the key of {parts[0]} is of a kind that is not known here")

    def signed_at(self, text: bytes, signature: bytes) -> int | None:
        """Return when a witness signed, None for other keys, or raise `BadNote`."""
        at = None
        message = text
        if self.kind == COSIGNATURE:
            if len(signature) != 72:
                raise BadNote(f"the cosignature of {self.name} has another size")
            (at,) = struct.unpack(">Q", signature[:8])
            message, signature = cosigned(at, text), signature[8:]
        try:
            if self.kind == MLDSA87:
                mldsa.MLDSA87PublicKey.from_public_bytes(self.public).verify(signature, message)
            else:
                ed25519.Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            raise BadNote(f"the signature of {self.name} does not fit") from None
        return at


@dataclass(frozen=True, slots=True)
class Line:
    """One signature line."""

    name: str
    key_id: bytes
    signature: bytes

    def __str__(self) -> str:
        return f"{DASH}{self.name} {encoded(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text with its signatures, of which nothing is believed yet."""

    text: str
    lines: tuple[Line, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(map(str, self.lines))

    @classmethod
    def parse(cls, note: str) -> "Note":
        """Read a note; every byte of it must be where the format wants it."""
        if len(note.encode()) > NOTE_BYTES_MAX:
            raise Misread("the note is too long")
        text, gap, signatures = note.rpartition("\n\n")
        if not gap or not signatures.endswith("\n") or not text:
            raise Misread("this is no signed note")
        if any(character < " " and character != "\n" for character in note):
            raise Misread("a note has no control characters")
        lines = tuple(read_line(line) for line in signatures[:-1].split("\n"))
        if len(lines) > SIGNATURES_MAX:
            raise Misread("the note has too many signatures")
        return cls(text + "\n", lines)


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that fits."""

    key: VerifierKey
    at: int | None
    """When a witness signed, in seconds since 1970."""


def verified(note: Note, keys: Iterable[VerifierKey]) -> tuple[Signed, ...]:
    """Return who of these keys signed. One of theirs that does not fit spoils the note."""
    known = {(key.name, key.id): key for key in keys}
    text = note.text.encode()
    found: dict[VerifierKey, Signed] = {}
    for line in note.lines:
        key = known.get((line.name, line.key_id))
        if key is None:
            continue  # The specification wants unknown signatures to be passed over.
        if key in found:
            raise BadNote(f"{key.name} signed twice with one key")
        found[key] = Signed(key, key.signed_at(text, line.signature))
    return tuple(found.values())


def read_line(line: str) -> Line:
    """Read a signature line without its end."""
    parts = line.removeprefix(DASH).split(" ")
    if not line.startswith(DASH) or len(parts) != 2 or not is_name(parts[0]):
        raise Misread("a signature line is a dash, a name and base64")
    value = decoded(parts[1])
    if len(value) <= KEY_ID_BYTES:
        raise Misread("a signature is longer than its key's id")
    return Line(parts[0], value[:KEY_ID_BYTES], value[KEY_ID_BYTES:])


def cosigned(at: int, text: bytes) -> bytes:
    """Return what a witness signs."""
    return b"cosignature/v1\ntime %d\n" % at + text


def is_name(name: str) -> bool:
    """Tell whether this can name a key."""
    return bool(name) and "+" not in name and name.isprintable() and not any(map(str.isspace, name))


def encoded(value: bytes) -> str:
    """Return base64."""
    return base64.b64encode(value).decode()


def decoded(text: str) -> bytes:
    """Read base64 that has exactly one spelling."""
    try:
        value = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Misread("this is not base64") from None
    if encoded(value) != text:
        raise Misread("this base64 has bits that mean nothing")
    return value


def hashes(lines: Sequence[str], most: int) -> list[bytes]:
    """Read hashes, one a line."""
    found = [decoded(line) for line in lines]
    if len(found) > most or any(len(one) != sha256().digest_size for one in found):
        raise Misread("these are no hashes of SHA-256")
    return found
