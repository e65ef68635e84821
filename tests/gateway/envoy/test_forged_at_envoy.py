"""T71: what forgers make of a sound token, shown to Envoy in the place of our own verifiers.

Envoy reads tokens before our process does, and never instead of it. So it may pass on what is
wrong in a way that only we look for, such as a delegation that ended; but nothing that was signed
by another, altered, for another audience, or over.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from tests.gateway.envoy.stand import envoy, upstream
from tests.gateway.envoy.test_balancing import plan_of
from tests.identity.conftest import identity_database
from tests.identity.provider.conftest import stand
from tests.identity.provider.stand import Stand
from tests.identity.provider.test_forged_tokens import EVERY, FORGED, Mint, takes
from tests.identity.provider.words import BASE

from bezant.clock import MovableClock, RealClock
from bezant.gateway.envoy.plan import Guarded, JwtIssuer

pytestmark = [pytest.mark.system, pytest.mark.catalogue("T71")]
__all__ = ["identity_database", "stand"]
PATH = "/v1/session"
PASSED_ON = {
    # Signed by our own key, for us and for now: only we know its kinds, realms and delegations.
    "another client's", "another issuer", "audience a list with ours", "delegation missing",
    "delegation unknown", "exp is a fraction", "issued in the future", "issuer missing",
    "issuer of no realm", "issuer with a slash", "typ JWT", "typ in other letters", "typ missing",
    "typ of a proof",
    # Signed so, too; Envoy looks at none of these, and for a key only where we have ours.
    "b64 alone", "crit b64", "crit unknown", "jku", "kid missing", "our key in jwk",
    "unknown header", "x5c", "x5u", "zip",
}  # fmt: skip
SKEW = timedelta(minutes=2)
"""By up to a minute of difference between clocks Envoy lets a token live longer."""


@pytest.fixture
def clock() -> MovableClock:
    """Envoy lives by the machine's time."""
    return MovableClock(RealClock().now() - SKEW)


@pytest.fixture
async def at_envoy(stand: Stand, tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    keys = (await stand.client.get("/oauth/jwks")).json()
    folder = tmp_path / "envoy"
    folder.mkdir()
    async with upstream(keys) as gateway:
        # Nobody answers about what Envoy does not read: 503 is its no here.
        plan = replace(
            plan_of([gateway]),
            routes=(Guarded("GET", PATH, "session.read", ("session.read", "openid", "api")),),
            issuers=(JwtIssuer("bezant", BASE, "/oauth/jwks"),),
        )
        async with envoy(plan, folder) as client:
            yield client


async def passes(client: httpx2.AsyncClient, token: str) -> bool:
    answer = await client.get(PATH, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code in (200, 403, 431, 503), answer.text
    return answer.status_code == 200


async def test_envoy_takes_no_token_that_was_not_signed_so_for_us_and_for_now(
    stand: Stand, at_envoy: httpx2.AsyncClient
) -> None:
    sound = (await stand.tokens())["access_token"]
    mint = Mint(stand, sound)
    passed: set[str] = set()
    for name, forge in FORGED.items():
        if await passes(at_envoy, token := await forge(mint)):
            passed.add(name)
            assert await takes(stand, token) == [], f"{name} is refused by us"
    assert passed == PASSED_ON
    assert len(FORGED.keys() - PASSED_ON) >= 30
    # The controls: a sound token passes both.
    assert await passes(at_envoy, sound)
    assert await passes(at_envoy, await mint.ours())
    assert await takes(stand, sound) == EVERY
