"""The installation's key file: 32 random bytes. Whoever has it has every other key as well."""

import fcntl
import os
import stat
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bezant.keys.port import KeyStoreUnusable
from bezant.secret import Secret

KEY_FILE_BYTES: Final = 32
OTHERS = stat.S_IRWXG | stat.S_IRWXO


class KeyFileExists(KeyStoreUnusable):
    """There is a key file already; replacing it would lock every key away for good."""

    code = "key_file_exists"


def create_key_file(path: Path, chance: Callable[[int], bytes] = os.urandom) -> Secret[bytes]:
    """Write a new key file, complete or not at all, and never over an existing one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = chance(KEY_FILE_BYTES)
    try:
        write_private(path, key, replace=False)
    except FileExistsError:
        raise KeyFileExists(f"there is a key file at {path}; it stays as it is") from None
    return Secret(key)


def load_key_file(path: Path) -> Secret[bytes]:
    """Read the key file; one that others may read, or that is not 32 bytes long, is refused."""
    content = read_private(path)
    if len(content) != KEY_FILE_BYTES:
        raise KeyStoreUnusable(f"{path} is not a key file: it has not exactly 32 bytes")
    return Secret(content)


def read_private(path: Path) -> bytes:
    """Read a file that is its owner's alone: regular, no link, no rights for group or others."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as failure:
        raise KeyStoreUnusable(f"{path} cannot be read: {failure.strerror}") from None
    try:
        refuse_wide(path, os.fstat(descriptor), stat.S_ISREG)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(descriptor)


def write_private(path: Path, content: bytes, *, replace: bool) -> None:
    """Write a file for its owner alone so that after a crash it is there whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        if replace:
            draft.replace(path)
        else:
            os.link(draft, path)  # Unlike a rename, a link never replaces what is there.
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the folder's list of names durable as well as the files."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def alone_in(folder: Path) -> Generator[None]:
    """Let one thread of all processes at a time do what follows. It blocks: call it in a thread."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / ".lock", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def refuse_wide(path: Path, found: os.stat_result, kind: Callable[[int], bool]) -> None:
    """Refuse what is of another kind, belongs to another user, or is open to group or others."""
    if not kind(found.st_mode):
        raise KeyStoreUnusable(f"{path} is not the kind of file it should be")
    if found.st_uid not in (0, os.geteuid()):
        raise KeyStoreUnusable(f"{path} belongs to another user")
    if found.st_mode & OTHERS:
        mode = stat.S_IMODE(found.st_mode)
        raise KeyStoreUnusable(
            f"{path} has mode {mode:04o}: others could read it; run chmod go-rwx on it"
        )
