"""The folder an installation lives in: its layout, its lock, and what may be done to its database.

    .bezant/
      postgres/            the database; made beside and renamed, so it is whole or not there
      postgres.password    the administrator's password
      postgres.conf        settings of the operator's own, if there are any
      run/                 lock, sockets, and the settings of the running server
      logs/                postgres.log and its older siblings

Nothing here ever empties, reinitialises or upgrades a database that exists.
"""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from psycopg.conninfo import make_conninfo

from bezant.db.standing import Standing
from bezant.errors import Conflict, Refused, Unavailable
from bezant.secret import Secret

ADMINISTRATOR = "bezant"
# What an installation keeps in its folder; a folder with anything else in it has another use.
OURS = frozenset(
    {
        *("postgres", "postgres.password", "postgres.conf", "run", "logs"),
        *("heads", "state.json", "keystore"),
    }
)
SOCKET_PATH_BYTES_MAX = 107  # sockaddr_un.sun_path holds 108 bytes, the last of them zero.
CLAIM_TRIES = 10  # Somebody asking `running` holds the lock for an instant.
CLAIM_PAUSE_SECONDS = 0.03


class AlreadyRunning(Conflict):
    """A database server is already running on this data folder."""

    code = "database_already_running"


class DataNotOurs(Refused):
    """The data folder holds something this program did not make; it is left as it is."""

    code = "database_data_not_ours"


class DataOfAnotherVersion(Refused):
    """The data folder was made by another major version of PostgreSQL; it is left as it is."""

    code = "database_data_version"


class LowDisk(Unavailable):
    """There is too little free disk space to start the database safely."""

    code = "database_low_disk"


@dataclass(frozen=True, slots=True)
class Running:
    """Facts of a running server, enough for another process to join it."""

    supervisor_pid: int
    postgres_pid: int
    sockets: str
    port: int
    tcp_port: int | None

    def dsn(self, role: str, password: Secret[str] | str, database: str) -> str:
        """Return the connection string of a role over the private socket."""
        return make_conninfo(
            host=self.sockets,
            port=self.port,
            user=role,
            password=password if isinstance(password, str) else password.reveal(),
            dbname=database,
        )


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Where everything of one installation lies."""

    root: Path

    @classmethod
    def at(cls, folder: Path) -> "DataFolder":
        """Return the layout of this folder, wherever the program moves to later."""
        return cls(folder.absolute())

    @property
    def data(self) -> Path:
        return self.root / "postgres"

    @property
    def password(self) -> Path:
        return self.root / "postgres.password"

    @property
    def own_settings(self) -> Path:
        return self.root / "postgres.conf"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def lock(self) -> Path:
        return self.run / "lock"

    @property
    def facts(self) -> Path:
        return self.run / "postgres.json"

    @property
    def log(self) -> Path:
        return self.root / "logs" / "postgres.log"

    @property
    def tag(self) -> str:
        """Return a name that no other installation's processes carry."""
        return "bezant-" + hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]

    def prepare(self) -> None:
        """Make the folders, closed to everybody else; refuse what is not ours to close."""
        if self.root.exists():
            self._refuse_what_is_not_ours()
        for place in (self.root, self.run, self.log.parent):
            place.mkdir(mode=0o700, parents=place == self.root, exist_ok=True)
            found = place.stat()
            if found.st_uid == os.geteuid() and found.st_mode & 0o077:
                place.chmod(0o700)

    def _refuse_what_is_not_ours(self) -> None:
        """Never close a home or a temporary folder that was named by mistake."""
        if os.geteuid() not in {0, self.root.stat().st_uid}:
            raise DataNotOurs(f"{self.root} belongs to another user")
        strange = sorted({path.name for path in self.root.iterdir()} - OURS)
        if strange and self.root.stat().st_mode & 0o067:
            raise DataNotOurs(
                f"{self.root} holds other things ({strange[0]}) and is open to other users; "
                "name a folder of its own"
            )

    def hand_to(self, standing: Standing) -> None:
        """Give the server's own folders to the user it drops to; let nobody else pass."""
        if standing.kind != "dropped":
            return
        for above in self.root.parents:
            if not _passable(above, standing):
                raise DataNotOurs(
                    f"the database would run as user {standing.uid}, who cannot enter {above}; "
                    "start this program as an ordinary user, or name another data folder"
                )
        os.chown(self.root, -1, standing.gid)
        self.root.chmod(0o710)
        for place in (self.password, self.own_settings, self.run, self.log.parent):
            give(place, standing)
        if self.data.exists() and self.data.stat().st_uid != standing.uid:
            give(self.data, standing)

    def check_disk(self, free_min_bytes: int) -> None:
        free = shutil.disk_usage(self.data if self.data.exists() else self.root).free
        if free < free_min_bytes:
            raise LowDisk(
                f"{free >> 20} MB are free at {self.root}, {free_min_bytes >> 20} MB are needed; "
                "free some space and start again"
            )

    def check_version(self, wanted: int) -> bool:
        """Tell whether there is a database of this version; refuse anything else that is there."""
        if not self.data.exists() or not any(self.data.iterdir()):
            return False
        stamp = self.data / "PG_VERSION"
        if not stamp.is_file():
            raise DataNotOurs(
                f"{self.data} is not empty and not a database; nothing in it was changed. "
                "Move it away, or name another data folder"
            )
        found = stamp.read_text().strip()
        if found != str(wanted):
            raise DataOfAnotherVersion(
                f"{self.data} was made by PostgreSQL {found}, this program brings {wanted}; "
                f"nothing in it was changed. Export with the older release, then import here"
            )
        return True

    def write_password(self, word: str) -> None:
        """Store the administrator's password so that it is whole or not there."""
        write_whole(self.password, word + "\n")

    def read_password(self) -> Secret[str]:
        return Secret(self.password.read_text().strip())

    def claim(self) -> int:
        """Take the lock or raise. The kernel drops it with our process: it is never stale."""
        descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for _ in range(CLAIM_TRIES):
            if _locked(descriptor, fcntl.LOCK_EX):
                return descriptor
            time.sleep(CLAIM_PAUSE_SECONDS)
        os.close(descriptor)
        who = self.read_facts()
        raise AlreadyRunning(
            f"another process is running the database of {self.root}"
            + (f": process {who.supervisor_pid}, server {who.postgres_pid}" if who else "")
        )

    def read_facts(self) -> Running | None:
        try:
            return Running(**json.loads(self.facts.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def write_facts(self, running: Running) -> None:
        write_whole(self.facts, json.dumps(asdict(running)))

    def choose_sockets(self, port: int, owner: int) -> Path:
        """Return a private folder whose socket path is short enough for the kernel.

        A folder that somebody else may have put in our way is never used: it must be a real folder,
        ours and closed.
        """
        if _fits(self.run, port):
            return self.run
        name = f"{self.tag}-{os.geteuid()}"
        parents = (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp")  # noqa: S108
        for parent in filter(None, parents):
            place = Path(parent) / name
            if _fits(place, port) and _private(place, owner):
                return place
        place = Path(tempfile.mkdtemp(prefix="bezant-", dir="/tmp"))
        os.chown(place, owner, -1)
        return place


def running(folder: Path) -> Running | None:
    """Return the facts of the server running on this folder, or None when there is none."""
    place = DataFolder.at(folder)
    try:
        descriptor = os.open(place.lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return None if _locked(descriptor, fcntl.LOCK_SH) else place.read_facts()
    finally:
        os.close(descriptor)


def write_whole(path: Path, text: str) -> None:
    """Write a private file that is, after any crash, either the old one or the new one."""
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename inside this folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            return False
        raise
    return True


def give(place: Path, standing: Standing) -> None:
    """Give a file, or a folder with all in it, to the user the server drops to."""
    if standing.kind != "dropped":
        return
    for each in (place, *place.rglob("*")):
        if each.exists():
            os.chown(each, standing.uid, standing.gid, follow_symlinks=False)


def _passable(folder: Path, standing: Standing) -> bool:
    found = folder.stat()
    if found.st_uid == standing.uid:
        return bool(found.st_mode & 0o100)
    return bool(found.st_mode & (0o010 if found.st_gid == standing.gid else 0o001))


def _fits(place: Path, port: int) -> bool:
    return len(os.fsencode(place / f".s.PGSQL.{port}.lock")) <= SOCKET_PATH_BYTES_MAX


def _private(place: Path, owner: int) -> bool:
    """Make the folder, or accept one that is really ours; a symbolic link never is."""
    try:
        place.mkdir(mode=0o700)
        os.chown(place, owner, -1)
    except FileExistsError:
        pass
    except OSError:
        return False
    found = place.lstat()
    return (found.st_mode & 0o170777) == 0o040700 and found.st_uid == owner
