"""People's pages: they work without a script or a mouse, and do nothing another site asks for."""

import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from tests.identity.people.authenticator import Authenticator
from tests.identity.people.conftest import ANN, BASE, OURS, PASSWORD, Hall, secret_of
from tests.identity.provider.stand import Person

pytestmark = pytest.mark.requirement("S001-2", part="security pages")
JSON = {"content-type": "application/json"}


class Visitor:
    """Somebody's browser on our pages, as it says where its requests come from."""

    def __init__(self, hall: Hall) -> None:
        self.hall = hall
        self.person = Person(hall.client)

    async def get(self, path: str, **query: str) -> httpx2.Response:
        return await self.person.get(path, **query)

    async def post(self, path: str, site: str = "same-origin", **fields: str) -> httpx2.Response:
        headers = {**self.person._head(), "sec-fetch-site": site}
        answer = await self.hall.client.post(path, data=fields, headers=headers)
        return self.person._kept(answer)

    async def signed_in(self, name: str = ANN, password: str = PASSWORD) -> httpx2.Response:
        """Come to the security page through the login pages; return where that leads."""
        answer = await self.get("/security")
        page = (await self.get(answer.headers["location"])).headers["location"]
        return await self.post(page, name=name, password=password)


async def visitor(hall: Hall) -> Visitor:
    await hall.joined()
    made = Visitor(hall)
    await made.signed_in()
    assert (await made.get("/security")).status_code == 200
    return made


def words(answer: httpx2.Response) -> str:
    return re.sub(r"<style>.*?</style>|<script.*?</script>", "", answer.text, flags=re.DOTALL)


async def test_somebody_signs_up_confirms_and_comes_in(hall: Hall) -> None:
    someone = Visitor(hall)
    assert (await someone.get("/sign-up")).status_code == 200
    weak = await someone.post("/sign-up", email=ANN, name="Ann", password="Password1234!")
    assert weak.status_code == 400
    assert 'role="alert"' in weak.text
    assert "Password1234!" not in weak.text
    sent = await someone.post("/sign-up", email=ANN, name="Ann", password=PASSWORD)
    assert (await someone.person.follow(sent)).status_code == 200
    wrong = await someone.post("/confirm", token="bzc_" + "a" * 43, password=PASSWORD)
    assert wrong.status_code == 401
    done = await someone.post("/confirm", token=await hall.code_in_letter(), password=PASSWORD)
    assert "You are in" in (await someone.person.follow(done)).text
    shown = await hall.client.get("/mails")
    assert "Confirm your address" in shown.text
    await someone.signed_in()
    assert "Your security" in (await someone.get("/security")).text


async def test_codes_and_recovery_codes_are_set_up_on_the_page(hall: Hall) -> None:
    mine = await visitor(hall)
    page = await mine.post("/security", do="begin-codes")
    assert "<svg" in page.text
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", page.text)
    assert secret is not None
    hall.secrets[ANN] = secret_of(secret[1].replace(" ", ""))
    wrong = await mine.post("/security", do="confirm-codes", code="000000")
    assert (wrong.status_code, 'role="alert"' in wrong.text) == (401, True)
    done = await mine.post("/security", do="confirm-codes", code=hall.code())
    codes = re.findall(r"<li>([a-z2-7-]{19})</li>", done.text)
    assert len(codes) == 10
    assert done.headers["cache-control"] == "no-store"
    assert codes[0] not in (await mine.get("/security")).text

    elsewhere = Visitor(hall)
    step = await elsewhere.signed_in()
    page = await elsewhere.get(step.headers["location"])
    assert "One more step" in page.text
    bad = await elsewhere.post(step.headers["location"], code="000000")
    assert (bad.status_code, "This code is not right" in bad.text) == (401, True)
    on = await elsewhere.post(step.headers["location"], code=codes[0])
    assert on.status_code == 303
    assert (await elsewhere.get("/security")).status_code == 200


async def test_a_passkey_is_registered_and_used_on_our_pages(hall: Hall) -> None:
    mine = await visitor(hall)
    headers = {**mine.person._head(), **OURS, **JSON}
    options = await hall.client.post("/security/passkey-options", content="{}", headers=headers)
    assert options.status_code == 200, options.text
    device = Authenticator()
    shown = json.dumps(device.made(options.json()))
    page = await mine.post("/security", do="add-passkey", name="My telephone", passkey=shown)
    assert "Recovery codes" in page.text
    assert "My telephone" in (await mine.get("/security")).text

    elsewhere = Visitor(hall)
    first = await elsewhere.get("/security")
    page = (await elsewhere.get(first.headers["location"])).headers["location"]
    assert "Sign in with a passkey" in (await elsewhere.get(page)).text
    wrong = device.used(await hall.asked(), origin="https://evil.example")
    refused = await elsewhere.post(page, passkey=json.dumps(wrong))
    assert refused.status_code == 401
    right = json.dumps(device.used(await hall.asked()))
    assert (await elsewhere.post(page, passkey=right)).status_code == 303
    assert (await elsewhere.get("/security")).status_code == 200


async def test_a_right_password_alone_waits_for_minutes_and_in_its_own_browser(hall: Hall) -> None:
    await hall.joined()
    await hall.codes(await hall.session())
    mine, thief = Visitor(hall), Visitor(hall)
    page = (await mine.signed_in()).headers["location"]
    await thief.get("/security")
    assert (await thief.post(page, code=hall.code(steps=1))).status_code == 404
    assert (await mine.get("/security")).status_code == 303, "half a login is none"
    hall.clock.move(timedelta(minutes=5))
    late = await mine.post(page, code=hall.code())
    assert late.headers["location"] == page
    assert "Password</label>" in (await mine.get(page)).text


CHANGES: tuple[dict[str, str], ...] = (
    {"do": "end-all"},
    {"do": "end-session", "what": "ses_1"},
    {"do": "begin-codes"},
    {"do": "confirm-codes", "code": "1"},
    {"do": "remove-codes"},
    {"do": "renew-recovery"},
    {"do": "add-passkey", "passkey": "{}"},
    {"do": "remove-passkey", "what": "psk_1"},
    {"do": "password", "old": PASSWORD, "new": "another fine password"},
)


@pytest.mark.catalogue("T76")
async def test_no_other_site_changes_anything(hall: Hall) -> None:
    mine = await visitor(hall)
    before, letters = words(await mine.get("/security")), await hall.letters()
    paths: list[tuple[str, dict[str, str]]] = [
        *(("/security", fields) for fields in CHANGES),
        ("/security/again", {"password": PASSWORD}),
        ("/sign-up", {"email": "x@example.com", "name": "X", "password": PASSWORD}),
        ("/confirm", {"token": "x", "password": PASSWORD}),
        ("/forgotten", {"email": ANN}),
        ("/new-password", {"token": "x", "password": PASSWORD}),
    ]
    for path, fields in paths:
        for site in ("cross-site", "same-site", "none"):
            answer = await mine.post(path, site, **fields)
            assert answer.status_code == 403, (path, fields, site)
        headers = {**mine.person._head(), "origin": "https://evil.example"}
        answer = await hall.client.post(path, data=fields, headers=headers)
        assert answer.status_code == 403, (path, fields)
    asked = {**mine.person._head(), **JSON, "sec-fetch-site": "cross-site"}
    answer = await hall.client.post("/security/passkey-options", content="{}", headers=asked)
    assert answer.status_code == 403
    assert words(await mine.get("/security")) == before
    assert await hall.letters() == letters
    assert (await mine.post("/security", do="end-all")).status_code == 200, "the control"
    assert (await mine.get("/security")).status_code == 303


@pytest.mark.catalogue("T76")
async def test_a_cookie_of_ours_changes_nothing_when_another_site_sends_it(hall: Hall) -> None:
    """The JSON routes, with the cookie that our own pages use."""
    await hall.joined()
    answer = await hall.post("/v1/session", {"email": ANN, "password": PASSWORD})
    cookie = answer.headers["set-cookie"].partition(";")[0]
    assert "token" not in answer.json() or answer.json()["token"] is None
    routes: tuple[tuple[str, str], ...] = (
        ("POST", "/v1/totp"), ("DELETE", "/v1/totp"), ("POST", "/v1/totp/confirm"),
        ("POST", "/v1/passkeys/options"), ("POST", "/v1/passkeys"),
        ("DELETE", "/v1/passkeys/psk_1"),
        ("POST", "/v1/recovery-codes"), ("DELETE", "/v1/sessions"), ("POST", "/v1/session/step-up"),
        ("DELETE", "/v1/session"), ("PUT", "/v1/password"),
    )  # fmt: skip
    for method, path in routes:
        for said in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}, {}):
            headers = {"cookie": cookie, **said}
            refused = await hall.client.request(method, path, json={}, headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (403, "cross_site_request"), (
                path
            )
    allowed = await hall.client.post("/v1/totp", headers={"cookie": cookie, **OURS})
    assert allowed.status_code == 201, "the control"


async def test_what_changes_how_one_signs_in_asks_again_after_a_while(hall: Hall) -> None:
    mine = await visitor(hall)
    for _ in range(2):
        hall.clock.move(timedelta(minutes=8))
        assert (await mine.get("/security")).status_code == 200
    asked = await mine.post("/security", do="begin-codes")
    assert asked.headers["location"] == "/security/again"
    assert "Is it still you?" in (await mine.get("/security/again")).text
    wrong = await mine.post("/security/again", password="not the right one")
    assert (wrong.status_code, 'role="alert"' in wrong.text) == (401, True)
    right = await mine.post("/security/again", password=PASSWORD)
    assert right.headers["location"] == "/security"
    assert "<svg" in (await mine.post("/security", do="begin-codes")).text


async def test_the_way_in_leads_to_a_page_of_ours_and_nowhere_else(hall: Hall) -> None:
    mine = await visitor(hall)
    for asked, goes in (
        ("/office/payments?q=1", "/office/payments?q=1"),
        ("//evil.example", "/security"),
        ("https://evil.example", "/security"),
        ("/\\evil.example", "/security"),
        ("javascript:alert(1)", "/security"),
        ("/x\r\nset-cookie: a=b", "/security"),
        ("", "/security"),
        ("/" + "a" * 600, "/security"),
    ):
        answer = await mine.get("/enter", then=asked)
        assert answer.headers["location"] == goes, asked
    cookie = next(
        one for one in answer.headers.get_list("set-cookie") if one.startswith("__Host-bezant=")
    )
    for part in ("Secure", "HttpOnly", "SameSite=strict", "Path=/"):
        assert part.lower() in cookie.lower()
    headers = {"cookie": cookie.partition(";")[0]}
    assert (await hall.client.get("/v1/session", headers=headers)).status_code == 200


async def test_who_is_not_signed_in_is_sent_to_the_login_pages_and_back(hall: Hall) -> None:
    await hall.joined()
    stranger = Visitor(hall)
    answer = await stranger.get("/enter", then="/office/payments")
    where = urlsplit(answer.headers["location"])
    assert where.path == "/oauth/authorize"
    assert parse_qs(where.query)["redirect_uri"] == [f"{BASE}/enter"]
    page = (await stranger.get(answer.headers["location"])).headers["location"]
    back = await stranger.post(page, name=ANN, password=PASSWORD)
    assert back.headers["location"].startswith(f"{BASE}/enter?")
    there = await stranger.get(back.headers["location"].removeprefix(BASE))
    assert there.headers["location"] == "/office/payments"
    assert "bzs_" not in there.headers["location"]


async def test_pages_are_in_no_frame_and_nothing_comes_from_elsewhere(hall: Hall) -> None:
    mine = await visitor(hall)
    strangers = ("/sign-up", "/confirm", "/forgotten", "/new-password", "/mails")
    for path in ("/security", "/security/again", *strangers):
        page = await mine.get(path)
        policy = page.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy, path
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert 'name="viewport"' in page.text
        for field in re.findall(r'<input (?![^>]*type="hidden")[^>]*id="([^"]+)"', words(page)):
            assert f'<label for="{field}">' in page.text, (path, field)


async def test_what_a_device_says_of_itself_is_text(hall: Hall) -> None:
    await hall.joined()
    agent: dict[str, Any] = {"user-agent": "<script>alert(1)</script>"}
    await hall.post("/v1/session", {"email": ANN, "password": PASSWORD}, **agent)
    mine = Visitor(hall)
    await mine.signed_in()
    page = await mine.get("/security")
    assert "&lt;script&gt;alert(1)" in page.text
    assert "<script>alert" not in page.text
