"""A visitor's browser says what the verifier says: the page's modules in Node and in Chromium."""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from fastapi import Response
from tests.verify import test_receipts as receipts
from tests.verify.forging import Forge
from tests.verify.test_receipts import ENTRIES, FILES, KEYS, MADE

from bezant.actor import Actor
from bezant.clock import RealClock
from bezant.gateway import check, pages
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.http.caller import Credential, CredentialInvalid
from bezant.http.edge import Edge, Rules
from bezant.http.limits import MemoryLimits
from bezant.http.routes import PUBLIC, Routes
from bezant.http.serve import Listening, Serving
from bezant.ids import Ids
from bezant.telemetry.metrics import Meters
from bezant_verify.receipt import written

HERE = Path(__file__).parent / "node"
BUNDLE = pages.ASSETS / "noble-post-quantum.min.js"
BUNDLE_SHA256 = "055babbafd4117c38ec3c9db1c205aa156bde61c6cc609e4c9fccb2d062ecc3f"
"""Of what esbuild made of the packages that `node/package-lock.json` names."""
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), "")


class Nobody:
    """Knows nobody: the page is public."""

    def known(self, credential: Credential) -> Actor | None:
        return None

    async def identify(self, credential: Credential) -> Actor:
        raise CredentialInvalid


def edge() -> Edge:
    published = Routes("audit")

    @published.get("/audit/keys", permission=PUBLIC)
    async def keys() -> Response:
        return Response(KEYS.read_bytes(), media_type="application/json")

    @published.get("/receipt.json", permission=PUBLIC)
    async def receipt() -> Response:
        return Response((MADE / FILES[0]).read_bytes(), media_type="application/json")

    del keys, receipt
    real = RealClock()
    ground = Ground(Nobody(), MemoryLimits(monotonic), Meters(), Ids(real), Health(real))
    return build([check.routes(), published], service="audit", ground=ground, rules=Rules())


@pytest.fixture
async def address() -> AsyncIterator[str]:
    serving = Serving([Listening("127.0.0.1", 0, edge())])
    ((_, port),) = serving.bind()
    running = asyncio.create_task(serving.run())
    yield f"http://127.0.0.1:{port}"
    serving.stop()
    await running


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the programs of this test and the packages that they use."""
    folder = tmp_path_factory.mktemp("node")
    for path in HERE.iterdir():
        shutil.copy(path, folder)
    ran("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", at=folder, seconds=600)
    return folder


def ran(*command: str, at: Path, seconds: float = 300, typed: str = "") -> str:
    done = subprocess.run(
        command, cwd=at, input=typed, capture_output=True, text=True, timeout=seconds, check=False,
        env={name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_bundle_is_the_one_that_was_looked_at():
    assert hashlib.sha256(BUNDLE.read_bytes()).hexdigest() == BUNDLE_SHA256
    head = BUNDLE.read_text().split("\n", 1)[0]
    packages = json.loads((HERE / "package-lock.json").read_text())["packages"]
    for name in ("post-quantum", "curves", "hashes"):
        assert f"noble-{name} {packages[f'node_modules/@noble/{name}']['version']}" in head


@pytest.mark.system
def test_the_bundle_comes_out_the_same_from_the_published_packages(node: Path):
    banner = BUNDLE.read_text().split("\n", 1)[0]
    ran(
        "node_modules/.bin/esbuild", "bundle.entry.js", "--bundle", "--minify", "--format=esm",
        "--target=es2022", "--legal-comments=none", "--charset=utf8", f"--banner:js={banner}",
        "--outfile=made.js", at=node,
    )  # fmt: skip
    assert (node / "made.js").read_bytes() == BUNDLE.read_bytes()


@pytest.mark.system
@pytest.mark.catalogue("T88")
@pytest.mark.requirement("S004-2", "G2")
def test_every_changed_byte_is_noticed_by_the_pages_own_modules(tmp_path: Path):
    modules_in(tmp_path)
    told = json.loads(
        ran("node", str(HERE / "flips.mjs"), str(tmp_path), str(MADE), "1", at=tmp_path)
    )
    for name in FILES[:2]:
        assert told[name]["sound"] == "valid"
        assert told[name]["tried"] == len((MADE / name).read_bytes())
        assert told[name]["odd"] == []


@pytest.mark.system
@pytest.mark.catalogue("T88")
def test_the_page_says_what_the_verifier_says(tmp_path: Path):
    modules_in(tmp_path)
    cases = {
        f"{name} {change.__name__}": receipts.changed(name, change)
        for name in FILES[:2]
        for change in CHANGES
        if (name, change) != (FILES[0], receipts.proof_of_another)  # The other one has no proof.
    }
    paths: list[Path] = []
    for number, given in enumerate(cases.values()):
        paths.append(tmp_path / f"{number}.json")
        paths[-1].write_text(written(given))
    words = words_of(paths, KEYS, tmp_path)
    expected = [str(receipts.asked(path).found["answer"]) for path in paths]
    assert dict(zip(cases, words, strict=True)) == dict(zip(cases, expected, strict=True))
    assert {"valid", "invalid"} <= set(words)


@pytest.mark.system
@pytest.mark.catalogue("T88")
def test_to_the_page_too_only_receipt_issued_speaks_for_a_receipt(tmp_path: Path):
    modules_in(tmp_path)
    forge = Forge.begin()
    paths = [tmp_path / f"{number}.json" for number in range(len(ENTRIES))]
    for path, made in zip(paths, ENTRIES.values(), strict=True):
        path.write_text(forge.receipt(**made))
    words = words_of(paths, forge.keys(tmp_path), tmp_path)
    assert words == ["valid", *["invalid"] * (len(ENTRIES) - 1)]


def modules_in(folder: Path) -> None:
    """Put the page's own modules where Node reads them."""
    for path in pages.ASSETS.glob("*.js"):
        shutil.copy(path, folder)
    (folder / "package.json").write_text('{"type": "module"}')


def words_of(paths: list[Path], keys: Path, folder: Path) -> list[str]:
    """Return what the page's modules say of each file."""
    typed = "".join(f"{path}\n" for path in paths)
    lines = ran("node", str(HERE / "cases.mjs"), str(folder), str(keys), at=folder, typed=typed)
    return [json.loads(line)["word"] for line in lines.splitlines()]


def unchanged(_: dict[str, Any], __: dict[str, Any]) -> None:
    """The control."""


CHANGES = (
    unchanged, receipts.strip_classical, receipts.one_more, receipts.of_another,
    receipts.payload_of_another, receipts.shown_twice, receipts.invented, receipts.unprotected,
    receipts.other_algorithm, receipts.other_type, receipts.proof_of_another,
)  # fmt: skip


@pytest.mark.system
@pytest.mark.requirement("S004-2", "G2")
async def test_a_visitor_checks_receipts_in_chromium_and_nothing_leaves_the_page(
    address: str, node: Path
):
    out = await asyncio.to_thread(
        ran, "node", "page.mjs", CHROMIUM, address, str(MADE), "409", at=node, seconds=600
    )
    told = json.loads(out)
    for name in ("compact", "dual", "dropped", "named", "kept"):
        assert told[name]["word"] == "valid", told[name]
    assert "mer_" + "1" * 32 in told["compact"]["text"]
    assert "Ed25519, ML-DSA-87" in told["compact"]["text"]
    assert "took them from the platform itself" in told["compact"]["text"]
    assert "took them from where you took them" in told["kept"]["text"]
    assert set(told["flips"]) == {"invalid"}
    assert len(told["flips"]) > 30
    assert (told["bare"]["word"], told["stripped"]["word"]) == ("incomplete", "invalid")
    assert "ML-DSA-87" in told["stripped"]["why"]
    assert told["strangers"]["word"] == "invalid"
    assert told["unreadable"]["word"] == told["silent"]["word"] == "incomplete"
    assert not told["elsewhere"]
    assert not told["wide"], "it fits a telephone"
    assert {url.startswith(f"{address}/") for url in told["asked"]} == {True}
    assert told["complaints"][: told["complaints"].index("---")] == []


async def test_the_page_may_load_nothing_but_its_own_scripts(address: str):
    import aiohttp

    async with aiohttp.ClientSession() as session:
        async with session.get(f"{address}/check") as answer:
            assert answer.status == 200
            policy, body = answer.headers["content-security-policy"], await answer.text()
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "<script>" not in body
        assert " style=" not in body
        for name in ("check.js", "check-receipt.js", "check-log.js", "check-signatures.js",
                     "check-reading.js", "noble-post-quantum.min.js", "noble.LICENSE"):  # fmt: skip
            async with session.get(f"{address}/assets/{name}") as answer:
                assert answer.status == 200, name
                if name.endswith(".js"):
                    assert answer.headers["content-type"].startswith("text/javascript")
