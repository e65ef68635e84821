"""The workspace of the pages: its lock, its licences, and types that are those of the routes."""

import json
import re
import runpy
from pathlib import Path

from tests.harness.browser import ROOT
from tests.house.supply import ALLOWED

UI = ROOT / "ui"
LOCK = json.loads((UI / "package-lock.json").read_text())["packages"]
# Typefaces are works of their own: the SIL licence lets anybody ship them beside software.
TYPEFACES = {
    "@fontsource-variable/inter": "OFL-1.1",
    "@fontsource-variable/jetbrains-mono": "OFL-1.1",
}
# As free as those, by other names: the public domain, Python's own, and the Blue Oak licence.
OTHERS = {"isbot": "Unlicense", "argparse": "Python-2.0", "graceful-fs": "BlueOak-1.0.0"}

# Shown, never asked; a browser's policy refuses all but our own in any case.
EXAMPLES = {"https://shop.example", "https://pay.example", "http://localhost"}


def test_the_lock_pins_by_hash_and_names_no_registry():
    for name, one in LOCK.items():
        if name and not one.get("link"):
            assert one["integrity"].startswith("sha512-"), name
            assert "resolved" not in one, name
    assert len(LOCK) > 50
    asked = json.loads((UI / "package.json").read_text())
    loose = [
        one
        for one in {**asked["dependencies"], **asked["devDependencies"]}.values()
        if not one[0].isdigit()
    ]
    assert loose == []


def test_every_package_has_a_licence_that_we_may_use():
    wrong = []
    for name, one in LOCK.items():
        package = name.rpartition("node_modules/")[2]
        licence = one.get("license", "")
        known = {**TYPEFACES, **OTHERS}.get(package) == licence
        choices = re.split(r" OR ", licence.strip("()"))
        if package and not known and not any(choice in ALLOWED for choice in choices):
            wrong.append(f"{package}: {licence or 'none'}")
    assert wrong == []


def test_the_types_of_the_api_are_those_of_the_routes():
    described = runpy.run_path(str(UI / "make" / "describe.py"))
    first = (UI / "src" / "api" / "schema.ts").read_text().partition("\n")[0]
    assert first.endswith(f" {described['digest']()}"), "make ui-api writes them anew"


def test_pages_load_nothing_from_elsewhere_and_name_no_colour():
    for path in sorted((UI / "src").rglob("*")):
        if path.suffix not in {".ts", ".tsx", ".css"} or path.name == "schema.ts":
            continue
        text = path.read_text()
        addresses = set(re.findall(r"https?://[a-z0-9-]+(?:\.[a-z0-9-]+)*", text))
        assert addresses <= EXAMPLES, path
        assert "dangerouslySetInnerHTML" not in text, path
        if path.name not in {"tokens.css", "Qr.tsx"}:
            assert not re.search(r"#[0-9a-fA-F]{6}\b", text), f"{path}: colours stand in tokens.css"


def test_a_page_knows_nothing_of_another_page():
    pages = {path.parent.name for path in (UI / "src").glob("*/main.tsx")}
    assert "checkout" in pages
    for page in pages:
        for path in (UI / "src" / page).rglob("*.ts*"):
            for other in pages - {page}:
                assert not re.search(rf'from "(\.\./)+{other}/', path.read_text()), path


def test_the_wheel_takes_the_built_pages_along():
    told = Path(ROOT / "pyproject.toml").read_text()
    assert 'artifacts = ["src/bezant/web/static/pages/*"]' in told
