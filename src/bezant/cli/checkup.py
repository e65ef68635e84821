"""What `bezant doctor` looks at, but for the database: that has a file of its own."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from bezant.cli.exits import Stop
from bezant.cli.installation import (
    FREE_BYTES_MIN,
    LIVE,
    Installation,
    Place,
    key_path,
    lies_inside,
    read_installation,
    read_running,
)
from bezant.errors import BezantError
from bezant.settings import Settings, refusals, unused, well_known

MEBIBYTE: Final = 1_048_576
FREE_BYTES_COMFORTABLE: Final = 4 * FREE_BYTES_MIN
FREE_FILES_MIN: Final = 256  # A connection is a file; a busy gateway holds hundreds.


class Health(StrEnum):
    """How a thing is."""

    GOOD = "good"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: how it is, what was found, and what to do when it is wrong."""

    area: str
    check: str
    health: Health
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """What is examined."""

    settings: Settings
    place: Place
    installation: Installation | None
    live: bool
    deep: bool = False


def examine(
    settings: Settings, place: Place, area: str | None, *, live: bool, deep: bool = False
) -> list[Finding]:
    """Look at everything, or at one area."""
    from bezant.cli.checkup_database import database
    from bezant.cli.checkup_hsm import hsm

    try:
        installation = read_installation(place)
    except Stop as stop:
        return [Finding("machine", "data", Health.WRONG, stop.sentence, stop.remedy)]
    live = live or (installation is not None and installation.mode == LIVE)
    case = Case(settings, place, installation, live, deep)
    looks: dict[str, Callable[[Case], Iterator[Finding]]] = {
        "machine": machine,
        "settings": given_settings,
        "secrets": secrets,
        "keys": keys,
        "hsm": hsm,
        "database": database,
        "broker": broker,
    }
    return [
        finding for name, look in looks.items() if area in {None, name} for finding in look(case)
    ]


def machine(case: Case) -> Iterator[Finding]:
    """Room on the disk, files, the clock and the port."""
    folder = next(path for path in (case.place.folder, *case.place.folder.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    room = f"{free // MEBIBYTE} MiB are free for {case.place.folder}"
    if free < FREE_BYTES_MIN:
        yield Finding(
            "machine", "disk", Health.WRONG, room, "Make room; PostgreSQL stops on a full disk."
        )
    elif free < FREE_BYTES_COMFORTABLE:
        yield Finding("machine", "disk", Health.NOTE, room, "Make room before it is needed.")
    else:
        yield Finding("machine", "disk", Health.GOOD, room)
    if case.place.folder.exists() and case.place.folder.stat().st_mode & 0o007:
        yield Finding(
            "machine",
            "folder",
            Health.WRONG,
            f"{case.place.folder} is open to others",
            f"Run chmod 700 {case.place.folder}",
        )
    files = os.sysconf("SC_OPEN_MAX")
    if 0 <= files < FREE_FILES_MIN:
        yield Finding(
            "machine",
            "files",
            Health.WRONG,
            f"Only {files} files may be open",
            "Run ulimit -n 4096",
        )
    yield _clock(case)
    yield _port(case)


def _clock(case: Case) -> Finding:
    now = datetime.now(UTC)
    made = datetime.fromisoformat(case.installation.made_at) if case.installation else None
    if made is not None and now < made - timedelta(minutes=1):
        return Finding(
            "machine",
            "clock",
            Health.WRONG,
            "The clock stands before the day this data was made",
            "Set the clock, best by NTP.",
        )
    return Finding("machine", "clock", Health.GOOD, f"The clock says {now:%Y-%m-%d %H:%M:%S} UTC")


def _port(case: Case) -> Finding:
    running = read_running(case.place)
    if running is not None:
        return Finding("machine", "port", Health.GOOD, f"Bezant answers on {running.url}")
    from bezant.cli.listening import refuse_taken
    from bezant.wiring.edges import addresses

    wanted = addresses(case.settings)
    try:
        refuse_taken(wanted)
    except Stop as stop:
        return Finding("machine", "port", Health.WRONG, stop.sentence, stop.remedy)
    told = ", ".join(f"{host}:{port}" for host, port in wanted)
    return Finding("machine", "port", Health.GOOD, f"Free for the next start: {told}")


def given_settings(case: Case) -> Iterator[Finding]:
    """Settings that forbid a start, and those that nothing uses yet."""
    wrong = refusals(case.settings, live=False)
    for mistake in wrong:
        if case.live and mistake.name == "STRIPE_SECRET_KEY":
            continue
        yield Finding(
            "settings",
            mistake.name,
            Health.WRONG,
            f"{mistake.name} {mistake.problem}",
            mistake.remedy,
        )
    waiting = unused(case.settings)
    for name, awaits in waiting:
        yield Finding(
            "settings",
            name,
            Health.NOTE,
            f"{name} is read, but nothing uses it yet: it waits for {awaits}",
        )
    if case.live and case.settings.people.mail_server is None:
        yield Finding(
            "settings",
            "SMTP_URL",
            Health.NOTE,
            "SMTP_URL is not set: letters to people wait, so nobody can confirm an address",
            "Set SMTP_URL and MAIL_FROM; what waits, for a week at most, leaves after that.",
        )
    if not wrong:
        yield Finding(
            "settings",
            "all",
            Health.GOOD,
            f"{len(case.settings.given)} settings are given, all readable",
        )


def secrets(case: Case) -> Iterator[Finding]:
    """Secrets that stand in published examples."""
    found = well_known(case.settings)
    for mistake in found:
        health = Health.WRONG if case.live else Health.NOTE
        remedy = f"{mistake.remedy.capitalize()}." if case.live else "Allowed in demo mode only."
        yield Finding("secrets", mistake.name, health, f"{mistake.name} {mistake.problem}", remedy)
    if not found:
        what = "a live" if case.live else "this"
        yield Finding(
            "secrets",
            "all",
            Health.GOOD,
            f"No setting of {what} installation is a well-known secret",
        )
    if case.installation is not None and not case.live:
        yield Finding(
            "secrets",
            "demo",
            Health.NOTE,
            "Demo mode: sample keys and published passwords are active",
            "Never take real money here.",
        )


def keys(case: Case) -> Iterator[Finding]:
    """The key file and its place; and API keys that outlived their makers' membership."""
    if case.installation is None:
        yield Finding(
            "keys", "file", Health.NOTE, "There is no installation yet", "Start one with bezant up."
        )
        return
    from bezant.wiring.lent import load_key_file

    try:
        path = key_path(case.installation, case.settings.platform.key_file)
        load_key_file(path)
    except (Stop, BezantError) as wrong:
        said, remedy = (
            (wrong.sentence, wrong.remedy) if isinstance(wrong, Stop) else (wrong.detail, "")
        )
        yield Finding("keys", "file", Health.WRONG, said, remedy or "Put the right file back.")
        return
    yield Finding("keys", "file", Health.GOOD, f"The key file {path} is in order")
    if lies_inside(path, case.place.folder):
        yield Finding(
            "keys",
            "place",
            Health.WRONG if case.live else Health.NOTE,
            "The key file lies in the data folder: whoever copies one has both",
            "Move it elsewhere and name it with BEZANT_KEY_FILE.",
        )
    from bezant.cli.checkup_identity import left_behind

    yield from left_behind(case)


def broker(case: Case) -> Iterator[Finding]:
    """Brokers and caches, where they are configured."""
    messages = case.settings.messages
    places = [("KAFKA_BOOTSTRAP_SERVERS", one) for one in messages.kafka]
    redis = messages.redis()
    if redis is not None:
        from urllib.parse import urlsplit

        parts = urlsplit(redis.reveal())
        if parts.hostname:
            places.append(("REDIS_URL", f"{parts.hostname}:{parts.port or 6379}"))
    if not places:
        yield Finding(
            "broker",
            "queue",
            Health.GOOD,
            "No broker is configured; events are read from the database",
        )
    for name, where in places:
        if _answers(where):
            yield Finding("broker", name, Health.GOOD, f"{where} accepts connections ({name})")
        else:
            yield Finding(
                "broker",
                name,
                Health.WRONG,
                f"{where} does not answer ({name})",
                "Start it, or correct the setting.",
            )


def _answers(where: str) -> bool:
    host, _, port = where.rpartition(":")
    if not port.isdigit():
        return False
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=2).close()
    except OSError:
        return False
    return True
