"""A database as compressed SQL text, one file a day: readable by any PostgreSQL, for years.

It complements the base backups of `backup.py`, which are exact and quick to restore; roles are not
in it. Load it with `gunzip -c FILE | psql -X -v ON_ERROR_STOP=1 DATABASE`.
"""

import asyncio
import gzip
import re
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from psycopg.conninfo import conninfo_to_dict

from bezant.clock import Clock
from bezant.db import binaries
from bezant.db.data_folder import sync_folder
from bezant.db.standing import Standing
from bezant.db.sums import BackupDamaged
from bezant.secret import Secret

KEPT_DAYS = 30
DUMP_SECONDS_MAX = 6 * 3600
NAME: Final = "backup_%Y%m%d_%H%M%S.sql.gz"
END: Final = b"-- PostgreSQL database dump complete"
TAIL_BYTES = 4096
_NAMED: Final = re.compile(r"backup_\d{8}_\d{6}\.sql\.gz\Z")
_VARIABLES: Final = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
}


async def dump(dsn: Secret[str], folder: Path, *, clock: Clock) -> Path:
    """Write a dump of a database into a folder, check that it is whole, and return its file."""
    made = folder / clock.now().astimezone(UTC).strftime(NAME)
    beside = _beside(made)
    told = conninfo_to_dict(dsn.reveal())
    # By the environment, which only we can read; a command line is everybody's to see.
    variables = {name: str(told[word]) for word, name in _VARIABLES.items() if word in told}
    try:
        await binaries.must(
            Standing(),
            "pg_dump",
            ["--format=plain", "--compress=gzip:6", "--no-password", "--file", beside],
            variables=variables,
            timeout_seconds=DUMP_SECONDS_MAX,
        )
        await asyncio.to_thread(check, beside)
        _name(beside, made)
    finally:
        _forget(beside)
    return made


def check(file: Path) -> None:
    """Read a dump to its end; raise if it is damaged or was cut."""
    tail = b""
    try:
        with gzip.open(file, "rb") as text:
            while block := text.read(1 << 20):
                tail = (tail + block)[-TAIL_BYTES:]
    except (OSError, EOFError, zlib.error) as error:
        raise BackupDamaged(f"{file.name} cannot be read to its end") from error
    if END not in tail:
        raise BackupDamaged(f"{file.name} ends before the dump does")


def prune(folder: Path, *, clock: Clock, kept_days: int = KEPT_DAYS) -> list[Path]:
    """Erase dumps older than so many days, but never the newest one; return what was erased."""
    oldest = clock.now() - timedelta(days=kept_days)
    dumps = sorted(path for path in folder.glob("backup_*.sql.gz") if _NAMED.match(path.name))
    old = [path for path in dumps[:-1] if _made_at(path) < oldest]
    for path in old:
        path.unlink()
    return old


def _made_at(dump_file: Path) -> datetime:
    return datetime.strptime(dump_file.name, NAME).replace(tzinfo=UTC)


def _beside(made: Path) -> Path:
    made.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return made.with_name(made.name + ".part")


def _name(beside: Path, made: Path) -> None:
    beside.chmod(0o600)
    beside.rename(made)
    sync_folder(made.parent)


def _forget(beside: Path) -> None:
    beside.unlink(missing_ok=True)
