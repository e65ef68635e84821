"""What a start refuses: well-known secrets where it is live, and databases over open lines."""

import pytest

from bezant.settings import Given, Source, read, refusals, well_known


def settings_of(**texts: str):
    found = {name: Given(text, Source.ENVIRONMENT) for name, text in texts.items()}
    return read(found, modules=("ledger",))


WELL_KNOWN = [
    ("KEYCLOAK_ADMIN_PASSWORD", "admin", "admin/admin"),
    ("REDIS_PASSWORD", "guest", "guest/guest"),
    ("SOFTHSM_USER_PIN", "5678", "5678"),
    ("SOFTHSM_SO_PIN", "1234", "1234"),
    ("KEYCLOAK_ADMIN_PASSWORD", "ChangeMe123!", "ChangeMe123!"),
    ("JWT_SECRET", "wso2carbon", "wso2carbon"),
    ("REDIS_PASSWORD", "redis-secret", "redis-secret"),
    ("DB_PASSWORD", "secure-password", "secure-password"),
    ("JWT_SECRET", "your-jwt-secret-key", "your-jwt-secret-key"),
    ("DATABASE_URL", "postgresql://u:secure-password@localhost/d", "secure-password"),
    ("DATABASE_URL", "postgresql://u:ChangeMe123%21@localhost/d", "ChangeMe123!"),
    ("REDIS_URL", "redis://:redis-secret@localhost/0", "redis-secret"),
    ("LEDGER_DATABASE_URL", "postgresql://u:guest@localhost/d", "guest/guest"),
]


@pytest.mark.requirement("S000-15")
@pytest.mark.parametrize(("name", "text", "known_as"), WELL_KNOWN)
def test_a_live_installation_refuses_every_well_known_secret_by_name(name, text, known_as):
    settings = settings_of(**{name: text})
    (mistake,) = refusals(settings, live=True)
    assert mistake.name == name
    assert known_as in mistake.problem
    assert refusals(settings, live=False) == ()


@pytest.mark.requirement("S000-15")
def test_a_secret_of_ones_own_is_accepted():
    texts = {name: "Xy7-" + text for name, text, _ in WELL_KNOWN if "://" not in text}
    assert refusals(settings_of(**texts), live=True) == ()


def test_a_name_that_is_no_secret_may_be_any_word():
    assert well_known(settings_of(KEYCLOAK_ADMIN="admin", DB_USER="guest")) == ()


@pytest.mark.requirement("S002-6")
def test_a_live_provider_key_works_in_a_live_installation_only():
    settings = settings_of(STRIPE_SECRET_KEY="sk_live_abc")
    assert [mistake.name for mistake in refusals(settings, live=False)] == ["STRIPE_SECRET_KEY"]
    assert refusals(settings, live=True) == ()
    assert refusals(settings_of(STRIPE_SECRET_KEY="sk_test_abc"), live=False) == ()


REFUSED = [
    "postgresql://u@db.example/d",
    "postgresql://u@db.example/d?sslmode=require",
    "postgresql://u@10.0.0.1:5432/d?sslmode=prefer",
    "postgresql://u@[2001:db8::1]:5432/d",
    "postgresql://u@localhost,db.example/d",
    "postgresql://u@localhost/d?host=db.example",
    "postgresql://u@localhost/d?hostaddr=192.0.2.7",
    "postgresql://u@/d?service=far",
    "postgresql://u@localhost.db.example/d",
    "postgresql://u@db.example/d?sslmode=verify-full&sslmode=disable",
]
ACCEPTED = [
    "postgresql://u@localhost/d",
    "postgresql://u@localhost:5433/d",
    "postgresql://u@127.0.0.1/d?sslmode=disable",
    "postgresql://u@127.9.9.9:5432/d",
    "postgresql://u@[::1]:5432/d",
    "postgresql:///d?host=/run/postgresql",
    "postgresql://u@%2Frun%2Fpostgresql/d",
    "postgresql://u@db.example/d?sslmode=verify-full",
    "postgresql://u@db.example/d?sslmode=verify-ca&sslrootcert=/etc/ca.pem",
]


@pytest.mark.requirement("S001-9")
@pytest.mark.parametrize("name", ["DATABASE_URL", "LEDGER_DATABASE_URL"])
@pytest.mark.parametrize("address", REFUSED)
def test_a_database_on_another_host_without_verified_tls_is_refused(name, address):
    (mistake,) = refusals(settings_of(**{name: address}), live=False)
    assert mistake.name == name
    assert "verify-full" in mistake.remedy


@pytest.mark.requirement("S001-9")
@pytest.mark.parametrize("address", ACCEPTED)
def test_a_database_here_or_behind_verified_tls_is_accepted(address):
    assert refusals(settings_of(DATABASE_URL=address), live=False) == ()


@pytest.mark.requirement("S001-9", "S003-4")
def test_the_same_holds_for_a_database_given_in_parts():
    (mistake,) = refusals(settings_of(DB_HOST="db.example"), live=False)
    assert mistake.name == "DB_SSLMODE"
    assert refusals(settings_of(DB_HOST="db.example", DB_SSLMODE="verify-full"), live=False) == ()
    assert refusals(settings_of(DB_HOST="::1"), live=False) == ()
    assert refusals(settings_of(DB_HOST="/run/postgresql"), live=False) == ()


def test_a_live_start_is_told_whose_people_a_wso2_server_vouches_for():
    given = {"WSO2_IS_URL": "https://is.example:9443"}
    (mistake,) = refusals(settings_of(**given), live=True)
    assert (mistake.name, "mer_" in mistake.remedy) == ("WSO2_IS_MERCHANT", True)
    assert refusals(settings_of(**given), live=False) == ()
    assert refusals(settings_of(**given, WSO2_IS_MERCHANT="platform"), live=True) == ()
