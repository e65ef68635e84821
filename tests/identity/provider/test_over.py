"""What strangers leave behind goes once it is over, and nobody leaves more than they may."""

from datetime import timedelta

import psycopg
import pytest
from httpx2 import ASGITransport, AsyncClient
from tests.harness.cluster import TestDatabase
from tests.identity.provider.stand import Stand, edge_of
from tests.identity.provider.words import BASE, BELOW, PARTNER_CALLBACK

from bezant.http.limits import Rule
from bezant.identity.provider.ways import CODE_LIFE, WAY_LIFE
from bezant.identity.store.over import CLOCKS_APART
from bezant.identity.tidying import AT_ONCE_MAX

pytestmark = pytest.mark.requirement("S002-2", part="rate limits")
TABLES = ("interaction", "spent_proof", "pushed_request", "delegation", "authorization_code")
A_FLOOD = """
    WITH flood AS (SELECT sha256(n::text::bytea) AS hash FROM generate_series(1, %(many)s) AS n)
    , proofs AS (
        INSERT INTO identity.spent_proof (hash, spent_until) SELECT hash, %(ends)s FROM flood
    )
    INSERT INTO identity.interaction (hash, browser, client, request, expires_at)
    SELECT hash, hash, (SELECT id FROM identity.client LIMIT 1), '{}', %(ends)s FROM flood
"""


def counted(database: TestDatabase) -> dict[str, int]:
    with psycopg.connect(database.administrator_dsn) as connection:
        found: dict[str, int] = {}
        for table in TABLES:
            row = connection.execute(f"SELECT count(*) FROM identity.{table}").fetchone()
            assert row
            found[table] = row[0]
        return found


async def test_however_much_ran_out_all_of_it_goes_at_once_and_nothing_that_counts(
    stand: Stand, identity_database: TestDatabase
) -> None:
    many = 2 * AT_ONCE_MAX + 1
    with psycopg.connect(identity_database.administrator_dsn) as connection:
        connection.execute(A_FLOOD, {"many": many, "ends": stand.clock.now() + WAY_LIFE})
    stand.clock.move(WAY_LIFE + CLOCKS_APART * 2)
    answer = await stand.authorize(person := stand.person())
    assert (await stand.robot_token()).status_code == 200
    assert counted(identity_database)["interaction"] == many + 1, "the control"
    assert await stand.service.tidy() == 2 * many
    left = counted(identity_database)
    assert (left["interaction"], left["spent_proof"], left["delegation"]) == (1, 1, 1)
    assert (await person.get(answer.headers["location"])).status_code == 200


async def test_a_proof_is_remembered_as_long_as_it_could_be_shown_again(
    stand: Stand, identity_database: TestDatabase
) -> None:
    shown = stand.assertion(stand.robot, "robot")
    given = {"grant_type": "client_credentials", **shown}
    assert (await stand.ask("token", None, **given)).status_code == 200
    for _ in range(12):
        await stand.service.tidy()
        again = await stand.ask("token", None, **given)
        assert (again.status_code, again.json()["error"]) == (401, "invalid_client")
        stand.clock.move(CLOCKS_APART)
    await stand.service.tidy()
    assert counted(identity_database)["spent_proof"] == 0


async def test_what_a_code_allowed_goes_if_nobody_comes_for_it(
    stand: Stand, identity_database: TestDatabase
) -> None:
    person = stand.person()
    partner = stand.assertion(stand.partner, "partner")
    wish = stand.wish(client_id="partner", redirect_uri=PARTNER_CALLBACK)
    assert (await stand.ask("ext/par/request", None, **wish, **partner)).status_code == 201
    assert counted(identity_database)["pushed_request"] == 1
    await stand.code(person)
    tokens = (await stand.exchange(await stand.code(person))).json()
    stand.clock.move(CODE_LIFE)
    await stand.service.tidy()
    assert counted(identity_database)["delegation"] == 2
    stand.clock.move(CLOCKS_APART * 2)
    await stand.service.tidy()
    assert counted(identity_database)["delegation"] == 1
    assert (await stand.refresh(tokens["refresh_token"])).status_code == 200
    stand.clock.move(timedelta(days=30) + CLOCKS_APART * 2)
    await stand.service.tidy()
    assert counted(identity_database) == dict.fromkeys(TABLES, 0)


async def test_an_address_begins_only_so_many_ways(
    stand: Stand, identity_database: TestDatabase
) -> None:
    edge = edge_of(stand.service, stand.callers, stand.clock, guarded=Rule(3, 600))

    async def ask(address: str) -> tuple[int, str]:
        transport = ASGITransport(app=edge, client=(address, 40_000))
        async with AsyncClient(transport=transport, base_url=BASE) as client:
            answer = await client.get(f"{BELOW}/auth", params=stand.wish())
            if answer.status_code == 429:
                assert int(answer.headers["retry-after"]) > 100
                assert answer.json()["code"] == "too_many_requests"
            return answer.status_code, answer.headers.get("location", "")[:9]

    told = [await ask("203.0.113.7") for _ in range(5)]
    assert told == [(303, "/sign-in/")] * 3 + [(429, "")] * 2
    assert counted(identity_database)["interaction"] == 3
    assert await ask("203.0.113.8") == (303, "/sign-in/")
