"""Tokens in memory: quick for who is known, and gone five seconds after a revocation."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.harness.cluster import TestDatabase
from tests.identity.conftest import OPERATOR
from tests.identity.provider.stand import Stand, opened
from tests.identity.provider.words import claims_of

from bezant.actor import Actor
from bezant.db.database import Database
from bezant.http.caller import Credential, CredentialInvalid, CredentialKind
from bezant.identity import ChangeMember, CredentialForm, Identified, Identify, Role
from bezant.identity.callers import RECHECK_SECONDS, TOKEN_SECONDS_MAX, RememberedCallers
from bezant.identity.openid import Rechecks
from bezant.identity.provider import bearers
from bezant.identity.service import IdentityService
from bezant.secret import Secret


class Counted:
    """An identity service elsewhere, asked and counted; nothing tells of revocations."""

    def __init__(self, service: IdentityService) -> None:
        self.service = service
        self.asked = 0

    async def identify(self, query: Identify) -> Identified:
        self.asked += 1
        return await self.service.identify(query)

    async def generation(self) -> int:
        return await self.service.generation()

    async def rechecks(self, after: int) -> Rechecks:
        return await self.service.rechecks(after)


def elsewhere(stand: Stand) -> tuple[RememberedCallers, Counted]:
    counted = Counted(stand.service)
    return RememberedCallers(counted, stand.clock), counted  # pyright: ignore[reportArgumentType]


async def poll(callers: RememberedCallers) -> None:
    await callers.start()
    await callers.stop()


def bearer(token: str) -> Credential:
    return Credential(CredentialKind.BEARER, Secret(token))


async def known(callers: RememberedCallers, token: str) -> Actor | None:
    try:
        return await callers.identify(bearer(token))
    except CredentialInvalid:
        return None


async def test_a_known_token_is_answered_without_asking(stand: Stand) -> None:
    token = (await stand.tokens())["access_token"]
    callers, counted = elsewhere(stand)
    await poll(callers)
    assert callers.known(bearer(token)) is None
    first = await callers.identify(bearer(token))
    for _ in range(30):
        stand.clock.move(timedelta(seconds=2))
        await poll(callers)
        assert callers.known(bearer(token)) is first
    assert counted.asked == 1
    assert token[-20:] not in repr(vars(callers))


@pytest.mark.requirement("S001-1", part="revoked tokens refused within five seconds")
async def test_elsewhere_a_revocation_is_honoured_within_five_seconds(stand: Stand) -> None:
    tokens = await stand.tokens()
    bystander = (await stand.tokens())["access_token"]
    callers, counted = elsewhere(stand)
    await poll(callers)
    assert await known(callers, tokens["access_token"])
    assert await known(callers, bystander)

    await stand.ask("revoke", token=tokens["refresh_token"], client_id="payment-frontend")
    # Without a word from there, the answer still counts a moment, and then not at all.
    stand.clock.move(timedelta(seconds=RECHECK_SECONDS))
    assert callers.known(bearer(tokens["access_token"])) is None
    # With a poll in between, it is over with the poll; and nobody else is asked about again.
    asked = counted.asked
    await poll(callers)
    assert callers.known(bearer(bystander)) is not None
    assert await known(callers, tokens["access_token"]) is None
    assert counted.asked == asked + 1


async def test_a_changed_role_is_honoured_as_well(stand: Stand) -> None:
    token = (await stand.tokens())["access_token"]
    callers, _ = elsewhere(stand)
    await poll(callers)
    before = await known(callers, token)
    assert before is not None
    member = claims_of(token)["sub"]
    await stand.service.change_member(
        ChangeMember(OPERATOR, stand.merchant.id, member, Role.SUPPORT)
    )
    await poll(callers)
    after = await known(callers, token)
    assert after is not None
    assert (before.role, after.role) == ("customer", "support")


async def test_an_answer_that_was_overtaken_by_a_revocation_is_not_kept(stand: Stand) -> None:
    token = (await stand.tokens())["access_token"]
    other = await stand.tokens()
    callers, counted = elsewhere(stand)
    await poll(callers)
    found = await stand.service.identify(Identify(CredentialForm.ANY, Secret(token)))
    await stand.ask("revoke", token=other["refresh_token"], client_id="payment-frontend")
    await poll(callers)
    callers._remember(callers._digest(bearer(token)), found)
    assert callers.known(bearer(token)) is None
    assert await known(callers, token)
    assert callers.known(bearer(token)) is not None
    assert counted.asked == 1


async def test_without_an_answer_from_there_tokens_are_asked_about_again(stand: Stand) -> None:
    token = (await stand.tokens())["access_token"]
    callers, counted = elsewhere(stand)
    await poll(callers)
    await known(callers, token)
    stand.clock.move(timedelta(seconds=RECHECK_SECONDS))
    assert callers.known(bearer(token)) is None
    await known(callers, token)
    assert counted.asked == 2


async def test_a_token_is_looked_at_anew_after_some_minutes(stand: Stand) -> None:
    token = (await stand.tokens())["access_token"]
    callers, counted = elsewhere(stand)
    await known(callers, token)
    stand.clock.move(timedelta(seconds=TOKEN_SECONDS_MAX))
    await poll(callers)
    assert callers.known(bearer(token)) is None
    await known(callers, token)
    assert counted.asked == 2


async def test_an_expired_token_is_not_known_a_moment_longer(stand: Stand) -> None:
    token = (await stand.tokens())["access_token"]
    stand.clock.move(timedelta(seconds=3_597))
    callers, _ = elsewhere(stand)
    assert await known(callers, token)
    stand.clock.move(timedelta(seconds=2))
    assert callers.known(bearer(token)) is not None
    stand.clock.move(timedelta(seconds=1))
    assert callers.known(bearer(token)) is None
    assert await known(callers, token) is None


async def test_who_missed_much_asks_about_everybody(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await stand.service.rechecks(-1)
    assert first.everybody
    assert await stand.service.rechecks(first.number) == Rechecks(first.number, (), everybody=False)
    for _ in range(3):
        tokens = await stand.tokens()
        await stand.ask("revoke", token=tokens["refresh_token"], client_id="payment-frontend")
    three = await stand.service.rechecks(first.number)
    assert (len(three.delegations), three.everybody) == (3, False)
    monkeypatch.setattr(bearers, "RECHECKS_MAX", 2)
    assert (await stand.service.rechecks(first.number)).everybody
    assert (await stand.service.rechecks(first.number + 10)).everybody


async def test_two_processes_see_one_truth(
    stand: Stand, identity_database: TestDatabase, tmp_path: Path
) -> None:
    """What one gives, the other takes; what one revokes, the other refuses; a code counts once."""
    close: list[Database] = []
    other = await opened(identity_database, stand.clock, tmp_path, close, live=False)
    tokens = await stand.tokens()
    query = Identify(CredentialForm.ANY, Secret(tokens["access_token"]))
    assert (await other.service.identify(query)).actor.role == "customer"
    await stand.ask("revoke", token=tokens["access_token"], client_id="payment-frontend")
    with pytest.raises(Exception, match="not accepted"):
        await other.service.identify(query)
    for one in close:
        await one.close()
