"""The login pages: each belongs to one browser and says nothing it should not."""

import asyncio
import base64
import hashlib
import re
from datetime import timedelta
from html import escape
from urllib.parse import urlsplit

import pytest
from tests.identity.provider.stand import Stand, answered
from tests.identity.provider.words import PARTNER_CALLBACK, challenge

pytestmark = pytest.mark.catalogue("T73")


async def test_a_page_belongs_to_the_browser_it_began_in(stand: Stand) -> None:
    """Nobody can be made to finish what another began: no login for somebody else's account."""
    mine, theirs = stand.person(), stand.person()
    page = (await stand.authorize(mine)).headers["location"]
    await stand.authorize(theirs)
    assert (await theirs.get(page)).status_code == 404
    assert (await theirs.post(page, name="customer1", password="ChangeMe123!")).status_code == 404
    assert (await stand.person().get(page)).status_code == 404
    assert (await mine.get(page)).status_code == 200


async def test_a_finished_page_is_over(stand: Stand) -> None:
    person = stand.person()
    answer = await stand.authorize(person)
    page = answer.headers["location"]
    await person.sign_in(answer)
    assert (await person.get(page)).status_code == 404
    assert (await person.post(page, name="customer1", password="ChangeMe123!")).status_code == 404


async def test_a_page_left_open_too_long_is_over(stand: Stand) -> None:
    person = stand.person()
    page = (await stand.authorize(person)).headers["location"]
    stand.clock.move(timedelta(minutes=15, seconds=1))
    assert (await person.get(page)).status_code == 404


@pytest.mark.catalogue("T76")
async def test_signing_in_gives_a_new_session(stand: Stand) -> None:
    """Fixation: what somebody planted before the login is worth nothing after it."""
    person = stand.person()
    person.cookies["bezant-sso"] = "bzs_planted"
    await stand.code(person)
    assert person.cookies["bezant-sso"] != "bzs_planted"
    thief = stand.person()
    thief.cookies["bezant-sso"] = "bzs_planted"
    assert (await stand.authorize(thief)).headers["location"].startswith("/sign-in/")


@pytest.mark.catalogue("T76")
async def test_a_session_ends_after_a_quarter_of_an_hour_unused(stand: Stand) -> None:
    person = stand.person()
    await stand.code(person)
    stand.clock.move(timedelta(minutes=14))
    assert "code" in answered(await stand.authorize(person))
    stand.clock.move(timedelta(minutes=14))
    assert "code" in answered(await stand.authorize(person))
    stand.clock.move(timedelta(minutes=15, seconds=1))
    assert (await stand.authorize(person)).headers["location"].startswith("/sign-in/")


@pytest.mark.catalogue("T76")
async def test_a_session_ends_after_twelve_hours_however_busy(stand: Stand) -> None:
    person = stand.person()
    await stand.code(person)
    for _ in range(4 * 12 + 1):
        stand.clock.move(timedelta(minutes=14, seconds=50))
        answer = await stand.authorize(person)
    assert answer.headers["location"].startswith("/sign-in/")


async def test_a_wrong_password_reads_the_same_for_everybody(stand: Stand) -> None:
    pages: set[str] = set()
    for name in ("customer1", "nobody", "nobody@example.com", "' or 1=1"):
        person = stand.person()
        page = (await stand.authorize(person)).headers["location"]
        answer = await person.post(page, name=name, password="wrong")
        assert answer.status_code == 401
        assert "bezant-sso" not in person.cookies
        pages.add(re.sub(r'(/sign-in/\S+|value="[^"]*")', "", answer.text))
    assert len(pages) == 1


async def test_guessing_is_slowed_down_at_this_door_too(stand: Stand) -> None:
    person = stand.person()
    page = (await stand.authorize(person)).headers["location"]
    codes = [
        (await person.post(page, name="customer1", password=f"wrong {at}")).status_code
        for at in range(8)
    ]
    assert codes[:5] == [401] * 5
    assert codes[-1] == 429
    locked = await person.post(page, name="customer1", password="ChangeMe123!")
    assert locked.status_code == 429
    assert "retry-after" in locked.headers


async def test_somebody_of_another_shop_does_not_get_in(stand: Stand) -> None:
    other = await stand.make.merchant("Another")
    member = await stand.make.member(other.id)
    person = stand.person()
    page = (await stand.authorize(person)).headers["location"]
    answer = await person.post(page, name=member.email, password="correct horse battery")
    assert answer.status_code == 403
    assert "bezant-sso" not in person.cookies


async def test_two_who_finish_at_once_get_one_code(stand: Stand) -> None:
    person = stand.person()
    await stand.code(person)
    page = await stand.authorize(person, client_id="partner", redirect_uri=PARTNER_CALLBACK)
    action = page.headers["location"]
    answers = await asyncio.gather(
        *(person.post(action, decision="yes") for _ in range(8)), return_exceptions=False
    )
    codes = [one for one in answers if "code=" in one.headers.get("location", "")]
    assert len(codes) == 1


async def test_the_pages_are_closed_to_everything_else(stand: Stand) -> None:
    """Our own script, nothing from elsewhere, in no frame; the form goes to us or to the client."""
    person = stand.person()
    page = await person.get((await stand.authorize(person)).headers["location"])
    policy = dict(
        [*part.strip().split(" ", 1), ""][:2]
        for part in page.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    script = page.text.partition('<script type="module">')[2].partition("</script>")[0]
    hashed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert policy["script-src"] == f"'sha256-{hashed}'"
    assert policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert policy["form-action"] == "'self' http://localhost:3000"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.text.count("<script") == 1
    assert "http" not in re.sub(r"<style>.*?</style>", "", page.text, flags=re.DOTALL)
    for name in ("name", "password"):
        assert f'<label for="{name}">' in page.text
        assert f'id="{name}"' in page.text


async def test_what_a_client_says_is_never_part_of_the_page(stand: Stand) -> None:
    person = stand.person()
    hint = '"><script>alert(1)</script>'
    page = await person.get((await stand.authorize(person, login_hint=hint)).headers["location"])
    assert page.text.count("<script") == 1
    assert "alert" not in page.text.replace(escape(hint), "")
    assert "&lt;script&gt;" in page.text


async def test_cookies_are_for_us_alone(stand: Stand) -> None:
    person = stand.person()
    answer = await stand.authorize(person)
    (browser,) = answer.headers.get_list("set-cookie")
    done = await person.post(answer.headers["location"], name="customer1", password="ChangeMe123!")
    session = next(one for one in done.headers.get_list("set-cookie") if "sso" in one)
    for cookie in (browser, session):
        assert "httponly" in cookie.lower()
        assert "samesite=lax" in cookie.lower()
        assert "domain" not in cookie.lower()
    assert urlsplit(done.headers["location"]).netloc == "localhost:3000"
    assert challenge() not in done.headers["location"]


def test_an_issuer_by_tls_binds_its_cookies_to_it() -> None:
    from bezant.identity.provider.http.reading import Cookies

    secure = Cookies.of(secure=True)
    assert (secure.session[:7], secure.browser[:7], secure.secure) == ("__Host-", "__Host-", True)
