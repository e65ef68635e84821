"""A terminal signs in through its person's browser, and realms come from files."""

import json
import re
import stat
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from tests.journeys.house import House

from bezant.cli.exits import Exit

WAIT_SECONDS = 120


def allowed(house: House, where: str, decision: str = "yes") -> str:
    """Do what the shop's owner does in a browser; return the last page."""
    code = parse_qs(urlsplit(where).query)["user_code"][0]
    with httpx2.Client(timeout=30, follow_redirects=True) as browser:
        page = browser.post(f"{house.url}/device", data={"user_code": code})
        fields = {"name": house.sample["email"], "password": house.sample["password"]}
        for given in (fields, {"decision": decision}):
            action = re.search(r'action="(/sign-in/[^"]+)"', page.text)
            assert action, page.text
            page = browser.post(house.url + action[1], data=given)
    return page.text


def begun(house: House, *words: str) -> "tuple[subprocess.Popen[str], str]":
    """Begin to sign in, and return the address the person opens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bezant.cli.main", "login", *words],
        cwd=house.nest.folder, env=house.nest.environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    line = process.stderr.readline()
    found = re.search(r"http\S+", line)
    assert found, line + process.stderr.read()
    return process, found[0]


@pytest.mark.requirement("S000-3", part="`bezant login --print-token` gives a terminal its token")
def test_a_terminal_gets_a_token_through_a_browser(house: House) -> None:
    process, where = begun(house, "--print-token")
    assert "It is let in" in allowed(house, where)
    out, err = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 0, err
    token = out.strip()
    who = house.ask("GET", "/v1/session", by={"authorization": f"Bearer {token}"}).json()
    assert (who["role"], who["tenant"]) == ("admin", house.sample["merchant"])
    assert token not in err

    again = house.nest.run("login", "--print-token")
    assert again.out.strip() == token, again
    told = house.nest.run("login", "--json")
    assert told.facts["signed_in_as"] == house.sample["email"]
    (kept,) = Path(house.nest.home, ".config", "bezant", "logins").glob("*.json")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    refresh = json.loads(kept.read_text())["refresh_token"]
    kept.write_text(json.dumps({"refresh_token": refresh, "ends_at": 0}))
    renewed = house.nest.run("login", "--print-token").out.strip()
    assert renewed.count(".") == 2
    assert renewed != token


def test_a_no_in_the_browser_ends_the_command(house: House) -> None:
    process, where = begun(house, "--again")
    assert "It stays outside" in allowed(house, where, "no")
    _, err = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == Exit.REFUSED
    assert "You said no" in err


def test_an_address_that_is_no_issuer_is_told_so(house: House) -> None:
    for url in (f"{house.url}/nothing", "http://127.0.0.1:1", "ftp://x", "nothing"):
        ended = house.nest.run("login", "--url", url)
        assert ended.code not in (0, Exit.BUG), ended


def test_realms_come_from_files(house: House) -> None:
    file = house.nest.folder / "realm.json"
    page = {"clientId": "page", "publicClient": True, "redirectUris": ["https://shop.example/cb"]}
    file.write_text(json.dumps({"realm": "shop", "displayName": "A shop", "clients": [page]}))
    made = house.nest.run("realms", "import", str(file), "--json")
    assert made.facts["clients"] == 1, made
    listed = {
        one["realm"]: one["clients"] for one in house.nest.run("realms", "list", "--json").facts
    }
    assert listed["shop"] == ["page"]
    assert "payment-frontend" in listed["ecommerce"]
    assert {"bezant-cli", "bezant-console"} <= set(listed["bezant"])
    document = house.told("GET", "/realms/shop/.well-known/openid-configuration")
    assert document["issuer"].endswith("/realms/shop")

    file.write_text(json.dumps({"realm": "shop", "clients": [{**page, "publicClient": False}]}))
    refused = house.nest.run("realms", "import", str(file))
    assert refused.code not in (0, Exit.BUG)
    assert "shared secret" in refused.err
    assert house.nest.run("realms", "import", "nowhere.json").code not in (0, Exit.BUG)
