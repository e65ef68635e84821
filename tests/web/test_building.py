"""How pages are built: once, behind the platform, and told when it does not work.

Node and npm are small programs here that do what ours asks of them; the real ones build the pages
of the browser tests.
"""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.harness.browser import ROOT
from tests.harness.waiting import wait_until

from bezant.web.built import Built

SECONDS_MAX = 60
NODE = """#!/bin/sh
case "$*" in
  --version) echo "${NODE_VERSION:-v22.20.0}" ;;
  *tsc*) echo types >> "$STEPS"; exit "${TYPES:-0}" ;;
  make/pages.mjs*)
    echo pages >> "$STEPS"
    mkdir -p "$2"
    echo '{"pages": {"checkout": {"script": "a.js"}}, "files": {}}' > "$2/pages.json" ;;
esac
"""
NPM = """#!/bin/sh
echo packages >> "$STEPS"
[ -z "$OFFLINE" ] || { echo "npm error code ENOTFOUND secret-host"; exit 1; }
[ -z "$HANGS" ] || { echo $$ > "$HANGS"; exec sleep 300; }
mkdir -p node_modules
"""
MADE_OF = ("package.json", "package-lock.json", "tsconfig.json", "vite.config.ts", "make/build.py")


@dataclass
class Workspace:
    """A workspace of its own with the real builder in it."""

    root: Path
    tools: Path

    @property
    def static(self) -> Path:
        return self.root / "src" / "bezant" / "web" / "static"

    @property
    def built(self) -> Built:
        return Built(self.static)

    def steps(self) -> list[str]:
        """Return which steps were taken since the last look."""
        path = self.tools / "steps"
        taken = path.read_text().split() if path.exists() else []
        path.unlink(missing_ok=True)
        return taken

    def environment(self, **more: str) -> dict[str, str]:
        path = f"{self.tools}{os.pathsep}/bin{os.pathsep}/usr/bin"
        return {"PATH": path, "STEPS": str(self.tools / "steps"), **more}

    def build(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Build as `make ui` does."""
        return subprocess.run(
            [sys.executable, str(self.root / "ui/make/build.py"), *words],
            env=self.environment(**more), capture_output=True, text=True, timeout=SECONDS_MAX,
            check=False,
        )  # fmt: skip

    def behind(self, platform: str, **more: str) -> "subprocess.Popen[str]":
        """Build as `make up` does: behind a platform, which these words of a shell stand for."""
        builder = f"{sys.executable} ui/make/build.py --behind --data={self.root}/data"
        return subprocess.Popen(
            ["/bin/sh", "-c", f"{builder} & {platform}"], cwd=self.root,
            env=self.environment(**more), stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip

    def run_platform(self, pid: int) -> None:
        """Write down that a platform runs, as it does itself."""
        (self.root / "data" / "run").mkdir(parents=True, exist_ok=True)
        (self.root / "data" / "run" / "bezant.json").write_text(json.dumps({"pid": pid}))

    def is_alone(self) -> bool:
        """Tell whether nobody builds any more."""
        with (self.static / "lock").open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "root", tmp_path / "tools")
    for name in MADE_OF:
        target = made.root / "ui" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "ui" / name, target)
    (made.root / "ui" / "src" / "checkout").mkdir(parents=True)
    (made.root / "ui" / "src" / "checkout" / "main.tsx").write_text("1\n")
    made.tools.mkdir()
    for name, text in (("node", NODE), ("npm", NPM)):
        program = made.tools / name
        program.write_text(text)
        program.chmod(0o755)
    return made


def test_pages_are_built_once_and_anew_when_what_they_are_made_of_changes(workspace: Workspace):
    first = workspace.build()
    assert first.returncode == 0, first.stderr
    assert workspace.steps() == ["packages", "types", "pages"]
    assert workspace.built.page("checkout") is not None
    assert workspace.built.progress() is None

    assert workspace.build().returncode == 0
    assert workspace.steps() == []

    (workspace.root / "ui" / "src" / "checkout" / "main.tsx").write_text("2\n")
    assert workspace.build().returncode == 0
    assert workspace.steps() == ["types", "pages"]  # The lock is the same: so are the packages.


def test_without_a_registry_it_says_so_keeps_what_was_there_and_tries_again(workspace: Workspace):
    refused = workspace.build(OFFLINE="1")
    assert refused.returncode == 1
    assert "secret-host" in refused.stderr
    told = workspace.built.progress()
    assert told is not None
    assert (told.failed, "connection to the package registry" in told.step) == (True, True)
    assert "secret-host" not in told.step  # That page is for everybody.
    assert "secret-host" in (workspace.static / "build.log").read_text()

    workspace.steps()
    assert workspace.build().returncode == 0
    assert workspace.steps() == ["packages", "types", "pages"]
    assert not (workspace.static / "build.log").exists()

    (workspace.root / "ui" / "src" / "checkout" / "main.tsx").write_text("2\n")
    assert workspace.build(TYPES="2").returncode == 1
    assert workspace.built.page("checkout") is not None


@pytest.mark.parametrize("version", ["v18.20.4", "v21.7.3", "v22.12.0", "v23.4.0", "none"])
def test_a_node_that_cannot_build_them_is_not_used(workspace: Workspace, version: str):
    elsewhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_FIND_LINKS": "", "PIP_RETRIES": "0"}
    (workspace.root / "ui" / "make" / "node.txt").write_text("nothing-of-that-name==1.0.0\n")
    refused = workspace.build(NODE_VERSION=version, **elsewhere)
    assert refused.returncode == 1
    told = workspace.built.progress()
    assert told is not None
    assert "Node could not be fetched" in told.step
    assert workspace.steps() == []


@pytest.fixture
def begun(workspace: Workspace) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Begin builds behind platforms, and leave none behind."""
    started: list[subprocess.Popen[str]] = []

    def begin(platform: str, **more: str) -> "subprocess.Popen[str]":
        started.append(workspace.behind(platform, **more))
        return started[-1]

    yield begin
    for one in started:
        with suppress(ProcessLookupError):
            os.killpg(one.pid, signal.SIGKILL)
        one.communicate()


def test_behind_a_platform_it_waits_until_that_runs(
    workspace: Workspace, begun: Callable[..., "subprocess.Popen[str]"]
):
    platform = begun("exec sleep 300")
    wait_until(lambda: workspace.built.progress() is not None, "it waits")
    told = workspace.built.progress()
    assert told is not None
    assert "waiting for the platform" in told.step
    assert workspace.steps() == []
    workspace.run_platform(platform.pid)
    wait_until(lambda: workspace.built.page("checkout") is not None, "the pages are built")


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_its_platform_and_nothing_says_that_it_goes_on(
    workspace: Workspace,
    begun: Callable[..., "subprocess.Popen[str]"],
    stop: signal.Signals,
    tmp_path: Path,
):
    fetching = tmp_path / "fetching"
    platform = begun("exec sleep 300", HANGS=str(fetching))
    workspace.run_platform(platform.pid)
    wait_until(lambda: fetching.exists() and bool(fetching.read_text()), "packages are fetched")
    npm = int(fetching.read_text())
    assert workspace.built.progress() is not None
    if stop is signal.SIGINT:
        os.killpg(platform.pid, stop)  # As a terminal does, to everybody.
    else:
        platform.send_signal(stop)
    platform.wait(SECONDS_MAX)
    wait_until(workspace.is_alone, "nobody builds any more")
    wait_until(lambda: not is_alive(npm), "npm has ended")
    assert workspace.built.progress() is None


STOPPED_AS_IT_BEGINS = """
import os, runpy, subprocess, sys

sys.argv = ["build.py"]
build = runpy.run_path(sys.argv[0], run_name="build")
begin = subprocess.Popen

def disturbed(*words, **more):
    begun = begin(*words, **more)
    print(begun.pid, flush=True)
    os.kill(os.getpid(), STOP)
    return begun

subprocess.Popen = disturbed
build["ran"]("sleep", "300", failing="It failed.")
"""


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_what_begins_in_the_very_moment_of_the_stop_ends_too(
    workspace: Workspace, stop: signal.Signals
):
    handled = f"import signal\nsignal.signal({stop:d}, signal.default_int_handler)\n"
    program = handled + STOPPED_AS_IT_BEGINS.replace("STOP)", f"{stop:d})")
    stopped = subprocess.run(
        [sys.executable, "-c", program], cwd=workspace.root / "ui" / "make", text=True,
        env=workspace.environment(), capture_output=True, timeout=SECONDS_MAX, check=False,
    )  # fmt: skip
    assert "KeyboardInterrupt" in stopped.stderr
    assert not is_alive(int(stopped.stdout))


def test_a_builder_that_was_killed_is_not_waited_for(
    workspace: Workspace,
    begun: Callable[..., "subprocess.Popen[str]"],
    tmp_path: Path,
):
    fetching = tmp_path / "fetching"
    platform = begun("exec sleep 300", HANGS=str(fetching))
    workspace.run_platform(platform.pid)
    wait_until(lambda: fetching.exists() and bool(fetching.read_text()), "packages are fetched")
    os.killpg(platform.pid, signal.SIGKILL)
    platform.wait(SECONDS_MAX)
    wait_until(workspace.is_alone, "nobody builds any more")
    try:
        assert (workspace.static / "progress.json").exists()
        assert workspace.built.progress() is None
    finally:
        os.killpg(int(fetching.read_text()), signal.SIGKILL)


def test_behind_a_platform_in_the_background_it_goes_on(
    workspace: Workspace, begun: Callable[..., "subprocess.Popen[str]"]
):
    other = subprocess.Popen(["sleep", "300"])
    try:
        workspace.run_platform(other.pid)
        started = begun("exit 0")
        started.wait(SECONDS_MAX)
        wait_until(lambda: workspace.built.page("checkout") is not None, "the pages are built")
    finally:
        other.kill()
        other.wait()


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that nobody has asked about its end does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
