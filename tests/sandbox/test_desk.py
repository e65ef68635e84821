"""The desk: for whoever sits at this machine, and for nobody's page elsewhere."""

import pytest
from tests.sandbox.stand import Town
from tests.sandbox.test_card import authorise

from bezant.sandbox.exchange import legible


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "127.0.0.1.evil.example:80"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
    ],
)
def test_a_page_from_elsewhere_is_refused(acquirer: Town, headers: dict[str, str]):
    wish = {"effect": "decline"}
    answer = acquirer.post("inspection", "/scripts", json=wish, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "strange_page")
    assert acquirer.get("inspection", "/scripts").json() == {"scripts": []}


def test_the_page_shows_what_happened_and_escapes_it(acquirer: Town):
    authorise(acquirer, "k1", reference="<script>alert(1)</script>", capture=True)
    acquirer.post("card", "/authorisations/<b>x/void", json={"key": "<i>v</i>"})
    acquirer.script("decline", key="<u>k</u>")
    acquirer.catch_up()
    page = acquirer.get("inspection", "/")
    assert "script-src" not in page.headers["content-security-policy"]
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for raw in ("<script", "<b>x", "<i>v", "<u>k"):
        assert raw not in page.text
    for shown in ("&lt;i&gt;v", "2000 EUR", "authorisation.captured", "delivered"):
        assert shown in page.text


def test_the_pages_own_buttons_come_back_to_it(acquirer: Town):
    own = {"origin": acquirer.urls["inspection"]}
    form = {"effect": "decline", "provider": "card", "code": "lost_card", "times": "1", "key": ""}
    back = acquirer.post("inspection", "/scripts", data=form, headers=own)
    assert (back.status_code, back.headers["location"]) == (303, "/")
    assert authorise(acquirer, "k1")["decline_code"] == "lost_card"


def test_scripts_can_be_taken_back(acquirer: Town):
    numbers = [acquirer.script("decline", provider="card") for _ in range(3)]
    ended = acquirer.call("inspection", "DELETE", f"/scripts?number={numbers[0]}").json()
    assert ended == {"ended": 1}
    assert acquirer.call("inspection", "DELETE", "/scripts").json() == {"ended": 2}
    assert authorise(acquirer, "k1")["status"] == "authorised"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/charges", 400),
        ("/calls?limit=0", 400),
        ("/calls?limit=x", 400),
        ("/settlements/yesterday", 400),
        ("/settlements/2026-08-01/nobody", 404),
        ("/nothing", 404),
        ("/health", 200),
        ("/charges?key=nobody", 200),
    ],
)
def test_questions_are_answered_or_refused(acquirer: Town, path: str, status: int):
    assert acquirer.get("inspection", path).status_code == status


def test_calls_are_found_by_provider_and_key(acquirer: Town):
    authorise(acquirer, "k1")
    authorise(acquirer, "k2")
    found = acquirer.get("inspection", "/calls?provider=card&key=k1").json()["calls"]
    assert [(one["operation"], one["status"]) for one in found] == [("authorise", 201)]
    assert acquirer.get("inspection", "/calls?provider=stripe").json() == {"calls": []}


@pytest.mark.parametrize(
    "body",
    [
        b'{"number": "4242424242424242", "cvc": "737"}',
        b'{"number":4242424242424242,"cvc":737}',
        b'{"a": {"security_code" : "737"}, "b": "4242 4242 4242 4242"}',
        b"card[number]=4242424242424242&card[cvc]=737",
        b"card%5Bnumber%5D=4242+4242+4242+4242&card%5Bcvc%5D=737&x=1",
        b"free text 4242-4242-4242-4242",
        b"a=4242%204242%204242%204242",
    ],
)
def test_the_log_holds_no_card(body: bytes):
    shown = legible(body)
    assert "•••" in shown
    assert "737" not in shown
    assert "4242" not in shown


def test_the_log_keeps_what_is_no_card():
    kept = '{"amount": "2000", "id": "auth_1234567890123", "order": "1234567890123456"}'
    assert legible(kept.encode()) == kept
