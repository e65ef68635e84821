"""Structured logs: a line is an event with fields, one JSON object.

Lines are queued and written by a thread, so that a request never waits for a disk. Secrets are
types that print as `•••`; besides, whatever looks like a card number, a card code or a key of
ours is masked in every line, for the day a type was forgotten.
"""

import logging
import os
import re
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from enum import IntEnum
from pathlib import Path
from typing import IO, Final, cast

import msgspec

from bezant.secret import MASK, Secret
from bezant.telemetry.scrub import scrub, scrub_fields

REQUEST_ID: Final[ContextVar[str]] = ContextVar("request_id", default="")
TRACE_ID: Final[ContextVar[str]] = ContextVar("trace_id", default="")

LINES_MAX = (
    100_000  # Waiting to be written, about 30 MB; beyond that the newest are dropped and counted.
)
FLUSH_SECONDS = 0.05
REOPEN_SECONDS = 1.0  # How soon a file that was rotated away is opened anew.
EXCEPTION_CHARACTERS_MAX = 8_000


class Level(IntEnum):
    """How much a line matters."""

    DEBUG = 10
    INFO = 20
    WARN = 30
    ERROR = 40

    @classmethod
    def of(cls, name: str) -> "Level":
        """Read a level as settings write it; `warning` and `critical` have names of ours."""
        known = {"WARNING": "WARN", "CRITICAL": "ERROR", "FATAL": "ERROR"}
        upper = name.strip().upper()
        try:
            return cls[known.get(upper, upper)]
        except KeyError:
            raise ValueError("a log level is ERROR, WARN, INFO or DEBUG") from None


class Sink:
    """A stream for people or machines. It belongs to whoever opened it."""

    least = Level.DEBUG

    def __init__(self, stream: IO[str], *, human: bool, colour: bool = False) -> None:
        self._stream = stream
        self._human = human
        self._colour = colour

    def write(self, lines: list[bytes]) -> None:
        """Write a batch."""
        if self._human:
            text = "".join(render(line, colour=self._colour) for line in lines)
        else:
            text = b"".join(lines).decode()
        self._stream.write(text)
        self._stream.flush()

    def close(self) -> None:
        """Leave the stream open."""


class FileSink:
    """A file that may be rotated away while we write."""

    def __init__(self, path: Path, least: Level = Level.DEBUG) -> None:
        self.least = least
        self._path = path
        self._checked_at = 0.0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)

    def write(self, lines: list[bytes]) -> None:
        """Write a batch, into a new file if the old one has been moved away."""
        if time.monotonic() - self._checked_at > REOPEN_SECONDS:
            self._checked_at = time.monotonic()
            if not self._is_in_place():
                self._file.close()
                self._file = self._path.open("ab", buffering=0)
        self._file.write(b"".join(lines))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _is_in_place(self) -> bool:
        try:
            return self._path.stat().st_ino == os.fstat(self._file.fileno()).st_ino
        except FileNotFoundError:
            return False


class Writer:
    """The queue of lines and the thread that writes them."""

    def __init__(self, level: Level, sinks: Sequence[Sink | FileSink]) -> None:
        self.level = level
        self.dropped = 0
        self._sinks = sinks
        self._lines: deque[tuple[int, bytes]] = deque()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bezant-log", daemon=True)
        self._thread.start()

    def put(self, level: int, line: bytes) -> None:
        """Queue a line. Never waits, never raises."""
        if len(self._lines) < LINES_MAX:
            self._lines.append((level, line))
        else:
            self.dropped += 1

    def flush(self) -> None:
        """Write what is queued now."""
        lines: list[tuple[int, bytes]] = []
        while self._lines:
            lines.append(self._lines.popleft())
        for sink in self._sinks:
            wanted = [line for level, line in lines if level >= sink.least]
            if wanted:
                try:
                    sink.write(wanted)
                except (
                    OSError,
                    ValueError,
                ):  # A full disk or a closed terminal must not stop payments.
                    self.dropped += len(wanted)

    def close(self) -> None:
        """Write everything and end the thread."""
        self._stop.set()
        self._thread.join(timeout=5)
        self.flush()
        for sink in self._sinks:
            sink.close()

    def _run(self) -> None:
        while not self._stop.wait(FLUSH_SECONDS):
            self.flush()


class _State:
    writer: Writer | None = None


def configure(
    level: Level = Level.INFO,
    *,
    stream: IO[str] | None = None,
    human: bool = False,
    colour: bool = False,
    file: Path | None = None,
    further: Path | None = None,
) -> Writer:
    """Start writing logs: to a stream, and to files that have an `error.log` beside them."""
    sinks: list[Sink | FileSink] = []
    if stream is not None:
        sinks.append(Sink(stream, human=human, colour=colour))
    files = dict.fromkeys(path for path in (file, further) if path is not None)
    errors = dict.fromkeys(path.with_name("error.log") for path in files)
    sinks += [FileSink(path) for path in files]
    sinks += [FileSink(path, Level.ERROR) for path in errors]
    shut()
    _State.writer = Writer(level, sinks)
    root = logging.getLogger()
    root.handlers = [_StandardHandler()]
    root.setLevel(logging.WARNING)
    return _State.writer


def shut() -> None:
    """Write what is queued and stop; lines after this reach stderr if they matter."""
    if _State.writer is not None:
        _State.writer.close()
        _State.writer = None
        logging.getLogger().handlers = []


def enabled(level: Level) -> bool:
    """Tell whether lines of this level are written."""
    writer = _State.writer
    return level >= (writer.level if writer is not None else Level.WARN)


def put_line(level: Level, line: bytes) -> None:
    """Write a finished line, for those who make very many of them."""
    writer = _State.writer
    if writer is not None:
        if level >= writer.level:
            writer.put(level, line)
    elif level >= Level.WARN:
        sys.stderr.write(render(line))


class Log:
    """Writes events under one name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def debug(self, event: str, **fields: object) -> None:
        """For the one who looks for a mistake."""
        self._emit(Level.DEBUG, event, fields)

    def info(self, event: str, **fields: object) -> None:
        """Something happened as it should."""
        self._emit(Level.INFO, event, fields)

    def warn(self, event: str, **fields: object) -> None:
        """Something needs a look."""
        self._emit(Level.WARN, event, fields)

    def error(self, event: str, error: BaseException | None = None, **fields: object) -> None:
        """Something failed; with its exception, the way there is told too."""
        if error is not None:
            fields["error"] = type(error).__name__
            told = "".join(traceback.format_exception(error))
            fields["traceback"] = scrub(told[-EXCEPTION_CHARACTERS_MAX:])
        self._emit(Level.ERROR, event, fields)

    def _emit(self, level: Level, event: str, fields: Mapping[str, object]) -> None:
        if enabled(level):
            put_line(level, line_of(level, self._name, event, fields))


def log(name: str) -> Log:
    """Return the log of a room or module."""
    return Log(name)


def line_of(level: Level, name: str, event: str, fields: Mapping[str, object]) -> bytes:
    """Return one line: the fields every line has, then the event's own, masked."""
    line: dict[str, object] = {"ts": timestamp(), "level": level.name, "log": name, "event": event}
    if request_id := REQUEST_ID.get():
        line["request_id"] = request_id
    if trace_id := TRACE_ID.get():
        line["trace_id"] = trace_id
    line.update((key, value) for key, value in scrub_fields(fields).items() if key not in line)
    return msgspec.json.encode(line, enc_hook=_tell) + b"\n"


class _Second:
    """The text of the present second, made once a second."""

    number = -1
    text = ""


def timestamp() -> str:
    """Return the machine's time. It dates lines only, so it is not the injected clock."""
    now = time.time()
    second = int(now)
    if second != _Second.number:
        _Second.text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        _Second.number = second
    return f"{_Second.text}.{int((now - second) * 1000):03d}Z"


def _tell(value: object) -> object:
    if isinstance(value, Secret):
        return MASK
    return scrub(str(value))


# What moves a cursor, rings, ends a line or turns the reading direction: in a terminal such text
# could pass itself off as lines of ours.
_UNSHOWABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_COLOURS: Final = {"DEBUG": "2", "INFO": "32", "WARN": "33", "ERROR": "31"}


def render(line: bytes, *, colour: bool = False) -> str:
    """Write a line for people: time, level, log, event, fields."""
    fields = cast("dict[str, object]", msgspec.json.decode(line))
    at, level = str(fields.pop("ts", ""))[11:23], str(fields.pop("level", ""))
    name, event = str(fields.pop("log", "")), str(fields.pop("event", ""))
    told = str(fields.pop("traceback", ""))
    shown = f"{level:<5}"
    if colour:
        shown = f"\x1b[{_COLOURS.get(level, '0')}m{shown}\x1b[0m"
    rest = "  ".join(_showable(f"{key}={value}") for key, value in fields.items())
    below = "".join(f"\n    {_showable(one)}" for one in told.rstrip("\n").split("\n") if told)
    return f"{at} {shown} {name:<10} {event:<28} {rest}".rstrip() + below + "\n"


def _showable(text: str) -> str:
    return _UNSHOWABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class _StandardHandler(logging.Handler):
    """Brings what libraries log into the same lines."""

    def emit(self, record: logging.LogRecord) -> None:
        level = Level.ERROR if record.levelno >= logging.ERROR else Level.WARN
        writer = Log(record.name)
        failed = record.exc_info[1] if record.exc_info else None
        message = scrub(record.getMessage())
        if level is Level.ERROR:
            writer.error("library", failed, message=message)
        else:
            writer.warn("library", message=message)


def current_writer() -> Writer | None:
    """Return the writer that was configured, if one is."""
    return _State.writer
