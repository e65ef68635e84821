"""Profiles are data: every port and path has a row, and a planned row opens nothing."""

import asyncio
from pathlib import Path

import httpx2
import pytest
from tests.http.stand import NOON, Keys, Notebook, until

import bezant
from bezant.clock import MovableClock
from bezant.gateway.app import Alias, Ground, build
from bezant.gateway.health import Health
from bezant.gateway.profile import (
    MalformedProfile,
    Profile,
    load_profile,
    profile_names,
    read_profile,
)
from bezant.http.edge import Rules
from bezant.http.limits import MemoryLimits, Rule
from bezant.http.problems import DIALECTS
from bezant.http.routes import PUBLIC, Routes
from bezant.http.serve import Listening, Serving
from bezant.ids import Ids
from bezant.telemetry.metrics import Meters

NAMES = ("default", "merchant", "peopletrust", "platform", "poc")
EXISTING = frozenset(path.parent.name for path in Path(bezant.__file__).parent.glob("*/port.py"))
PORTS = {
    "default": {8080},
    "poc": {10000, 8001, 8002, 8003, 3000, 8081, 15672, 5432},
    "platform": {8280, 8243, 9443, 9444, 5432, 6379, 8000, 9092, 16686, *range(8001, 8007)},
    "peopletrust": {3000, 3001, 3002, 3003},
    "merchant": {3000},
}
UNITS = {
    "poc": "postgres_db rabbitmq softhsm keycloak envoy order_service payment_orchestrator "
    "fraud_engine reconciliation_worker frontend",
    "platform": "forex-service ledger-service payment-service profile-service rule-engine-service "
    "wallet-service",
    "peopletrust": "gateway auth payments ledger",
    "merchant": "api worker postgres redis",
}
PATHS = {
    "poc": {
        "POST /api/payment/tokenize",
        "ANY /api/order/*",
        "ANY /api/payment/*",
        "ANY /api/fraud/*",
    },
    "platform": {
        "GET /publisher",
        "GET /devportal",
        "GET /carbon",
        "GET /console",
        "GET /myaccount",
    },
    "peopletrust": {
        "POST /auth/signup",
        "POST /auth/login",
        "POST /auth/refresh",
        "POST /auth/2fa/setup",
        "POST /auth/biometric/setup",
        "GET /oauth/authorize",
        "POST /oauth/token",
        "POST /payments/send",
        "POST /payments/receive/{transactionId}",
        "POST /payments/request",
        "POST /payments/refund/{transactionId}",
        "GET /payments/transactions/{userId}",
        "POST /ledger/transactions",
        "GET /ledger/balances/{userId}/{currency}",
        "GET /ledger/transactions/{userId}",
        "POST /ledger/reconcile",
    },
    "merchant": {
        "POST /payments",
        "POST /api/payments",
        "GET /payments",
        "GET /payments/{id}",
        "PATCH /payments/{id}/refund",
    },
}


def test_the_profiles_are_these() -> None:
    assert profile_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_port_of_a_family_has_a_row(name: str) -> None:
    profile = load_profile(name)
    ports = {one.port for one in profile.listeners} | {
        one.port for one in profile.units if one.port
    }
    assert ports == PORTS[name]


@pytest.mark.parametrize("name", UNITS)
def test_every_unit_of_a_family_has_a_name(name: str) -> None:
    assert set(UNITS[name].split()) <= set(load_profile(name).names())


@pytest.mark.parametrize("name", PATHS)
def test_every_path_of_a_family_has_a_row(name: str) -> None:
    rows = {f"{row.method} {row.path}" for row in load_profile(name).paths}
    assert PATHS[name] <= rows


def test_a_vendors_own_ports_have_no_counterpart() -> None:
    assert load_profile("platform").no_counterpart == (9764, 9999, 11111, 5005)


@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_planned_just_as_long_as_its_module_is_missing(name: str) -> None:
    profile = load_profile(name)
    for listener in profile.listeners:
        built = "*" in listener.modules or any(module in EXISTING for module in listener.modules)
        if not listener.tls:
            assert listener.planned is not built, listener
    for row in (*profile.units, *profile.paths):
        built = row.module in EXISTING | {"gateway"}
        assert row.planned is not built, row


@pytest.mark.parametrize("name", NAMES)
async def test_every_open_row_answers_and_no_planned_row_does(name: str) -> None:
    profile = load_profile(name)
    opened = profile.opens(EXISTING)
    assert opened
    assert not [listener for listener in opened if listener.planned]
    serving = Serving([Listening("127.0.0.1", 0, _edge(profile, one.unit)) for one in opened])
    bound = serving.bind()
    running = asyncio.create_task(serving.run())
    await until(lambda: serving.started)
    try:
        async with httpx2.AsyncClient() as client:
            for listener, (_, port) in zip(opened, bound, strict=True):
                base = f"http://127.0.0.1:{port}"
                health = await client.get(f"{base}/health")
                assert (health.status_code, health.json()["service"]) == (200, listener.unit)
                for path in ("/docs", "/redoc", "/openapi.json", "/openapi.yaml", "/ready"):
                    assert (await client.get(base + path)).status_code == 200
                for module in EXISTING:
                    answer = await client.get(f"{base}/v1/{module}")
                    assert answer.status_code == (200 if listener.serves(module) else 404)
    finally:
        serving.stop()
        await running


def _edge(profile: Profile, unit: str) -> object:
    listener = profile.listener(unit)
    assert listener is not None
    clock = MovableClock(NOON)
    ground = Ground(
        Keys(Notebook()), MemoryLimits(lambda: 0.0), Meters(), Ids(clock), Health(clock)
    )
    return build(
        [_routes(module) for module in sorted(EXISTING) if listener.serves(module)],
        service=unit,
        ground=ground,
        rules=Rules(dialect=profile.dialect),
        aliases=[Alias(path, of) for path, of in listener.aliases],
        services={name: frozenset(modules) for name, modules in listener.services.items()},
    )


def _routes(module: str) -> Routes:
    routes = Routes(module)

    @routes.get(f"/v1/{module}", permission=PUBLIC)
    async def answer() -> str:
        return module

    del answer
    return routes


@pytest.mark.requirement("S003-2")
def test_the_merchants_limit_is_the_familys() -> None:
    merchant = load_profile("merchant")
    assert merchant.address_rule == Rule(100, 900.0)
    assert merchant.settings["RATE_LIMIT"] == "100"
    assert merchant.settings["RATE_LIMIT_WINDOW"] == "900000"
    assert merchant.dialect is DIALECTS["merchant"]


@pytest.mark.requirement("S003-1")
async def test_the_merchants_api_answers_below_api_too() -> None:
    serving = Serving([Listening("127.0.0.1", 0, _edge(load_profile("merchant"), "api"))])
    ((_, port),) = serving.bind()
    running = asyncio.create_task(serving.run())
    await until(lambda: serving.started)
    try:
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            assert (await client.get("/v1/ledger")).text == (
                await client.get("/api/v1/ledger")
            ).text
            assert (await client.get("/api/health")).status_code == 404
    finally:
        serving.stop()
        await running


@pytest.mark.requirement("S001-3", "S002-6")
def test_a_profile_brings_settings() -> None:
    assert load_profile("peopletrust").settings["DB_NAME"] == "PeopleTrustPay"
    for name in NAMES:
        profile = load_profile(name)
        assert profile.settings["PORT"] == str(profile.main.port)


ROW = '[[listener]]\nunit = "a"\nport = {port}\nmain = {main}\nmodules = ["*"]\n'
HEAD = 'name = "a"\ntitle = "A"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD, "main one"),
        (HEAD + ROW.format(port=1, main="false"), "main one"),
        (HEAD + ROW.format(port=1, main="true") + "planned = true\n", "main one"),
        (HEAD + ROW.format(port=1, main="true") + ROW.format(port=1, main="false"), "one port"),
        (HEAD + ROW.format(port=0, main="true"), "from 1 to 65535"),
        (HEAD + ROW.format(port=70_000, main="true"), "from 1 to 65535"),
        ('title = "A"\n' + ROW.format(port=1, main="true"), "name is missing"),
        (HEAD + '[edge]\nproblems = "rude"\n' + ROW.format(port=1, main="true"), "told in one of"),
        (HEAD + "[edge]\naddress_requests = 0\naddress_window_seconds = 1\n", "above 0"),
        (
            HEAD
            + ROW.format(port=1, main="true")
            + '[[path]]\nat = "GET /a"\nunit = "b"\nmodule = "m"\nrequirement = "S"\n',
            "no row",
        ),
    ],
)
def test_a_profile_that_cannot_be_is_refused(text: str, said: str) -> None:
    with pytest.raises(MalformedProfile, match=said):
        read_profile(text)
    read_profile(HEAD + ROW.format(port=1, main="true"))


def test_an_unknown_profile_is_told_which_there_are() -> None:
    with pytest.raises(MalformedProfile, match="default, merchant, peopletrust, platform, poc"):
        load_profile("nothing")
