"""Asks a witness for its cosignature (c2sp.org/tlog-witness)."""

from dataclasses import dataclass
from typing import Final

from aiohttp import ClientError, ClientSession, ClientTimeout

from bezant.db.guard import no_open_transaction
from bezant.errors import Invalid
from bezant_verify import note as notes
from bezant_verify.checkpoint import whole
from bezant_verify.note import COSIGNATURE, BadNote, Line, Note, VerifierKey

ANSWER_BYTES_MAX: Final = 20_000
ANSWER_SECONDS: Final = 10.0


class MalformedWitness(Invalid):
    """A witness is an address, a space, and its key as `name+id+key`."""

    code = "malformed_witness"


class WitnessSilent(Exception):
    """A witness did not answer, or not what was asked."""


@dataclass(frozen=True, slots=True)
class Witness:
    """Where a witness listens, and the key it signs with."""

    address: str
    key: VerifierKey

    @classmethod
    def parse(cls, text: str) -> "Witness":
        """Read `https://host/path name+id+key`."""
        address, _, key = text.strip().partition(" ")
        try:
            found = cls(address.rstrip("/"), VerifierKey.parse(key.strip()))
        except BadNote as error:
            raise MalformedWitness(str(error)) from None
        if not address.startswith(("https://", "http://")) or found.key.kind != COSIGNATURE:
            raise MalformedWitness
        return found


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The witness knows another size of this log than was thought."""

    size: int


@dataclass(frozen=True, slots=True)
class Cosigned:
    """What a witness signed, and when."""

    line: str
    at: int


async def ask(
    session: ClientSession, witness: Witness, old_size: int, path: tuple[bytes, ...], note: Note
) -> Cosigned | Elsewhere:
    """Return the witness's word, or raise `WitnessSilent`."""
    no_open_transaction()
    body = f"old {old_size}\n" + "".join(f"{notes.encoded(step)}\n" for step in path) + f"\n{note}"
    try:
        async with session.post(
            f"{witness.address}/add-checkpoint",
            data=body.encode(),
            timeout=ClientTimeout(total=ANSWER_SECONDS),
            allow_redirects=False,
        ) as answer:
            status = answer.status
            told = (await answer.content.read(ANSWER_BYTES_MAX)).decode("utf-8", "replace")
    except (ClientError, TimeoutError, OSError) as error:
        raise WitnessSilent(type(error).__name__) from None
    try:
        if status == 409:
            return Elsewhere(whole(told.removesuffix("\n")))
        if status != 200:
            raise WitnessSilent(f"answered {status}")
        return _word(witness, note, told)
    except BadNote as error:
        raise WitnessSilent(str(error)) from None


def _word(witness: Witness, note: Note, told: str) -> Cosigned:
    for text in told.splitlines():
        line: Line = notes.read_line(text)
        if (line.name, line.key_id) == (witness.key.name, witness.key.id):
            at = witness.key.signed_at(note.text.encode(), line.signature)
            assert at is not None, "a cosignature has its time"
            return Cosigned(str(line), at)
    raise WitnessSilent("answered without a signature of its key")
