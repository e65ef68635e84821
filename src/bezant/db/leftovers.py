"""Server processes that outlived their supervisor, and the lock files the dead leave behind.

PostgreSQL refuses to start while the process named in `postmaster.pid` exists. That is right when
it is a server, and wrong when the id now belongs to another program or to a zombie nobody has
collected. We hold the folder's lock when we look, so what we find is nobody else's to supervise.
"""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

from bezant.db.data_folder import AlreadyRunning, DataFolder
from bezant.db.standing import Standing

PROCESSES = Path("/proc")
FAST_SECONDS = 5.0  # a clean shutdown
IMMEDIATE_SECONDS = 2.0  # a shutdown without a last checkpoint
LOOK_PAUSE_SECONDS = 0.02


def living(place: DataFolder, standing: Standing) -> list[int]:
    """Return the ids of this installation's server processes, the dead and strangers left out."""
    tag = place.tag.encode()
    found: list[int] = []
    for entry in PROCESSES.iterdir() if PROCESSES.is_dir() else ():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):
            named = _is_postgres(entry) and tag in (entry / "cmdline").read_bytes()
            if named and entry.stat().st_uid in {standing.owner, os.geteuid()}:
                found.append(int(entry.name))
    return sorted(found)


async def end(place: DataFolder, standing: Standing) -> None:
    """End what is still running on this folder: cleanly if it can, without a checkpoint if not."""
    main = _pid_in(place.data / "postmaster.pid")
    for word, patience in ((signal.SIGINT, FAST_SECONDS), (signal.SIGQUIT, IMMEDIATE_SECONDS)):
        if main is not None and main in living(place, standing):
            _signal([main], word)
            await _gone(place, standing, patience)
    # Without their main process backends take no orders. What they acknowledged is in the WAL.
    _signal(living(place, standing), signal.SIGKILL)
    await _gone(place, standing, IMMEDIATE_SECONDS)
    if rest := living(place, standing):
        raise AlreadyRunning(f"processes {rest} of an earlier server do not end")


def clear_stale_locks(place: DataFolder, sockets: Path) -> None:
    """Remove the lock files whose process is not a server on this data."""
    for lock in (place.data / "postmaster.pid", *sockets.glob(".s.PGSQL.*.lock")):
        process = _pid_in(lock)
        if process is None:
            continue
        if not PROCESSES.is_dir() or _uses(PROCESSES / str(process), place.data):
            raise AlreadyRunning(
                f"process {process}, which this program did not start, serves {place.data}; "
                "stop it first"
            )
        lock.unlink(missing_ok=True)


def _uses(entry: Path, data: Path) -> bool:
    try:
        if not _is_postgres(entry):
            return False
        return (entry / "cwd").resolve(strict=True) == data.resolve()
    except FileNotFoundError:
        return False
    except PermissionError:
        return True  # A server we may not look into: better to refuse than to share the data.


def _is_postgres(entry: Path) -> bool:
    """Tell whether this is a living process of the program `postgres`.

    One that is just ending has given up its memory, its command line with it, and writes no more.
    """
    try:
        name, _, rest = (entry / "stat").read_text().partition("(")[2].rpartition(")")
        if name != "postgres" or rest.split()[0] in {"Z", "X"}:
            return False
        return bool((entry / "cmdline").read_bytes())
    except (FileNotFoundError, ProcessLookupError):
        return False


def _pid_in(lock: Path) -> int | None:
    try:
        return int(lock.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _signal(processes: list[int], word: signal.Signals) -> None:
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, word)


async def _gone(place: DataFolder, standing: Standing, patience_seconds: float) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_seconds
    while loop.time() < deadline:
        if not living(place, standing):
            return
        await asyncio.sleep(LOOK_PAUSE_SECONDS)
