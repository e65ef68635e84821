"""What is shipped: allowed licences only, a bill of materials, and wheels that build the same
twice.
"""

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.house.supply import bill_of_materials, forbidden, runtime_packages
from tests.house.tree import ROOT, files

pytestmark = pytest.mark.catalogue("T86")

NOTICE = (ROOT / "NOTICE").read_text()


def test_every_runtime_licence_is_allowed():
    packages = {one.name: one.licence for one in runtime_packages()}
    assert len(packages) > 40
    assert list(forbidden(packages, NOTICE)) == []


@pytest.mark.parametrize(
    "licence",
    ["GPL-3.0-only", "AGPL-3.0-or-later", "GPL-2.0-or-later", "", "Proprietary", "MIT AND GPL-3.0"],
)
def test_a_planted_licence_is_refused(licence: str):
    assert list(forbidden({"pykcs11": licence}, NOTICE + "\npykcs11\n"))


@pytest.mark.parametrize("licence", ["MIT", "MIT OR GPL-3.0-only", "Apache-2.0 AND MIT", "ISC"])
def test_a_free_licence_is_accepted(licence: str):
    assert list(forbidden({"anything": licence}, "")) == []


def test_a_lesser_licence_needs_a_line_in_the_notice():
    assert list(forbidden({"psycopg": "LGPL-3.0-only"}, "")) != []
    assert list(forbidden({"psycopg": "LGPL-3.0-only"}, "- psycopg, LGPL\n")) == []


def test_the_bill_of_materials_lists_every_package_with_version_licence_and_hashes():
    bill = bill_of_materials()
    components = bill["components"]
    assert isinstance(components, list)
    assert {one["name"] for one in components} == {one.name for one in runtime_packages()}
    for one in components:
        assert one["version"]
        assert one["licenses"][0]["expression"]
        assert one["properties"]


def build(source: Path, into: Path) -> dict[str, str]:
    """Build a wheel and return the digest of everything that came out."""
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", into],
        cwd=source,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in into.iterdir()}


@pytest.mark.parametrize("folder", [".", "verify"])
def test_two_builds_of_a_wheel_are_the_same_to_the_byte(tmp_path: Path, folder: str):
    first = build(ROOT / folder, tmp_path / "first")
    assert first == build(ROOT / folder, tmp_path / "second")
    assert len(first) == 1


def test_the_wheel_holds_every_file_of_the_package(tmp_path: Path):
    """Migrations and profiles too; were one missing, the installed product would not start."""
    (name,) = build(ROOT, tmp_path)
    inside = set(zipfile.ZipFile(tmp_path / name).namelist())
    package = {path.relative_to("src").as_posix() for path in files() if path.parts[0] == "src"}
    assert package - inside == set()
    assert any(name.endswith(".sql") for name in inside)
