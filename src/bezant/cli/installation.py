"""The data folder: how it is made, recognised and locked. Nothing here ever empties one."""

import fcntl
import os
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

import msgspec

from bezant.cli.exits import Stop

DATA_VERSION: Final = 1  # Of the folder's layout; the database counts its own migrations.
FREE_BYTES_MIN: Final = (
    512 * 1024 * 1024
)  # PostgreSQL stops when its WAL no longer fits: keep room.
DEMO, LIVE = "demo", "live"
LOCK_TRIES: Final = 10  # Somebody who only asks holds the lock for an instant.
LOCK_PAUSE_SECONDS: Final = 0.02
OUR_FOLDERS: Final = frozenset({"run", "logs", "heads"})


@dataclass(frozen=True, slots=True)
class Installation:
    """What `state.json` says about a data folder."""

    id: str
    mode: str
    data_version: int
    made_at: str
    key_file: str


@dataclass(frozen=True, slots=True)
class Place:
    """A data folder and the paths inside it."""

    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "state.json"

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def heads(self) -> Path:
        return self.folder / "heads"

    @property
    def sample(self) -> Path:
        """Return where a demo keeps its sample keys."""
        return self.folder / "sample.json"

    @property
    def lock(self) -> Path:
        return self.run / "up.lock"

    @property
    def record(self) -> Path:
        return self.run / "up.json"


@dataclass(frozen=True, slots=True)
class Running:
    """What a started platform writes down about itself."""

    pid: int
    host: str
    port: int
    mode: str
    profile: str
    started_at: str
    version: str
    healthy: bool = False
    issuer: str = ""
    """Where people sign in: a process beside it says the same."""

    @property
    def url(self) -> str:
        """Return the address people open."""
        host = "127.0.0.1" if self.host in {"0.0.0.0", "::"} else self.host  # noqa: S104
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def place_of(data: Path | None) -> Place:
    """Return the data folder to work on."""
    return Place((data or Path.cwd() / ".bezant").absolute())


def read_installation(place: Place) -> Installation | None:
    """Return what a data folder is, or nothing where there is none yet."""
    if not place.state.exists():
        _refuse_foreign(place)
        return None
    untouched = "Nothing was changed. Restore this file from a backup."
    try:
        found = msgspec.json.decode(place.state.read_bytes(), type=Installation)
    except (OSError, ValueError, msgspec.MsgspecError):
        raise Stop(f"{place.state} cannot be read.", untouched) from None
    if found.mode not in {DEMO, LIVE}:
        raise Stop(f"{place.state} is not what this program wrote.", untouched)
    if found.data_version > DATA_VERSION:
        raise Stop(
            f"The data in {place.folder} was made by a newer version of Bezant.",
            "Install that version or a later one. Nothing was changed.",
        )
    return found


def make_installation(place: Place, mode: str, key_file: Path | None) -> Installation:
    """Make a data folder with its key; a file that exists is never written over."""
    from bezant.wiring.lent import create_key_file, load_key_file

    identifier = "ins_" + secrets.token_hex(8)
    path = (key_file or _default_key_file(identifier)).absolute()
    _make_folder(place.folder)
    if path.exists():
        load_key_file(path)  # A key made beforehand is used, if it is one.
    else:
        _make_folder(path.parent)
        create_key_file(path)
    made = Installation(
        id=identifier,
        mode=mode,
        data_version=DATA_VERSION,
        made_at=present(),
        key_file=str(path),
    )
    write_durably(place.state, msgspec.json.format(msgspec.json.encode(made)).decode() + "\n")
    return made


def present() -> str:
    """Return the present second, as it is written down and shown."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def make_folders(place: Place) -> None:
    """Make the data folder and what is missing inside, open to nobody else."""
    for folder in (place.folder, place.run, place.logs, place.heads):
        _make_folder(folder)


def key_path(installation: Installation, key_file: Path | None) -> Path:
    """Return where the installation's key lies, or end with what to do."""
    path = key_file or Path(installation.key_file)
    if not path.exists():
        raise Stop(
            f"The key file {path} is missing.",
            "Put it back or name it with BEZANT_KEY_FILE. Without it nothing can be opened.",
        )
    return path


def check_room(place: Place) -> None:
    """Refuse to start where the disk is nearly full."""
    existing = next(path for path in (place.folder, *place.folder.parents) if path.exists())
    about = os.statvfs(existing)
    free = about.f_bavail * about.f_frsize
    if free < FREE_BYTES_MIN:
        raise Stop(
            f"Only {free // 1_048_576} MiB are free where {place.folder} lies; "
            f"{FREE_BYTES_MIN // 1_048_576} MiB are needed.",
            "Make room, or choose another folder with --data.",
        )


def take_lock(place: Place) -> IO[str] | None:
    """Take the lock of a data folder, or return nothing when a living process holds it.

    The kernel holds the lock, not the file: what a crash leaves behind is never in the way.
    """
    handle = place.lock.open("a+")
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOCK_PAUSE_SECONDS)
        else:
            return handle
    handle.close()
    return None


def sign_lock(lock: IO[str]) -> None:
    """Write into the lock which process holds it."""
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()


def lock_holder(place: Place) -> int | None:
    """Return the process that holds the lock, as it signed."""
    try:
        return int(place.lock.read_text())
    except (OSError, ValueError):
        return None


def is_locked(place: Place) -> bool:
    """Tell whether a living process works on this data folder."""
    if not place.lock.exists():
        return False
    with place.lock.open() as handle:
        try:  # Shared, so that two who ask at once do not see each other.
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def read_running(place: Place) -> Running | None:
    """Return what runs on this data folder, as far as it has written that down."""
    if not is_locked(place):
        return None
    try:
        return msgspec.json.decode(place.record.read_bytes(), type=Running)
    except (OSError, ValueError, msgspec.MsgspecError):
        return None


def write_running(place: Place, running: Running) -> None:
    """Write down what runs here."""
    write_durably(place.record, msgspec.json.encode(running).decode() + "\n")


def write_durably(path: Path, text: str) -> None:
    """Replace a file as a whole: after a power cut it is the old one or the new one."""
    fresh = path.with_name(path.name + ".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def lies_inside(path: Path, folder: Path) -> bool:
    """Tell whether a file lies in a folder, symbolic links followed."""
    return path.resolve().is_relative_to(folder.resolve())


def _refuse_foreign(place: Place) -> None:
    """Refuse a folder that holds something else, or data whose description is gone."""
    if place.folder.exists() and not place.folder.is_dir():
        raise Stop(f"{place.folder} is not a folder.", "Choose another one with --data.")
    if place.postgres.exists():
        raise Stop(
            f"{place.folder} holds a database but no state.json.",
            "Nothing was changed. Restore that file from a backup.",
        )
    if place.folder.exists() and {path.name for path in place.folder.iterdir()} - OUR_FOLDERS:
        raise Stop(
            f"{place.folder} holds files that are not Bezant's.",
            "Choose an empty or a new folder with --data.",
        )


def _default_key_file(identifier: str) -> Path:
    configuration = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(configuration) / "bezant" / f"{identifier}.key"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as wrong:
        raise Stop(
            f"{folder} cannot be made ({wrong.strerror}).", "Choose another folder with --data."
        ) from None
