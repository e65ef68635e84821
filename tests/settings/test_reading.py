"""Texts become settings: one order of precedence, every mistake named, no value ever repeated."""

from dataclasses import fields

import pytest

from bezant.cli.environment import merge
from bezant.settings import Given, SettingsWrong, Source, every_named, read, unused

SECRET = "correct-horse-battery-staple"


def given(**texts: str) -> dict[str, Given]:
    return {name: Given(text, Source.ENVIRONMENT) for name, text in texts.items()}


@pytest.mark.requirement("S001-8")
@pytest.mark.parametrize(
    ("profile", "file", "environment", "command_line", "port"),
    [
        (None, None, None, None, 8080),
        ("3000", None, None, None, 3000),
        ("3000", "4000", None, None, 4000),
        ("3000", "4000", "5000", None, 5000),
        ("3000", "4000", "5000", "6000", 6000),
        (None, "4000", None, "6000", 6000),
        ("3000", None, "5000", None, 5000),
    ],
)
def test_the_command_line_beats_the_environment_beats_the_file_beats_the_profile(
    profile, file, environment, command_line, port
):
    texts = {
        Source.PROFILE: profile,
        Source.FILE: file,
        Source.ENVIRONMENT: environment,
        Source.COMMAND_LINE: command_line,
    }
    sources = {source: {"PORT": text} for source, text in texts.items() if text is not None}
    assert read(merge(sources)).platform.port == port


def test_an_empty_text_is_the_same_as_none():
    assert read(given(PORT="", DATABASE_URL="")).platform.port == 8080


@pytest.mark.requirement("S003-5")
def test_the_database_url_beats_its_parts_wherever_they_come_from():
    texts = {
        "DATABASE_URL": Given("postgresql://a@localhost/one", Source.PROFILE),
        "DB_HOST": Given("localhost", Source.COMMAND_LINE),
    }
    address = read(texts).database.address()
    assert address is not None
    assert address.reveal() == "postgresql://a@localhost/one"


@pytest.mark.requirement("S002-6")
def test_parts_of_a_database_become_one_address_with_every_character_kept():
    settings = read(
        given(DB_HOST="localhost", DB_PASSWORD="p@ss:w/rd?#", DB_NAME="a b", DB_PORT="6000")
    )
    address = settings.database.address()
    assert address is not None
    assert address.reveal() == (
        "postgresql://PeopleTrustPay:p%40ss%3Aw%2Frd%3F%23@localhost:6000/a%20b?sslmode=prefer"
    )


@pytest.mark.requirement("S000-13")
def test_a_password_alone_does_not_turn_the_embedded_database_off():
    assert read(given(DB_PASSWORD=SECRET)).database.address() is None


@pytest.mark.requirement("S003-5")
@pytest.mark.parametrize(
    ("texts", "address"),
    [
        ({}, None),
        ({"REDIS_HOST": "cache"}, "redis://cache:6379/0"),
        (
            {"REDIS_HOST": "cache", "REDIS_PORT": "7000", "REDIS_PASSWORD": "a/b"},
            "redis://:a%2Fb@cache:7000/0",
        ),
        ({"REDIS_HOST": "cache", "REDIS_URL": "rediss://other:1/2"}, "rediss://other:1/2"),
    ],
)
def test_the_redis_url_beats_its_parts(texts, address):
    redis = read(given(**texts)).messages.redis()
    assert (redis.reveal() if redis else None) == address


@pytest.mark.requirement("S003-2")
def test_misspelt_names_of_the_rate_limit_are_understood_and_the_right_ones_win():
    assert read(given(RATIONALE_LIMIT="7")).edge.rate_limit == 7
    assert read(given(RATIONALE_WINDOW="9000")).edge.rate_window_milliseconds == 9000
    assert read(given(RATIONALE_LIMIT="7", RATE_LIMIT="8")).edge.rate_limit == 8
    stronger = given(RATE_LIMIT="8") | {"RATIONALE_LIMIT": Given("7", Source.COMMAND_LINE)}
    assert read(stronger).edge.rate_limit == 7


@pytest.mark.requirement("S003-5")
@pytest.mark.parametrize(
    ("word", "live"), [("production", True), ("development", False), ("test", False)]
)
def test_node_env_production_means_live(word, live):
    assert read(given(NODE_ENV=word)).live is live


def test_a_module_may_have_a_database_of_its_own():
    texts = given(LEDGER_DATABASE_URL="postgresql://l@localhost/ledger_db", MARS_DATABASE_URL="x")
    settings = read(texts, modules=("ledger", "identity"))
    assert {module: url.reveal() for module, url in settings.database.modules.items()} == {
        "ledger": "postgresql://l@localhost/ledger_db"
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PORT", SECRET),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", "8_0"),
        ("PORT", "٣٠٠٠"),
        ("PORT", "9" * 5000),
        ("LOG_LEVEL", SECRET),
        ("BEZANT_PROFILE", SECRET),
        ("BEZANT_LIVE", SECRET),
        ("DATABASE_URL", SECRET),
        ("DATABASE_URL", f"mysql://u:{SECRET}@h/d"),
        ("DATABASE_URL", f"postgresql://u:{SECRET}@h:notaport/d"),
        ("REDIS_URL", f"http://:{SECRET}@h"),
        ("WSO2_IS_URL", f"ftp://{SECRET}"),
        ("TRUSTED_PROXIES", SECRET),
        ("RATE_LIMIT", "1e9"),
        ("WEBHOOK_TIMEOUT", "5 s"),
        ("WEBHOOK_SIGNATURE_VERSION", SECRET),
        ("ENVOY_LOG_LEVEL", SECRET),
        ("DB_SSLMODE", SECRET),
    ],
)
def test_a_mistake_names_the_setting_and_the_remedy_and_never_the_value(name, text):
    with pytest.raises(SettingsWrong) as wrong:
        read(given(**{name: text}))
    (mistake,) = wrong.value.mistakes
    assert mistake.name == name
    assert mistake.remedy.startswith("write ")
    assert text not in str(wrong.value)
    assert SECRET not in str(wrong.value)


def test_every_mistake_is_told_at_once():
    with pytest.raises(SettingsWrong) as wrong:
        read(given(PORT="x", LOG_LEVEL="y", RATE_LIMIT="z"))
    assert {mistake.name for mistake in wrong.value.mistakes} == {"PORT", "LOG_LEVEL", "RATE_LIMIT"}


def test_no_secret_shows_itself_in_print_or_repr():
    names = [about.name for _, about, _ in every_named() if about.secret]
    addresses = {"DATABASE_URL": "postgresql", "REDIS_URL": "redis", "SMTP_URL": "smtp"}
    texts = {
        name: f"{addresses.get(name, 'https')}://u:{SECRET}@localhost/x"
        if name.endswith(("_URL", "_DSN"))
        else SECRET
        for name in names
    }
    settings = read(given(**texts))
    told = repr(settings)
    for group in fields(settings):
        told += str(getattr(settings, group.name)) if group.name != "given" else ""
    assert SECRET not in told
    assert len(names) >= 8


@pytest.mark.requirement("S000-13", "S001-8", "S002-6", "S003-2", "S003-3", "S003-5")
def test_every_name_the_families_use_is_understood():
    families = {
        *(
            "DB_PASSWORD",
            "STRIPE_SECRET_KEY",
            "LOG_LEVEL",
            "KEYCLOAK_ADMIN",
            "KEYCLOAK_ADMIN_PASSWORD",
        ),
        *("ENVOY_LOG_LEVEL", "SOFTHSM_MODULE", "SOFTHSM_USER_PIN", "DATABASE_URL", "REDIS_URL"),
        *("KAFKA_BOOTSTRAP_SERVERS", "OTEL_EXPORTER_OTLP_ENDPOINT", "WSO2_IS_URL", "DB_HOST"),
        *(
            "DB_PORT",
            "DB_NAME",
            "DB_USER",
            "JWT_SECRET",
            "RP_ID",
            "EXPECTED_ORIGIN",
            "PLAID_CLIENT_ID",
        ),
        *("ETHEREUM_RPC_URL", "CORS_ORIGINS", "RATE_LIMIT", "RATE_LIMIT_WINDOW", "RATIONALE_LIMIT"),
        *(
            "RATIONALE_WINDOW",
            "TRUSTED_PROXIES",
            "WEBHOOK_RETRY_MAX",
            "WEBHOOK_TIMEOUT",
            "WEBHOOK_SIGNATURE_VERSION",
        ),
        *("REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD", "NODE_ENV", "PORT", "API_URL", "LOG_FILE"),
        *("SENTRY_DSN",),
    }
    known = {name for _, about, _ in every_named() for name in (about.name, *about.aliases)}
    assert families - known == set()


def test_defaults_are_the_ones_the_families_name():
    settings = read({})
    assert settings.edge.rate_window_milliseconds == 900_000
    assert settings.messages.webhook_timeout_milliseconds == 5_000
    assert settings.messages.webhook_retry_max is None
    assert (settings.database.name, settings.database.user) == ("PeopleTrustPay", "PeopleTrustPay")
    assert (settings.platform.host, settings.platform.port) == ("127.0.0.1", 8080)


def test_settings_that_nothing_uses_yet_are_listed_when_given():
    assert unused(read({})) == ()
    given_ = given(PLAID_CLIENT_ID="bank-1", PORT="1")
    assert dict(unused(read(given_))) == {"PLAID_CLIENT_ID": "bank linking"}
