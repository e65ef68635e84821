"""The wheel as somebody installs it: the pages are in it, and nothing has to be built."""

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Generator
from contextlib import contextmanager
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


@contextmanager
def up(program: Path, home: Path) -> Generator[Foreground]:
    """Start it where there is no Node, nor anything else."""
    home.mkdir(exist_ok=True)
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
def test_the_installed_package_serves_its_pages_without_node(program: Path, tmp_path: Path):
    where = ran(program.with_name("python"), "-c", "import bezant; print(bezant.__file__)")
    assert where.startswith(f"{program.parents[1]}{os.sep}")
    with (
        up(program, tmp_path / "home") as running,
        httpx2.Client(base_url=running.url(), timeout=30) as client,
    ):
        for path in ("/checkout/cs_1", "/office", "/office/payments"):
            page = client.get(path)
            assert page.status_code == 200, page.text
            named = re.findall(r'(?:src|href)="(/static/[^"]+)" integrity="([^"]+)"', page.text)
            assert len(named) >= 2
            for address, told in named:
                digest = hashlib.sha384(client.get(address).content).digest()
                assert told == "sha384-" + base64.b64encode(digest).decode()


@pytest.mark.catalogue("T103")
def test_a_first_boot_takes_a_payment_and_lets_its_owner_in_and_so_does_the_second(
    program: Path, tmp_path: Path
):
    home, found = tmp_path / "home", list[list[str]]()
    for _ in range(2):
        with up(program, home) as running, httpx2.Client(base_url=running.url()) as client:
            sample = json.loads((home / ".bezant" / "sample.json").read_text())
            owner = {"email": sample["email"], "password": sample["password"]}
            assert client.post("/v1/session", json=owner).status_code == 201
            by = {"x-api-key": sample["secret_key"]}
            listed = client.get("/v1/payments", headers=by).json()["data"]
            found.append([one["id"] for one in listed if one["state"] == "succeeded"])
    assert len(found[0]) == 1
    assert found[1] == found[0]
