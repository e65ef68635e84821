"""The wheel as somebody installs it: the pages are in it, and nothing has to be built."""

import base64
import hashlib
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.cli.running import Foreground
from tests.harness.browser import ROOT

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("pages")]
SECONDS_MAX = 300


def ran(*command: object, cwd: Path = ROOT) -> str:
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, capture_output=True, text=True,
        timeout=SECONDS_MAX, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Install our wheels into an environment of their own; what they need is lent to it."""
    for folder in (ROOT, ROOT / "verify"):
        ran(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path, cwd=folder)
    place = tmp_path / "installed"
    ran(sys.executable, "-m", "venv", "--without-pip", place)
    pip = (sys.executable, "-m", "pip", "--python", place / "bin" / "python", "install")
    ran(*pip, "--quiet", "--no-deps", "--no-index", *tmp_path.glob("*.whl"))
    (packages,) = place.glob("lib/python*/site-packages")
    # A path of somebody else's packages comes last, and no editable copy of ours comes with it.
    (packages / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place / "bin" / "bezant"


@pytest.fixture
def installed_one(program: Path, tmp_path: Path) -> Iterator[Foreground]:
    """Start it where there is no Node, nor anything else."""
    home = tmp_path / "home"
    home.mkdir()
    nowhere = {"HOME": str(home), "PATH": str(program.parent), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [program, "up", "--port", "0"], cwd=home, env=nowhere, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    running = Foreground(process)
    try:
        yield running
    finally:
        running.stop()


@pytest.mark.requirement("S000-1", part="the installed package has its pages")
def test_the_installed_package_serves_its_pages_without_node(
    program: Path, installed_one: Foreground
):
    where = ran(program.with_name("python"), "-c", "import bezant; print(bezant.__file__)")
    assert where.startswith(f"{program.parents[1]}{os.sep}")
    with httpx2.Client(base_url=installed_one.url(), timeout=30) as client:
        for path in ("/checkout/cs_1", "/office", "/office/payments"):
            page = client.get(path)
            assert page.status_code == 200, page.text
            named = re.findall(r'(?:src|href)="(/static/[^"]+)" integrity="([^"]+)"', page.text)
            assert len(named) >= 2
            for address, told in named:
                digest = hashlib.sha384(client.get(address).content).digest()
                assert told == "sha384-" + base64.b64encode(digest).decode()
