"""Backups that are verified when made and again before they are used, and a drill that proves it.

    NAME/
      postgres/             a base backup with the log it needs, and its manifest
      heads/ state.json     copied before the database, so that no head is newer than the books
      keystore/             keys, encrypted under the key file; copied after the database
      keys/                 the key file, only when asked for
      backup.json           what this is, and where the keys are
      sha256sums.txt        every file above; `sha256sum -c sha256sums.txt` works without us
      sha256sums.txt.sha256

The folder carries its name only once it is complete and checked. Without the key file the books can
be read, and what is encrypted in them cannot: keep the keys elsewhere.
"""

import asyncio
import hashlib
import json
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

from bezant.clock import Clock
from bezant.db import binaries, standing, sums
from bezant.db.data_folder import (
    ADMINISTRATOR,
    DataFolder,
    Running,
    give,
    running,
    sync_folder,
    write_whole,
)
from bezant.db.embedded import EmbeddedServer, ServerDown
from bezant.db.standing import Standing
from bezant.db.sums import BackupDamaged
from bezant.errors import Conflict, Refused

FORMAT = 1
ABOUT: Final = "backup.json"
HEADS: Final = "heads"
STATE: Final = "state.json"
BESIDE: Final = (HEADS, STATE)  # what lies next to the database and belongs to it
# Keys, encrypted under the key file: copied after the database, so that none it speaks of is
# missing.
BEHIND: Final = ("keystore", "sample.json")

Facts = Mapping[str, str]
Result = TypeVar("Result")
Look = Callable[[Callable[[str], str]], Awaitable[Facts]]
"""Given `dsn(database)`, return facts about the books: balances, counts, chain heads."""


class TargetInUse(Conflict):
    """The target folder is not empty; nothing in it was changed."""

    code = "backup_target_in_use"


class WrongKeys(Refused):
    """The keys at hand are not those this backup was made with."""

    code = "backup_wrong_keys"


class KeysAre(StrEnum):
    """Where the keys of a backup are."""

    INSIDE = "inside"
    ELSEWHERE = "elsewhere"


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup says about itself."""

    format: int
    made_at: str
    postgres_version: int
    keys: KeysAre
    key_fingerprint: str | None
    """Of the key file in use; tells keys apart and says nothing about them."""


@dataclass(frozen=True, slots=True)
class Drill:
    """What a restored copy was found to hold, beside what was expected."""

    backup: Backup
    found: Facts
    expected: Facts

    @property
    def differing(self) -> tuple[str, ...]:
        """Return the names of the facts that are not equal."""
        names = sorted({*self.found, *self.expected})
        return tuple(n for n in names if self.found.get(n) != self.expected.get(n))


async def backup(
    folder: Path, to: Path, *, clock: Clock, key_file: Path | None = None, with_keys: bool = False
) -> Backup:
    """Back up the running installation in `folder`; return once the copy is verified."""
    place = DataFolder.at(folder)
    server = running(folder)
    if server is None:
        raise ServerDown("the platform is not running here; start it, then back it up")
    require_empty(to)
    part = to.with_name(f"{to.name}.part")
    if part.exists():
        shutil.rmtree(part)
    part.mkdir(mode=0o700, parents=True)
    about = Backup(
        format=FORMAT,
        made_at=clock.now().isoformat(),
        postgres_version=binaries.major_version(),
        keys=KeysAre.INSIDE if with_keys else KeysAre.ELSEWHERE,
        key_fingerprint=fingerprint(key_file) if key_file else None,
    )
    for name in BESIDE:
        _copy(place.root / name, part / name)
    await _base_backup(place, server, part)
    for name in BEHIND:
        _copy(place.root / name, part / name)
    if with_keys and key_file is not None:
        (part / "keys").mkdir(mode=0o700)
        _copy(key_file, part / "keys" / "bezant.key")
    write_whole(part / ABOUT, json.dumps(asdict(about), indent=2) + "\n")
    await asyncio.to_thread(sums.write, part)
    await verify(part)
    _name(part, to)
    return about


async def verify(source: Path) -> Backup:
    """Check every byte of a backup, and that it can be recovered from; raise otherwise."""
    await asyncio.to_thread(sums.check, source)
    checked = await binaries.run(Standing(), "pg_verifybackup", ["--quiet", source / "postgres"])
    if checked.status != 0:
        raise BackupDamaged(f"pg_verifybackup: {checked.output.strip()[-400:]}")
    return _read_about(source)


async def restore(
    source: Path, into: Path, *, key_file: Path | None = None, durable: bool = True
) -> Backup:
    """Restore a backup into a folder that is empty or not there; the platform can then start on it.

    The key file is put at `key_file` when the backup holds it; otherwise the one there must be the
    right one. `durable=False` does not wait for the disk: for a copy that is thrown away. What
    fails midway leaves the folder as it was.
    """
    was_there = require_empty(into)
    about = await verify(source)
    try:
        if key_file is not None:
            _bring_keys(source, about, key_file)
        await _bring_back(source, DataFolder.at(into), durable=durable)
    except BaseException:
        _take_out(into, was_there=was_there)
        raise
    return about


async def _bring_back(source: Path, place: DataFolder, *, durable: bool) -> None:
    """Fill the folder; what says that it is an installation comes last, when all of it is there."""
    place.prepare()
    for name in (HEADS, *BEHIND):
        _copy(source / name, place.root / name)
    beside = place.root / "postgres.new"
    await _to_its_end(asyncio.to_thread(_copy, source / "postgres", beside))
    who = standing.choose(beside)
    place.hand_to(who)
    give(beside, who)
    if durable:
        await _to_its_end(binaries.must(who, "initdb", ["--sync-only", "--pgdata", beside]))
    beside.rename(place.data)
    write_whole(place.root / STATE, (source / STATE).read_text())


async def _to_its_end(work: Coroutine[object, object, Result]) -> Result:
    """Wait for a thread even when cancelled: nothing may write where we clear up."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


def _take_out(into: Path, *, was_there: bool) -> None:
    """Leave a folder as it was before a restore that failed: empty, or not there."""
    if was_there:
        for left in into.iterdir():
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()
    elif into.exists():
        shutil.rmtree(into)


async def drill(source: Path, look: Look, expected: Facts, *, scratch: Path | None = None) -> Drill:
    """Restore a copy that is thrown away, start it, and compare its books with what is expected."""
    folder = Path(tempfile.mkdtemp(prefix="bezant-drill-", dir=scratch))
    server = EmbeddedServer(folder / "data", durable=False)
    try:
        about = await restore(source, folder / "data", durable=False)
        await server.start()
        found = await look(server.administrator_dsn)
    finally:
        await server.stop()
        await asyncio.to_thread(shutil.rmtree, folder)
    return Drill(about, found, expected)


def require_empty(folder: Path) -> bool:
    """Refuse a folder that holds anything; tell whether there is one."""
    is_there = folder.exists()
    if is_there and (not folder.is_dir() or any(folder.iterdir())):
        raise TargetInUse(f"{folder} is not empty; nothing in it was changed")
    return is_there


def fingerprint(key_file: Path) -> str:
    """Return a name for a key file that says nothing about the key."""
    return hashlib.sha256(b"bezant key file\n" + key_file.read_bytes()).hexdigest()[:16]


async def _base_backup(place: DataFolder, server: Running, part: Path) -> None:
    passwords = part / "passwords"
    word = place.read_password().reveal()
    write_whole(passwords, f"*:*:*:{ADMINISTRATOR}:{word}\n")
    try:
        await binaries.must(
            Standing(),
            "pg_basebackup",
            [
                *("--pgdata", part / "postgres", "--wal-method=stream", "--checkpoint=fast"),
                *("--manifest-checksums=SHA256", "--no-password"),
                *("--host", server.sockets, "--port", str(server.port)),
                *("--username", ADMINISTRATOR, "--label", "bezant"),
            ],
            variables={"PGPASSFILE": str(passwords)},
            timeout_seconds=24 * 3600,
        )
    finally:
        passwords.unlink()


def _name(part: Path, to: Path) -> None:
    """Give a finished backup its name: the one moment at which it comes to be."""
    if to.exists():
        to.rmdir()
    part.rename(to)
    sync_folder(to.parent)


def _bring_keys(source: Path, about: Backup, key_file: Path) -> None:
    inside = source / "keys" / "bezant.key"
    if about.keys is KeysAre.INSIDE and not key_file.exists():
        _copy(inside, key_file)
    if not key_file.exists():
        raise WrongKeys(f"this backup has no keys inside; bring them to {key_file} first")
    if about.key_fingerprint not in {None, fingerprint(key_file)}:
        raise WrongKeys(f"{key_file} is not the key file this backup was made with")


def _read_about(source: Path) -> Backup:
    try:
        told = json.loads((source / ABOUT).read_text())
        told["keys"] = KeysAre(told["keys"])
        about = Backup(**told)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BackupDamaged(f"{ABOUT} cannot be read") from error
    if about.format != FORMAT:
        raise BackupDamaged(f"this backup has format {about.format}, this program reads {FORMAT}")
    return about


def _copy(source: Path, to: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, to, symlinks=True)
        to.chmod(0o700)
    elif source.exists():
        to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(source, to)
        to.chmod(0o600)
