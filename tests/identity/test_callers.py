"""The memory of callers: quick for who is known, and never longer than their rights last."""

import asyncio
from datetime import timedelta

import pytest
from tests.identity.conftest import OPERATOR, PASSWORD, Make, Open

from bezant.actor import Mode
from bezant.clock import Clock, MovableClock
from bezant.errors import TooManyRequests
from bezant.http.caller import Callers, Credential, CredentialInvalid, CredentialKind
from bezant.identity import (
    ApiKeyUse,
    ChangeMember,
    ChangeMerchant,
    CredentialForm,
    Identified,
    Identify,
    KeyKind,
    LogIn,
    MerchantState,
    Rechecks,
    RemoveMember,
    RevokeApiKey,
    RevokeApiKeys,
    Role,
    RotateApiKey,
    callers,
    rules,
)
from bezant.identity.callers import RememberedCallers
from bezant.identity.service import IdentityService
from bezant.secret import Secret


class Counted:
    """An identity service that counts what is asked of it, and can be held up while it answers."""

    def __init__(self, service: IdentityService) -> None:
        self.service = service
        self.asked = 0
        self.uses: list[ApiKeyUse] = []
        self.hold: asyncio.Event | None = None
        self.answering = asyncio.Event()

    async def identify(self, query: Identify) -> Identified:
        self.asked += 1
        found = await self.service.identify(query)
        self.answering.set()
        if self.hold is not None:
            await self.hold.wait()
        return found

    async def identify_certificate(self, certificate: bytes) -> Identified:
        return await self.service.identify_certificate(certificate)

    async def generation(self) -> int:
        return await self.service.generation()

    async def rechecks(self, after: int) -> Rechecks:
        return await self.service.rechecks(after)

    async def note_uses(self, uses: tuple[ApiKeyUse, ...]) -> None:
        self.uses += uses
        await self.service.note_uses(uses)


def remembering(service: IdentityService, clock: Clock) -> tuple[RememberedCallers, Counted]:
    counted = Counted(service)
    made = RememberedCallers(counted, clock)  # pyright: ignore[reportArgumentType]
    service.when_rights_are_taken(made.forget)
    return made, counted


def by_key(text: Secret[str], kind: CredentialKind = CredentialKind.API_KEY) -> Credential:
    return Credential(kind, text)


async def test_a_known_key_is_answered_without_asking(
    make: Make, identity: IdentityService, clock: MovableClock
) -> None:
    merchant = await make.merchant()
    credential = by_key((await make.key(merchant.id)).secret)
    remembered, counted = remembering(identity, clock)
    port: Callers = remembered
    assert port.known(credential) is None

    first = await port.identify(credential)
    answers = [port.known(credential) for _ in range(1_000)]
    again = await port.identify(credential)

    assert counted.asked == 1
    assert {id(answer) for answer in (*answers, again)} == {id(first)}


async def test_no_credential_is_kept_as_it_is(
    make: Make, identity: IdentityService, clock: MovableClock
) -> None:
    merchant = await make.merchant()
    made = await make.key(merchant.id)
    remembered, _ = remembering(identity, clock)
    await remembered.identify(by_key(made.secret))

    kept = repr(vars(remembered))

    assert made.key.id in kept
    assert made.secret.reveal()[8:] not in kept


@pytest.mark.parametrize("way", ["revoke", "revoke_all", "rotate", "suspend"])
async def test_where_it_happens_lost_rights_are_honoured_at_once(
    make: Make, identity: IdentityService, clock: MovableClock, way: str
) -> None:
    merchant, other = await make.merchant(), await make.merchant()
    made, bystander = await make.key(merchant.id), await make.key(other.id)
    remembered, _ = remembering(identity, clock)
    assert await remembered.identify(by_key(made.secret))
    assert await remembered.identify(by_key(bystander.secret))

    match way:
        case "revoke":
            await identity.revoke_key(RevokeApiKey(OPERATOR, merchant.id, made.key.id))
        case "revoke_all":
            await identity.revoke_keys(RevokeApiKeys(OPERATOR, merchant.id))
        case "rotate":
            await identity.rotate_key(
                RotateApiKey(make.ids.new("key"), OPERATOR, merchant.id, made.key.id, 0)
            )
        case _:
            await identity.change_merchant(
                ChangeMerchant(OPERATOR, merchant.id, MerchantState.SUSPENDED)
            )

    assert remembered.known(by_key(made.secret)) is None
    with pytest.raises(CredentialInvalid, match="Invalid API key"):
        await remembered.identify(by_key(made.secret))
    assert await remembered.identify(by_key(bystander.secret))


async def test_elsewhere_lost_rights_are_honoured_within_five_seconds(
    make: Make, identity: IdentityService, open_identity: Open, clock: MovableClock
) -> None:
    merchant = await make.merchant()
    made, kept = await make.key(merchant.id), await make.key(merchant.id)
    elsewhere, _ = remembering(await open_identity(), clock)
    await elsewhere._poll()  # pyright: ignore[reportPrivateUsage]
    for one in (made, kept):
        assert await elsewhere.identify(by_key(one.secret))
    clock.move(timedelta(seconds=4))
    await elsewhere._poll()  # pyright: ignore[reportPrivateUsage]

    await identity.revoke_key(RevokeApiKey(OPERATOR, merchant.id, made.key.id))
    clock.move(timedelta(seconds=5))

    assert elsewhere.known(by_key(made.secret)) is None
    await elsewhere._poll()  # pyright: ignore[reportPrivateUsage]
    assert elsewhere.known(by_key(made.secret)) is None
    with pytest.raises(CredentialInvalid):
        await elsewhere.identify(by_key(made.secret))
    assert await elsewhere.identify(by_key(kept.secret))


async def test_a_key_stays_known_for_a_minute_while_nothing_was_revoked(
    make: Make, identity: IdentityService, clock: MovableClock
) -> None:
    merchant = await make.merchant()
    credential = by_key((await make.key(merchant.id)).secret)
    remembered, _ = remembering(identity, clock)
    await remembered.identify(credential)
    known: list[bool] = []

    for _ in range(32):
        await remembered._poll()  # pyright: ignore[reportPrivateUsage]
        known.append(remembered.known(credential) is not None)
        clock.move(timedelta(seconds=2))

    assert known == [True] * 30 + [False] * 2
    await remembered.identify(credential)
    clock.move(timedelta(seconds=5))  # Nobody confirmed anything meanwhile.
    assert remembered.known(credential) is None


async def test_the_poll_runs_by_itself_and_stops(
    make: Make, identity: IdentityService, open_identity: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "POLL_SECONDS", 0.01)
    moving = MovableClock(identity._clock.now())  # pyright: ignore[reportPrivateUsage]
    merchant = await make.merchant()
    made = await make.key(merchant.id)
    elsewhere, counted = remembering(await open_identity(), moving)
    await elsewhere.start()
    assert await elsewhere.identify(by_key(made.secret))
    moving.move(timedelta(seconds=30))

    async def known(expected: bool) -> None:
        while (elsewhere.known(by_key(made.secret)) is not None) is not expected:
            await asyncio.sleep(0.01)

    await asyncio.wait_for(known(True), 30)
    await identity.revoke_key(RevokeApiKey(OPERATOR, merchant.id, made.key.id))
    await asyncio.wait_for(known(False), 30)
    await elsewhere.stop()
    await elsewhere.stop()

    assert [use.key for use in counted.uses][-1:] == [made.key.id]


async def test_an_answer_on_its_way_while_rights_are_taken_is_not_remembered(
    make: Make, identity: IdentityService, clock: MovableClock
) -> None:
    merchant = await make.merchant()
    made = await make.key(merchant.id)
    remembered, counted = remembering(identity, clock)
    counted.hold = asyncio.Event()
    asking = asyncio.create_task(remembered.identify(by_key(made.secret)))
    await counted.answering.wait()

    await identity.revoke_key(RevokeApiKey(OPERATOR, merchant.id, made.key.id))
    counted.hold.set()
    await asking

    assert remembered.known(by_key(made.secret)) is None
    with pytest.raises(CredentialInvalid):
        await remembered.identify(by_key(made.secret))


async def test_a_key_that_expires_is_not_known_a_moment_longer(
    make: Make, identity: IdentityService, clock: MovableClock
) -> None:
    merchant = await make.merchant()
    ends = clock.now() + timedelta(seconds=3)
    credential = by_key((await make.key(merchant.id, expires_at=ends)).secret)
    remembered, _ = remembering(identity, clock)
    await remembered._poll()  # pyright: ignore[reportPrivateUsage]
    await remembered.identify(credential)

    clock.move(timedelta(seconds=2))
    assert remembered.known(credential)
    clock.move(timedelta(seconds=1))

    assert remembered.known(credential) is None
    with pytest.raises(CredentialInvalid):
        await remembered.identify(credential)


@pytest.mark.parametrize("way", ["log_out", "remove", "demote"])
async def test_a_session_that_lost_its_rights_is_forgotten_at_once(
    make: Make, identity: IdentityService, clock: MovableClock, way: str
) -> None:
    merchant = await make.merchant()
    await make.member(merchant.id)
    member = await make.member(merchant.id, Role.ADMIN)
    new = await identity.log_in(LogIn(member.email, PASSWORD))
    remembered, _ = remembering(identity, clock)
    credential = by_key(new.token, CredentialKind.SESSION)
    assert (await remembered.identify(credential)).may("members.write")

    match way:
        case "log_out":
            await identity.log_out(new.token)
        case "remove":
            await identity.remove_member(RemoveMember(OPERATOR, merchant.id, member.id))
        case _:
            await identity.change_member(
                ChangeMember(OPERATOR, merchant.id, member.id, Role.AUDITOR)
            )

    assert remembered.known(credential) is None
    if way == "demote":
        assert not (await remembered.identify(credential)).may("members.write")
    else:
        with pytest.raises(CredentialInvalid):
            await remembered.identify(credential)


async def test_a_session_is_looked_at_anew_every_five_seconds(
    make: Make, identity: IdentityService, open_identity: Open, clock: MovableClock
) -> None:
    member = await make.member()
    new = await identity.log_in(LogIn(member.email, PASSWORD))
    elsewhere, _ = remembering(await open_identity(), clock)
    credential = by_key(new.token, CredentialKind.SESSION)
    await elsewhere._poll()  # pyright: ignore[reportPrivateUsage]
    await elsewhere.identify(credential)
    await identity.log_out(new.token)

    clock.move(timedelta(seconds=5))

    assert elsewhere.known(credential) is None


async def test_a_credential_counts_in_its_own_place_only(
    make: Make, identity: IdentityService, clock: MovableClock
) -> None:
    merchant = await make.merchant()
    key = (await make.key(merchant.id)).secret
    member = await make.member(merchant.id)
    token = (await identity.log_in(LogIn(member.email, PASSWORD))).token
    allowed = {
        (CredentialKind.API_KEY, key),
        (CredentialKind.BEARER, key),
        (CredentialKind.BEARER, token),
        (CredentialKind.SESSION, token),
    }
    remembered, _ = remembering(identity, clock)
    for kind, secret in allowed:
        await remembered.identify(by_key(secret, kind))

    for kind in CredentialKind:
        for secret in (key, token):
            credential = by_key(secret, kind)
            if (kind, secret) in allowed:
                assert remembered.known(credential)
            else:
                assert remembered.known(credential) is None
                with pytest.raises(CredentialInvalid):
                    await remembered.identify(credential)


async def test_strangers_are_let_in_at_a_rate_and_known_callers_do_not_notice(
    make: Make, identity: IdentityService, clock: MovableClock
) -> None:
    merchant = await make.merchant()
    made, later = await make.key(merchant.id), await make.key(merchant.id)
    remembered, counted = remembering(identity, clock)
    await remembered.identify(by_key(made.secret))
    refused = limited = 0
    for number in range(150):
        text = rules.new_key_text(
            KeyKind.SECRET, Mode.TEST, lambda size, n=number: bytes([n]) * size
        )
        try:
            await remembered.identify(by_key(Secret(text)))
        except CredentialInvalid:
            refused += 1
        except TooManyRequests:
            limited += 1

    assert (refused, limited) == (callers.STRANGERS_BURST, 50)
    assert counted.asked == 1 + callers.STRANGERS_BURST
    assert remembered.known(by_key(made.secret))
    with pytest.raises(TooManyRequests) as told:
        await remembered.identify(by_key(later.secret))
    assert told.value.retry_after_seconds == 1
    clock.move(timedelta(seconds=10))
    assert remembered.known(by_key(made.secret)) is None
    for _ in range(300):  # Right credentials cost nothing, however often.
        remembered.forget("")
        assert await remembered.identify(by_key(made.secret))
    assert await remembered.identify(by_key(later.secret))


async def test_the_memory_has_an_end(
    make: Make, identity: IdentityService, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callers, "REMEMBERED_MAX", 3)
    merchant = await make.merchant()
    credentials = [by_key((await make.key(merchant.id)).secret) for _ in range(5)]
    remembered, _ = remembering(identity, clock)

    for credential in credentials:
        await remembered.identify(credential)

    assert [remembered.known(one) is not None for one in credentials] == [False] * 2 + [True] * 3


async def test_uses_are_gathered_and_written_once(
    make: Make, identity: IdentityService, clock: MovableClock
) -> None:
    merchant = await make.merchant()
    made = await make.key(merchant.id)
    remembered, counted = remembering(identity, clock)
    await remembered.identify(by_key(made.secret))
    for _ in range(100):
        clock.move(timedelta(milliseconds=10))
        assert remembered.known(by_key(made.secret))

    await remembered.write_uses()
    await remembered.write_uses()

    assert counted.uses == [ApiKeyUse(made.key.id, clock.now())]
    seen = await identity.key(OPERATOR, merchant.id, made.key.id)
    assert seen.last_used_at == clock.now()


async def test_the_form_decides_what_a_text_may_be(make: Make, identity: IdentityService) -> None:
    merchant = await make.merchant()
    made = await make.key(merchant.id)

    for form in (CredentialForm.API_KEY, CredentialForm.ANY):
        assert (await identity.identify(Identify(form, made.secret))).holder == made.key.id
