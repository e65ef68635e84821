"""T73, first half: what a client may ask for, and where its answer goes."""

import re
from datetime import timedelta

import pytest
from tests.identity.provider.stand import Stand, answered
from tests.identity.provider.words import BELOW, CALLBACK, ISSUER, PARTNER_CALLBACK, claims_of

pytestmark = pytest.mark.catalogue("T73")
PREFIX = "urn:ietf:params:oauth:request_uri:"

# Registered: http://localhost:3000/* for the payment page, two exact ones for the partner.
STRANGE_REDIRECTS = {
    "another host": "http://evil.example/callback",
    "a host that begins alike": "http://localhost.evil.example:3000/callback",
    "a port that begins alike": "http://localhost:30000/callback",
    "no port": "http://localhost/callback",
    "another scheme": "https://localhost:3000/callback",
    "an address instead of a name": "http://127.0.0.1:3000/callback",
    "capital letters": "HTTP://LOCALHOST:3000/callback",
    "a user before the host": "http://localhost:3000@evil.example/callback",
    "a user and our host": "http://evil@localhost:3000/callback",
    "a backslash": "http://localhost:3000\\@evil.example/callback",
    "a backslash in the path": "http://localhost:3000/a\\..\\b",
    "climbing": "http://localhost:3000/a/../b",
    "climbing in percent": "http://localhost:3000/a/%2e%2e/b",
    "climbing in percent, capital": "http://localhost:3000/a/%2E%2E/b",
    "a slash in percent": "http://localhost:3000/a%2fb",
    "a backslash in percent": "http://localhost:3000/a%5cb",
    "percent twice": "http://localhost:3000/a%252e%252e",
    "two slashes": "http://localhost:3000//evil.example",
    "a fragment": "http://localhost:3000/callback#token",
    "an empty fragment": "http://localhost:3000/callback#",
    "a line break": "http://localhost:3000/call\r\nback",
    "a line break in percent": "http://localhost:3000/a%0d%0aSet-Cookie:x",
    "a zero in percent": "http://localhost:3000/a%00b",
    "a space": "http://localhost:3000/call back",
    "a tab": "http://localhost:3000/call\tback",
    "beyond ASCII": "http://localhost:3000/callb\u0430ck",
    "another alphabet's host": "http://loc\u0430lhost:3000/callback",
    "a script": "javascript:alert(1)//localhost:3000/",
    "data": "data:text/html,http://localhost:3000/",
    "relative": "/callback",
    "relative to the scheme": "//localhost:3000/callback",
    "the pattern itself without its slash": "http://localhost:3000",
    "a star": "http://localhost:3000.evil.example/*",
    "too long": "http://localhost:3000/" + "a" * 2_100,
    "nothing": "",
}
STRANGE_TO_THE_PARTNER = {
    "a slash more": PARTNER_CALLBACK + "/",
    "a query more": PARTNER_CALLBACK + "?x=1",
    "a query that continues": PARTNER_CALLBACK + "?shop=1&to=evil",
    "another query": PARTNER_CALLBACK + "?shop=2",
    "a path below": PARTNER_CALLBACK + "/x",
    "the start of it": PARTNER_CALLBACK[:-1],
    "by http": PARTNER_CALLBACK.replace("https", "http"),
    "a capital": PARTNER_CALLBACK.replace("/cb", "/CB"),
    "the default port": PARTNER_CALLBACK.replace(".example", ".example:443"),
    "two of them": f"{PARTNER_CALLBACK} {PARTNER_CALLBACK}",
}


async def test_nobody_is_sent_where_a_client_did_not_say_before(stand: Stand) -> None:
    assert len(STRANGE_REDIRECTS) + len(STRANGE_TO_THE_PARTNER) >= 30
    asked = [("payment-frontend", name, uri) for name, uri in STRANGE_REDIRECTS.items()]
    asked += [("partner", name, uri) for name, uri in STRANGE_TO_THE_PARTNER.items()]
    for client, name, uri in asked:
        answer = await stand.authorize(client_id=client, redirect_uri=uri)
        assert answer.status_code == 400, f"{client}, {name}: {answer.headers}"
        assert "location" not in answer.headers
        assert "evil" not in answer.text
    for client, uri in (
        ("payment-frontend", CALLBACK),
        ("payment-frontend", "http://localhost:3000/"),
        ("payment-frontend", "http://localhost:3000/a/b.html?x=1&y=2"),
        ("partner", PARTNER_CALLBACK),
        ("partner", PARTNER_CALLBACK + "?shop=1"),
    ):
        answer = await stand.authorize(client_id=client, redirect_uri=uri)
        assert answer.headers["location"].startswith("/sign-in/"), uri


@pytest.mark.parametrize("client", ["", "nobody", "payment-frontend'--", "robot", "x" * 300])
async def test_a_client_that_is_not_known_here_is_shown_a_page(stand: Stand, client: str) -> None:
    answer = await stand.authorize(client_id=client)
    assert answer.status_code in (400, 401)
    assert "location" not in answer.headers


REFUSED = {
    "no response type": ({"response_type": ""}, "invalid_request"),
    "implicit": ({"response_type": "token"}, "unsupported_response_type"),
    "implicit with an ID token": ({"response_type": "id_token token"}, "unsupported_response_type"),
    "hybrid": ({"response_type": "code id_token"}, "unsupported_response_type"),
    "none": ({"response_type": "none"}, "unsupported_response_type"),
    "in the fragment": ({"response_mode": "fragment"}, "invalid_request"),
    "by form": ({"response_mode": "form_post"}, "invalid_request"),
    "no challenge": ({"code_challenge": "", "code_challenge_method": ""}, "invalid_request"),
    "no challenge, method named": ({"code_challenge": ""}, "invalid_request"),
    "plain": ({"code_challenge_method": "plain"}, "invalid_request"),
    "no method, which means plain": ({"code_challenge_method": ""}, "invalid_request"),
    "another method": ({"code_challenge_method": "S512"}, "invalid_request"),
    "method in small letters": ({"code_challenge_method": "s256"}, "invalid_request"),
    "a short challenge": ({"code_challenge": "a" * 42}, "invalid_request"),
    "a long challenge": ({"code_challenge": "a" * 44}, "invalid_request"),
    "a padded challenge": ({"code_challenge": "a" * 42 + "="}, "invalid_request"),
    "a scope of others": ({"scope": "openid payments.read"}, "invalid_scope"),
    "a scope nobody has": ({"scope": "openid everything"}, "invalid_scope"),
    "scopes with two spaces": ({"scope": "openid  profile"}, "invalid_scope"),
    "all scopes": ({"scope": "api"}, "invalid_scope"),
    "a request object": ({"request": "a.b.c"}, "request_not_supported"),
    "claims asked for": ({"claims": "{}"}, "request_not_supported"),
    "another resource": ({"resource": "https://other.example"}, "invalid_target"),
    "a prompt of their own": ({"prompt": "fast"}, "invalid_request"),
    "no page and a page": ({"prompt": "none login"}, "invalid_request"),
    "an age that is none": ({"max_age": "soon"}, "invalid_request"),
    "a negative age": ({"max_age": "-1"}, "invalid_request"),
    "a nonce with a line break": ({"nonce": "a\nb"}, "invalid_request"),
    "a huge nonce": ({"nonce": "n" * 2_049}, "invalid_request"),
    "a thumbprint that is none": ({"dpop_jkt": "abc"}, "invalid_request"),
    "nobody may be asked": ({"prompt": "none"}, "login_required"),
}


async def test_what_is_wrong_is_told_to_the_client(stand: Stand) -> None:
    for name, (wrong, code) in REFUSED.items():
        told = answered(await stand.authorize(**wrong))
        assert told["error"] == code, name
        assert told["state"] == "st-1", name
        assert told["iss"] == ISSUER, name
        assert "code" not in told, name


async def test_a_parameter_that_is_there_twice_is_refused(stand: Stand) -> None:
    sound = stand.wish()
    for name in sound:
        pairs = [*sound.items(), (name, sound[name])]
        answer = await stand.client.get(f"{BELOW}/auth", params=pairs)
        assert answer.status_code == 400, name
        assert "location" not in answer.headers, name


async def test_a_state_that_could_break_a_line_is_not_handed_back(stand: Stand) -> None:
    told = answered(await stand.authorize(state="a\r\nset-cookie: x"))
    assert told == {"error": "invalid_request", "iss": ISSUER}


async def test_state_and_issuer_come_back_as_they_were(stand: Stand) -> None:
    """Mix-up: the client learns whose answer it is, and that it began this itself."""
    state = "a b&c=d#e/+%41~!"
    person = stand.person()
    told = answered(await person.sign_in(await stand.authorize(person, state=state)))
    assert (told["state"], told["iss"]) == (state, ISSUER)
    answer = await stand.client.get("/realms/ecommerce/.well-known/openid-configuration")
    assert answer.json()["issuer"] == ISSUER
    assert answer.json()["authorization_response_iss_parameter_supported"] is True


async def test_who_is_signed_in_is_not_asked_again(stand: Stand) -> None:
    person = stand.person()
    await stand.code(person)
    told = answered(await stand.authorize(person))
    assert "code" in told
    silent = answered(await stand.authorize(person, prompt="none"))
    assert "code" in silent


@pytest.mark.parametrize("again", [{"prompt": "login"}, {"max_age": "0"}, {"max_age": "30"}])
async def test_who_asks_for_a_fresh_login_gets_one(stand: Stand, again: dict[str, str]) -> None:
    person = stand.person()
    await stand.code(person)
    stand.clock.move(timedelta(seconds=31))
    answer = await stand.authorize(person, **again)
    assert answer.headers["location"].startswith("/sign-in/")
    told = answered(await person.sign_in(answer))
    tokens = (await stand.exchange(told["code"])).json()
    assert claims_of(tokens["id_token"])["auth_time"] == int(stand.clock.now().timestamp())


async def test_a_third_party_asks_the_person_once(stand: Stand) -> None:
    person = stand.person()
    wish = {"client_id": "partner", "redirect_uri": PARTNER_CALLBACK, "scope": "openid profile"}
    page = await person.sign_in(await stand.authorize(person, **wish))
    assert page.status_code == 200
    assert "Partner Shop" in page.text
    assert "see your name" in page.text
    action = re.search(r'action="([^"]+)"', page.text)
    assert action
    no = answered(await person.follow(await person.post(action[1], decision="no")))
    assert no["error"] == "access_denied"

    page = await person.follow(await stand.authorize(person, **wish))
    action = re.search(r'action="([^"]+)"', page.text)
    assert action
    yes = answered(await person.follow(await person.post(action[1], decision="yes")))
    assert "code" in yes
    assert "code" in answered(await stand.authorize(person, **wish))
    more = await stand.authorize(person, **{**wish, "scope": "openid profile email"})
    assert more.headers["location"].startswith("/sign-in/")
    asked = answered(await stand.authorize(person, **wish, prompt="none"))
    assert "code" in asked
    silent = answered(
        await stand.authorize(person, **{**wish, "scope": "openid email"}, prompt="none")
    )
    assert silent["error"] == "consent_required"


async def test_a_request_left_in_advance(stand: Stand) -> None:
    """PAR: what the browser brings is a name for what the client said itself."""
    wish = stand.wish(client_id="partner", redirect_uri=PARTNER_CALLBACK)
    proof = stand.assertion(stand.partner, "partner")
    pushed = await stand.ask("ext/par/request", **wish, **proof)
    assert pushed.status_code == 201
    uri = pushed.json()["request_uri"]
    assert uri.startswith(PREFIX)
    assert pushed.json()["expires_in"] <= 90

    async def bring(client: str = "partner", **more: str) -> tuple[int, str]:
        given = {"client_id": client, "request_uri": uri, **more}
        answer = await stand.person().get(f"{BELOW}/auth", **given)
        return answer.status_code, answer.headers.get("location", "")

    assert (await bring("payment-frontend"))[0] == 400  # Another client's request.
    status, page = await bring(
        scope="openid email checkout.read"
    )  # What the browser adds is nothing.
    assert (status, page[:9]) == (303, "/sign-in/")
    assert (await bring())[0] == 400  # Spent.


async def test_a_request_left_in_advance_is_checked_as_any_other(stand: Stand) -> None:
    for wrong, code in (
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"scope": "openid api"}, "invalid_scope"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"request_uri": PREFIX + "x"}, "invalid_request"),
        ({"request": "x"}, "request_not_supported"),
    ):
        wish = {**stand.wish(client_id="partner", redirect_uri=PARTNER_CALLBACK), **wrong}
        proof = stand.assertion(stand.partner, "partner")
        answer = await stand.ask("ext/par/request", **wish, **proof)
        assert (answer.status_code, answer.json()["error"]) == (400, code), wrong
    unproved = await stand.ask(
        "ext/par/request", **stand.wish(client_id="partner", redirect_uri=PARTNER_CALLBACK)
    )
    assert (unproved.status_code, unproved.json()["error"]) == (401, "invalid_client")


async def test_a_request_left_in_advance_does_not_wait_for_ever(stand: Stand) -> None:
    proof = stand.assertion(stand.partner, "partner")
    wish = stand.wish(client_id="partner", redirect_uri=PARTNER_CALLBACK)
    uri = (await stand.ask("ext/par/request", **wish, **proof)).json()["request_uri"]
    stand.clock.move(timedelta(seconds=91))
    answer = await stand.person().get(f"{BELOW}/auth", client_id="partner", request_uri=uri)
    assert answer.status_code == 400
    for strange in (PREFIX, PREFIX + "bzp_x", "https://evil.example/request"):
        answer = await stand.person().get(f"{BELOW}/auth", client_id="partner", request_uri=strange)
        assert answer.status_code == 400, strange


async def test_who_must_push_must_push(stand: Stand) -> None:
    told = answered(await stand.authorize(client_id="pusher"))
    assert told["error"] == "invalid_request"
    pushed = await stand.ask("ext/par/request", **stand.wish(client_id="pusher"))
    given = {"client_id": "pusher", "request_uri": pushed.json()["request_uri"]}
    answer = await stand.person().get(f"{BELOW}/auth", **given)
    assert answer.headers["location"].startswith("/sign-in/")
