"""When a partner signed last is written down, so that nobody keeps a key that nobody uses."""

from datetime import timedelta

import pytest
from tests.identity.conftest import PASSWORD
from tests.identity.signed.conftest import Desk, Partners

from bezant.clock import MovableClock
from bezant.identity import ApiKeyUse, LogIn
from bezant.ids import Ids

pytestmark = pytest.mark.requirement("S001-7", part="the last use of signers")


async def last_use(desk: Desk, signer: str) -> object:
    found = await desk.stand.service.signer(desk.admin, desk.stand.merchant.id, signer)
    return found.last_used_at


async def test_a_signed_request_is_a_use_and_a_refused_one_is_none(
    desk: Desk, partners: Partners, clock: MovableClock
) -> None:
    used, idle = await partners(), await partners()
    refused = await desk.who(idle, created=int(clock.now().timestamp()) - 3_600)
    assert refused.status_code == 401
    assert (await desk.who(used)).status_code == 200
    await desk.stand.callers.write_uses()
    assert await last_use(desk, used.id) == clock.now()
    assert await last_use(desk, idle.id) is None


async def test_a_certificate_is_a_use_of_its_signer(
    desk: Desk, partners: Partners, clock: MovableClock
) -> None:
    partner = await partners("ecdsa-p256-sha256")
    made = await desk.certified(partner)
    clock.move(timedelta(minutes=3))
    assert (await desk.shown(made.certificate)).status_code == 200
    await desk.stand.callers.write_uses()
    assert await last_use(desk, partner.id) == clock.now()


async def test_keys_and_signers_are_written_down_together_and_never_earlier(
    desk: Desk, partners: Partners, clock: MovableClock
) -> None:
    service, partner, ids = desk.stand.service, await partners(), Ids(clock)
    key = (await desk.stand.make.key(desk.stand.merchant.id)).key
    now = clock.now()
    await service.note_uses((ApiKeyUse(key.id, now), ApiKeyUse(partner.id, now)))
    await service.note_uses((ApiKeyUse(partner.id, now - timedelta(hours=1)),))
    await service.note_uses((ApiKeyUse(ids.new("sgn"), now),))
    assert await last_use(desk, partner.id) == now
    found = await service.key(desk.admin, desk.stand.merchant.id, key.id)
    assert found.last_used_at == now


async def test_the_list_tells_it(desk: Desk, partners: Partners, clock: MovableClock) -> None:
    partner, merchant = await partners(), desk.stand.merchant.id
    assert (await desk.who(partner)).status_code == 200
    await desk.stand.callers.write_uses()
    member = await desk.stand.make.member(merchant)
    new = await desk.stand.service.log_in(LogIn(member.email, PASSWORD, merchant))
    headers = {"authorization": f"Bearer {new.token.reveal()}"}
    (listed,) = (await desk.get(headers, "/v1/signers")).json()["data"]
    assert (listed["id"], listed["algorithm"]) == (partner.id, "ed25519")
    assert listed["last_used_at"] is not None
    assert listed["revoked_at"] is None
