"""People of a real Keycloak come in here, as far as its roles and our operator say, and no further.

Everything is real and goes over the network: the Keycloak as its makers hand it out, its login
form, its keys and their rotation, its end; and our platform with its gateway and its login page.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from tests.harness.waiting import wait_until
from tests.identity.provider.words import CALLBACK, VERIFIER, Json, challenge, claims_of
from tests.peers.conftest import KEY_SECONDS, Trusting
from tests.peers.keycloak import APP, FOR_OTHERS, REALM

pytestmark = [
    pytest.mark.system,
    pytest.mark.keycloak,
    pytest.mark.requirement("S001-2", part="a real Keycloak vouches for people"),
]


class Visitor:
    """Somebody's browser at our pages."""

    def __init__(self, base: str) -> None:
        self.base = base
        self._client = httpx2.Client(base_url=base, timeout=60)
        self._below = f"/realms/{REALM}/protocol/openid-connect"

    def about(self, token: str) -> Json:
        """Return what our issuer tells the shop about its visitor."""
        head = {"authorization": f"Bearer {token}"}
        told = self._client.get(f"{self._below}/userinfo", headers=head)
        assert told.status_code == 200, told.text
        return told.json()

    def close(self) -> None:
        self._client.close()

    def begin(self) -> str:
        """Come from the shop's page to our login page, and return its path."""
        wish = {
            "client_id": "payment-frontend", "redirect_uri": CALLBACK, "response_type": "code",
            "scope": "openid", "state": "st-1", "nonce": "n-1",
            "code_challenge": challenge(), "code_challenge_method": "S256",
        }  # fmt: skip
        sent = self._client.get(f"{self._below}/auth", params=wish)
        assert sent.status_code == 303, sent.text
        return sent.headers["location"]

    def get(self, path: str) -> httpx2.Response:
        return self._client.get(path.removeprefix(self.base))

    def leave(self, page: str) -> str:
        """Choose the door of the other issuer, and return where that leads."""
        assert "Sign in with Shop login" in self.get(page).text
        sent = self.get(f"{page}/at/keycloak")
        assert sent.status_code == 303, sent.text
        return sent.headers["location"]

    def arrive(self, there: str) -> str:
        """Come back from the other issuer, go on to the shop, and return the access token."""
        answer = self.get(there)
        while answer.headers["location"].startswith("/"):
            answer = self.get(answer.headers["location"])
        arrived = answer.headers["location"]
        assert arrived.startswith(CALLBACK), arrived
        told = self._client.post(
            f"{self._below}/token",
            data={
                "grant_type": "authorization_code", "client_id": "payment-frontend",
                "code": dict(parse_qsl(urlsplit(arrived).query))["code"],
                "redirect_uri": CALLBACK, "code_verifier": VERIFIER,
            },
        )  # fmt: skip
        assert told.status_code == 200, told.text
        return told.json()["access_token"]


Visitors = Callable[[], Visitor]


@pytest.fixture
def visitors(both: Trusting) -> Iterator[Visitors]:
    """Return what makes a visitor of our pages."""
    with ExitStack() as stack:

        def come() -> Visitor:
            return stack.enter_context(closing(Visitor(both.base)))

        yield come


def who(both: Trusting, token: str) -> httpx2.Response:
    return both.asked("/v1/session", token)


def head_of(token: str) -> Json:
    return claims_of("." + token)  # The part before the claims is written like them.


def test_its_tokens_open_what_the_roles_mean_here(both: Trusting) -> None:
    ada, bob = (both.keycloak.person_token(name) for name in ("ada", "bob"))
    assert [
        (one.status_code, one.json()["role"], one.json()["tenant"])
        for one in (who(both, ada), who(both, bob))
    ] == [(200, "finance", both.merchant), (200, "auditor", both.merchant)]
    robot = both.asked(f"/v1/merchants/{both.merchant}", both.keycloak.robot_token())
    assert (robot.status_code, robot.json()["id"]) == (200, both.merchant)
    # Roles that others give open what the same role of ours does, and nothing more.
    head = {"authorization": f"Bearer {ada}"}
    made = httpx2.post(f"{both.base}/v1/keys", json={"kind": "sk"}, headers=head, timeout=60)
    assert (made.status_code, made.json()["code"]) == (403, "insufficient_permissions")


def test_what_is_not_for_us_or_not_its_word_opens_nothing(both: Trusting) -> None:
    keycloak = both.keycloak
    good, for_others = keycloak.person_token("ada"), keycloak.person_token("ada", FOR_OTHERS)
    assert claims_of(for_others)["sub"] == claims_of(good)["sub"]
    # The realm that ships with us is one of Keycloak's, too: its page gets whole tokens there.
    payer = keycloak.person_token("customer1", "payment-frontend")
    assert claims_of(payer)["sub"] == claims_of(keycloak.person_token("customer1", APP))["sub"]
    head, body, signature = good.split(".")
    other_body = for_others.split(".")[1]
    refused = {
        "of another audience": for_others,
        "of nobody whose role counts": keycloak.person_token("customer1", APP),
        "of a payer": payer,
        "of its administrator's realm": keycloak.admin_token(),
        "with another's claims": f"{head}.{other_body}.{signature}",
        "unsigned": f"{head}.{body}.",
    }
    seen = {name: who(both, token).status_code for name, token in refused.items()}
    assert seen == dict.fromkeys(refused, 401)
    assert who(both, good).status_code == 200


def test_its_people_sign_in_from_our_page(both: Trusting, visitors: Visitors) -> None:
    visitor = visitors()
    there = both.keycloak.sign_in(visitor.leave(visitor.begin()), "ada")
    assert there.startswith(f"{both.base}/signed-in-at/keycloak?")
    told = visitor.about(visitor.arrive(there))
    assert told["name"] == "Ada of the Shop"
    # By its token and by its sign-in she is the same person.
    assert told["sub"] == who(both, both.keycloak.person_token("ada")).json()["subject"]
    # What came back is worth nothing a second time, nor in another browser.
    for again in (visitor, visitors()):
        answer = again.get(there)
        assert not re.search("[?&]code=", answer.headers.get("location", "")), answer.headers


def test_people_whose_role_counts_for_nothing_stay_outside(
    both: Trusting, visitors: Visitors
) -> None:
    visitor = visitors()
    there = both.keycloak.sign_in(visitor.leave(visitor.begin()), "customer1")
    back = visitor.get(there)
    assert back.status_code == 401
    assert "Signing in there did not work" in back.text
    assert 'name="password"' in back.text, "our own door is still open"


def test_its_keys_may_turn_at_any_moment(both: Trusting) -> None:
    before = both.keycloak.person_token("ada")
    assert who(both, before).status_code == 200
    old = both.keycloak.rotate_keys()
    after = both.keycloak.person_token("bob")
    assert head_of(before)["kid"] == old != head_of(after)["kid"]
    wait_until(lambda: who(both, after).status_code == 200, "the new key counts", KEY_SECONDS)
    # The old one does too, as long as it is published: its tokens are still on their way.
    assert who(both, both.keycloak.robot_token()).status_code == 200
    assert who(both, before).status_code == 200


def test_while_it_is_gone_its_word_counts_and_sign_in_says_so(
    both: Trusting, visitors: Visitors
) -> None:
    visitor = visitors()
    page = visitor.begin()
    there = both.keycloak.sign_in(visitor.leave(page), "ada")
    known, unknown = (both.keycloak.person_token(name) for name in ("ada", "bob"))
    wait_until(lambda: who(both, known).status_code == 200, "its key is known", KEY_SECONDS)
    both.keycloak.kill()
    # Bob's token was never seen before: it is verified by keys that were read earlier.
    assert [who(both, one).status_code for one in (known, unknown)] == [200, 200]
    back = visitor.get(there)
    assert back.status_code == 503
    assert "did not answer as it should" in back.text
    assert 'name="password"' in back.text, "our own door is still open"
    assert int(back.headers["retry-after"]) >= 1
    health = httpx2.get(f"{both.base}/ready", timeout=60)
    assert health.status_code == 200, "what others do makes us no worse"
