"""Who is asking, and what they may do."""

import base64

import pytest
from tests.http.stand import READER, WRITER, Stand, note

from bezant.http.caller import (
    CREDENTIAL_CHARACTERS_MAX,
    CredentialInvalid,
    CredentialKind,
    credential_of,
)


@pytest.mark.requirement("S003-2", "S003-1")
@pytest.mark.parametrize("lane", ["/v1/fast", "/v1/ordinary"])
@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "credential_missing"),
        ({"x-api-key": "sk_test_unknown"}, 401, "credential_invalid"),
        ({"x-api-key": ""}, 401, "credential_invalid"),
        ({"authorization": "Bearer"}, 401, "credential_invalid"),
        ({"authorization": "Bearer sk_test_unknown"}, 401, "credential_invalid"),
        (
            {"authorization": f"Basic {base64.b64encode(b'a:b').decode()}"},
            401,
            "credential_invalid",
        ),
        ({"authorization": WRITER}, 401, "credential_invalid"),
        ({"x-api-key": "é".encode()}, 401, "credential_invalid"),
        ({"x-api-key": "a" * (CREDENTIAL_CHARACTERS_MAX + 1)}, 401, "credential_invalid"),
        ({"x-api-key": WRITER, "authorization": f"Bearer {WRITER}"}, 400, "credential_ambiguous"),
        ({"x-api-key": READER}, 403, "insufficient_permissions"),
        ({"authorization": f"Bearer {READER}"}, 403, "insufficient_permissions"),
        ({"x-api-key": WRITER}, 201, None),
        ({"authorization": f"bearer {WRITER}"}, 201, None),
    ],
)
async def test_the_matrix(
    stand: Stand, lane: str, headers: dict[str, str], status: int, code: str | None
) -> None:
    sent = {"content-type": "application/json", **headers}
    answer = await stand.client.post(
        lane, headers=sent, content=b'{"text":"a","amount":{"amount":"1","asset":"EUR"}}'
    )
    assert (answer.status_code, answer.json().get("code")) == (status, code)
    assert ("www-authenticate" in answer.headers) is (status == 401)
    assert stand.notebook.written == (["a"] if status == 201 else [])


async def test_a_repeated_credential_is_refused(stand: Stand) -> None:
    answer = await stand.client.get(
        "/v1/notes", headers=[("x-api-key", WRITER), ("x-api-key", READER)]
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "repeated_header")


async def test_permission_is_asked_before_the_body_is_read(stand: Stand) -> None:
    answer = await stand.post("/v1/fast", b"not json at all", key=READER)
    assert answer.status_code == 403


async def test_a_known_key_is_not_looked_up_again(stand: Stand) -> None:
    for _ in range(3):
        assert (
            await stand.client.get("/v1/notes", headers={"x-api-key": READER})
        ).status_code == 200
    assert stand.notebook.identified == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "same-origin"}, 201),
        ({"origin": "http://{host}"}, 201),
    ],
)
async def test_a_session_works_from_our_own_pages_only(
    stand: Stand, headers: dict[str, str], status: int
) -> None:
    host = f"127.0.0.1:{stand.port}"
    sent = {name: value.format(host=host) for name, value in headers.items()}
    answer = await stand.post(
        "/v1/fast", note(), key=None, cookie=f"a=b; __Host-bezant={WRITER}", **sent
    )
    assert answer.status_code == status, answer.text


async def test_a_session_may_read_from_anywhere_a_link_leads(stand: Stand) -> None:
    headers = {"cookie": f"__Host-bezant={READER}", "sec-fetch-site": "cross-site"}
    assert (await stand.client.get("/v1/notes", headers=headers)).status_code == 200


def test_a_cookie_of_another_name_is_no_credential() -> None:
    assert credential_of({b"cookie": b"__Host-bezant2=a; x__Host-bezant=b; __Host-bezant="}) is None


def test_a_credential_never_prints_itself() -> None:
    credential = credential_of({b"x-api-key": b"sk_test_hidden"})
    assert credential is not None
    assert credential.kind is CredentialKind.API_KEY
    assert "hidden" not in f"{credential} {credential!r}"
    with pytest.raises(CredentialInvalid):
        credential_of({b"authorization": b"Digest abc"})
