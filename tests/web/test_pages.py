"""The payer's page as it is served: its policy, its files, and what stands in for it meanwhile."""

import base64
import fcntl
import gzip
import hashlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import cast

import httpx2
import pytest

from bezant.actor import PLATFORM, Actor, Caller, Mode
from bezant.clock import RealClock
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.http.caller import Credential, CredentialInvalid, CredentialKind
from bezant.http.edge import Rules
from bezant.http.limits import MemoryLimits
from bezant.identity.port import Identity, Merchant, MerchantState
from bezant.ids import Ids
from bezant.orders.port import ClientSecretInvalid, Orders, Payer
from bezant.secret import Secret
from bezant.telemetry.metrics import Meters
from bezant.web.built import Built
from bezant.web.http import Known, routes
from bezant.web.payers import MAY, PayerCallers

SESSION = "cs_" + "1" * 32
SECRET = SESSION + "_secret_x"
SCRIPT, STYLE = b"console.log(1)\n" * 200, b"p{color:red}\n" * 200
FRAMING = ("https://shop.example",)


class KnownOrders:
    """Knows one session and who may frame it."""

    def __init__(self, *, over: bool = False) -> None:
        self._over = over

    async def framed_by(self, session: str) -> tuple[str, ...]:
        return FRAMING if session == SESSION else ()

    async def payer(self, credential: Secret[str]) -> Payer:
        if credential.reveal() != SECRET:
            raise ClientSecretInvalid
        return Payer("mer_1", Mode.TEST, SESSION, self._over)


class KnownMerchants:
    """Knows one merchant."""

    state = MerchantState.ACTIVE

    async def merchant(self, by: Actor, merchant: str) -> Merchant:
        assert (by.tenant, by.permissions) == (PLATFORM, {"merchants.read"})
        return Merchant(merchant, "Shop", self.state, False, RealClock().now())


class Nobody:
    """Knows nobody."""

    def known(self, credential: Credential) -> Actor | None:
        return None

    async def identify(self, credential: Credential) -> Actor:
        raise CredentialInvalid


def integrity(content: bytes) -> str:
    return "sha384-" + base64.b64encode(hashlib.sha384(content).digest()).decode()


def put(folder: Path, script: bytes = SCRIPT) -> None:
    """Put built pages into a folder, as `make ui` does."""
    name = f"checkout-{hashlib.sha256(script).hexdigest()[:8]}.js"
    files = {
        name: script,
        "checkout-first-1.js": b"ask()\n",
        "checkout-1.css": STYLE,
        "inter-1.woff2": b"letters",
    }
    (folder / "pages").mkdir(exist_ok=True)
    for path, content in files.items():
        (folder / "pages" / path).write_bytes(content)
    listed = {
        "stamp": "s",
        "pages": {
            "checkout": {
                "script": name,
                "first": "checkout-first-1.js",
                "styles": ["checkout-1.css"],
                "fonts": ["inter-1.woff2"],
            }
        },
        "files": {
            path: {"integrity": integrity(content), "bytes": len(content), "bytes_gzipped": 1}
            for path, content in files.items()
        },
    }
    (folder / "pages" / "pages.json").write_text(json.dumps(listed))


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    real = RealClock()
    ground = Ground(Nobody(), MemoryLimits(monotonic), Meters(), Ids(real), Health(real))
    known = cast("Known", SimpleNamespace(orders=KnownOrders(), vault_url=""))
    edge = build([routes(known, Built(tmp_path))], service="web", ground=ground, rules=Rules())
    transport = httpx2.ASGITransport(app=edge)
    async with httpx2.AsyncClient(transport=transport, base_url="https://pay.test") as client:
        yield client


async def test_a_page_loads_our_own_files_and_nothing_else(
    client: httpx2.AsyncClient, tmp_path: Path
):
    put(tmp_path)
    page = await client.get(f"/checkout/{SESSION}")
    policy = dict(
        one.partition(" ")[::2] for one in page.headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in page.headers["content-security-policy"]
    named = re.findall(r'(?:src|href)="(/static/[^"]+)" integrity="([^"]+)"', page.text)
    assert len(named) == 3
    assert named[0][0] == "/static/checkout-first-1.js"  # It asks while the rest still loads.
    assert 'rel="preload" as="font"' in page.text
    for address, told in named:
        file = await client.get(address)
        assert integrity(file.content) == told
        assert "immutable" in file.headers["cache-control"]
    # No script and no style stands in the document itself.
    assert re.findall(r"<script(?![^>]*src=)|<style|\bon\w+=|\bstyle=", page.text) == []
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.catalogue("T87")
async def test_the_inventory_names_every_script_that_is_served(
    client: httpx2.AsyncClient, tmp_path: Path
):
    put(tmp_path)
    page = (await client.get(f"/checkout/{SESSION}")).text
    served = set(re.findall(r'(?:<script[^>]*src|modulepreload" href)="([^"]+)"', page))
    rows = (await client.get("/checkout/scripts.json")).json()
    assert {row["file"] for row in rows} == served
    for row in rows:
        content = (await client.get(row["file"])).content
        assert row["integrity"] == integrity(content)
        assert row["why"]
    shown = await client.get("/checkout/scripts")
    assert all(row["integrity"] in shown.text.replace("&#x2B;", "+") for row in rows)


async def test_only_the_merchants_own_pages_frame_the_embedded_one(
    client: httpx2.AsyncClient, tmp_path: Path
):
    put(tmp_path)
    framed = await client.get(f"/checkout/{SESSION}/embedded")
    assert (
        "frame-ancestors 'self' https://shop.example;" in framed.headers["content-security-policy"]
    )
    assert "embedded&quot;:true" in framed.text
    for path in (f"/checkout/{SESSION}", "/checkout/cs_0/embedded"):
        page = await client.get(path)
        assert "frame-ancestors 'self';" in page.headers["content-security-policy"], path


async def test_what_was_not_built_is_no_file(client: httpx2.AsyncClient, tmp_path: Path):
    put(tmp_path)
    (tmp_path / "pages" / "secret.js").write_text("x")
    for name in ("secret.js", "pages.json", "..%2fpages.json", "%2e%2e", "checkout-0.js"):
        assert (await client.get(f"/static/{name}")).status_code == 404, name


async def test_a_file_leaves_packed_where_the_browser_takes_that(
    client: httpx2.AsyncClient, tmp_path: Path
):
    put(tmp_path)
    packed = await client.get("/static/checkout-1.css", headers={"accept-encoding": "gzip"})
    plain = await client.get("/static/checkout-1.css", headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content == STYLE
    assert int(packed.headers["content-length"]) == len(gzip.compress(STYLE, 9, mtime=0))


async def test_until_the_pages_are_built_a_page_says_how_far_it_is(
    client: httpx2.AsyncClient, tmp_path: Path
):
    nothing = await client.get(f"/checkout/{SESSION}")
    assert (nothing.status_code, "make ui" in nothing.text) == (503, True)
    assert "refresh" not in nothing.text

    told = {"step": "fetching packages: 3 of 80", "number": 1, "of": 4}
    (tmp_path / "progress.json").write_text(json.dumps(told))
    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        going = await client.get(f"/checkout/{SESSION}")
    assert going.status_code == 503
    assert "Step 1 of 4: fetching packages: 3 of 80" in going.text
    assert 'http-equiv="refresh"' in going.text

    killed = await client.get(f"/checkout/{SESSION}")  # Nobody holds the lock any more.
    assert "make ui" in killed.text
    assert "refresh" not in killed.text

    (tmp_path / "progress.json").write_text(json.dumps({**told, "failed": True, "step": "<b>no"}))
    failed = await client.get(f"/checkout/{SESSION}")
    assert "&lt;b&gt;no" in failed.text
    assert "refresh" not in failed.text

    put(tmp_path)
    assert (await client.get(f"/checkout/{SESSION}")).status_code == 200


async def test_pages_that_are_built_anew_take_the_old_ones_place(
    client: httpx2.AsyncClient, tmp_path: Path
):
    put(tmp_path)
    before = (await client.get(f"/checkout/{SESSION}")).text
    put(tmp_path, b"console.log(2)\n")
    after = (await client.get(f"/checkout/{SESSION}")).text
    assert before != after
    assert integrity(b"console.log(2)\n") in after


async def test_a_browsers_report_is_taken_and_nothing_of_it_kept(
    client: httpx2.AsyncClient, capsys: pytest.CaptureFixture[str]
):
    body = json.dumps({"csp-report": {"blocked-uri": "https://evil.example/4242424242424242"}})
    kind = {"content-type": "application/csp-report"}
    told = await client.post("/checkout/reports", content=body, headers=kind)
    assert told.status_code == 204
    huge = await client.post("/checkout/reports", content="x" * 20_000, headers=kind)
    assert huge.status_code == 413
    assert "4242424242424242" not in "".join(capsys.readouterr())


async def test_a_payer_may_do_what_a_publishable_key_may():
    merchants = KnownMerchants()
    callers = PayerCallers(Nobody(), cast("Orders", KnownOrders()), cast("Identity", merchants))
    shown = Credential(CredentialKind.BEARER, Secret(SECRET))
    assert callers.known(shown) is None
    actor = await callers.identify(shown)
    assert (actor.tenant, actor.mode, actor.subject) == ("mer_1", Mode.TEST, SESSION)
    assert (actor.permissions, actor.pays, actor.caller) == (MAY, True, Caller.CLIENT)

    merchants.state = MerchantState.SUSPENDED
    with pytest.raises(CredentialInvalid):
        await callers.identify(shown)


async def test_a_payer_of_what_is_over_puts_no_card_away():
    orders = KnownOrders(over=True)
    callers = PayerCallers(Nobody(), cast("Orders", orders), cast("Identity", KnownMerchants()))
    actor = await callers.identify(Credential(CredentialKind.BEARER, Secret(SECRET)))
    assert actor.permissions == MAY - {"tokens.write"}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (CredentialKind.BEARER, SECRET + "x"),
        (CredentialKind.BEARER, "ey.token"),
        (CredentialKind.API_KEY, SECRET),
        (CredentialKind.SESSION, SECRET),
        (CredentialKind.DPOP, SECRET),
    ],
)
async def test_nobody_else_is_taken_for_a_payer(kind: CredentialKind, text: str):
    callers = PayerCallers(
        Nobody(), cast("Orders", KnownOrders()), cast("Identity", KnownMerchants())
    )
    with pytest.raises(CredentialInvalid):
        await callers.identify(Credential(kind, Secret(text)))
