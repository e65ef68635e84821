"""What a witness remembers: of each log the newest checkpoint it signed, on the disk before anybody
hears of it.
"""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bezant.errors import Refused
from bezant_verify.checkpoint import Checkpoint
from bezant_verify.note import COSIGNATURE, BadNote, Note, VerifierKey

KEY_FILE: Final = "witness.key"
LOCK_FILE: Final = "witness.lock"
SEED_BYTES: Final = 32


class WitnessRuns(Refused):
    """Another witness runs on this folder; two of them could sign two histories."""

    code = "witness_runs"


class Memory:
    """A folder with a witness's key and what it signed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def key(self, seed: bytes) -> Ed25519PrivateKey:
        """Return the key, which begins with this seed if there is none yet."""
        path = self._folder / KEY_FILE
        if not path.exists():
            assert len(seed) == SEED_BYTES, "an Ed25519 seed has 32 bytes"
            _put(path, seed)
        return Ed25519PrivateKey.from_private_bytes(path.read_bytes())

    @contextmanager
    def held(self) -> Generator[None]:
        """Keep every other process from signing with this memory while the block lasts."""
        with (self._folder / LOCK_FILE).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise WitnessRuns from None
            yield

    def newest(self, origin: str) -> Checkpoint | None:
        """Return the newest checkpoint of a log that was signed here."""
        note = self.note(origin)
        return None if note is None else Checkpoint.parse(Note.parse(note).text)

    def note(self, origin: str) -> str | None:
        """Return that checkpoint with its signatures, ours among them."""
        path = self._place(origin)
        return path.read_bytes().decode() if path.exists() else None

    def keep(self, origin: str, note: str) -> None:
        """Write down what is about to be signed, and wait for the disk."""
        if Checkpoint.parse(Note.parse(note).text).origin != origin:
            raise BadNote("a checkpoint is kept under its own log's name")
        _put(self._place(origin), note.encode())

    def _place(self, origin: str) -> Path:
        return self._folder / f"{sha256(origin.encode()).hexdigest()[:32]}.note"


def key_of(name: str, private: Ed25519PrivateKey) -> VerifierKey:
    """Return a witness's public key under its name."""
    return VerifierKey(name, COSIGNATURE, private.public_key().public_bytes_raw())


def _put(path: Path, content: bytes) -> None:
    """Replace a file whole, readable by its owner only, and wait for the disk."""
    part = path.with_name(f"{path.name}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
