"""What an operator writes about issuers is taken as it stands or refused with the reason."""

from pathlib import Path

import pytest

from bezant.actor import PLATFORM, Mode
from bezant.identity.member import Role
from bezant.identity.outside.file import read_trusted
from bezant.identity.outside.trusted import SAMPLE, MalformedTrust, Trusted
from bezant.secret import Secret
from bezant.settings import Outside
from bezant.wiring.outside import trusted_of

pytestmark = pytest.mark.requirement("S001-2", part="outside issuers")

MERCHANT = "mer_" + "1" * 32
ENTRY = f"""
[keycloak]
issuer = "https://login.example/realms/shop"
merchant = "{MERCHANT}"
audience = "bezant"
roles_claim = "realm_access.roles"
client_id = "pages"
client_secret_file = "secret"
[keycloak.roles]
boss = "admin"
clerk = "support"
"""


def read(text: str, *, live: bool = True) -> tuple[Trusted, ...]:
    return read_trusted(text.encode(), live=live, read_secret=lambda path: f"secret of {path}\n")


def test_an_entry_is_read_whole() -> None:
    (one,) = read(ENTRY)
    assert (one.name, one.title, one.tenant, one.mode) == (
        "keycloak", "keycloak", MERCHANT, Mode.LIVE,
    )  # fmt: skip
    assert list(one.roles.items()) == [("boss", Role.ADMIN), ("clerk", Role.SUPPORT)]
    assert one.client_secret.reveal() == "secret of secret"
    assert "secret of" not in repr(one)


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        ('issuer = "https://login.example/realms/shop"', 'issuer = "http://login.example/"'),
        ('issuer = "https://login.example/realms/shop"', 'issuer = "http://127.0.0.1:8080"'),
        ('issuer = "https://login.example/realms/shop"', 'issuer = "https://a@login.example/"'),
        ('issuer = "https://login.example/realms/shop"', 'issuer = "https://login.example/?a=b"'),
        (f'merchant = "{MERCHANT}"', 'merchant = "somebody"'),
        (f'merchant = "{MERCHANT}"', ""),
        ('audience = "bezant"', 'audience = "pages"'),
        ('audience = "bezant"', 'audience = ""'),
        ('boss = "admin"', 'boss = "root"'),
        ('boss = "admin"\nclerk = "support"', ""),
        ('client_id = "pages"', 'client_id = "pages"\nalgorithms = ["HS256"]'),
        ('client_id = "pages"', 'client_id = "pages"\nalgorithms = ["none"]'),
        ('client_id = "pages"', 'client_id = "pages"\nalgorithms = []'),
        ('client_id = "pages"', 'client_id = "pages"\nhosts = ["http://keys.example"]'),
        ('client_id = "pages"', 'client_id = "pages"\nverify = false'),
        ('client_id = "pages"', 'client_id = "pages"\nroles_claim = "a"'),
        ('client_secret_file = "secret"', "opaque = true"),
        ("[keycloak]", "[Key Cloak]"),
    ],
)
def test_what_cannot_be_trusted_is_refused(written: str, instead: str) -> None:
    assert written in ENTRY
    with pytest.raises(MalformedTrust):
        read(ENTRY.replace(written, instead))


def test_two_entries_never_mean_one_token() -> None:
    twin = ENTRY.replace("[keycloak", "[twin")
    elsewhere = twin.replace("login.example", "other.example")
    assert len(read(ENTRY + elsewhere)) == 2
    opaque = 'client_id = "pages"\nopaque = true'
    for text in (
        ENTRY + twin,
        (ENTRY + elsewhere).replace('client_id = "pages"', opaque),
    ):
        with pytest.raises(MalformedTrust):
            read(text)


def test_a_wso2_server_is_trusted_by_its_address_and_a_merchant(tmp_path: Path) -> None:
    url = Secret("https://is.example:9443")
    settings = Outside(wso2_url=url, wso2_merchant=PLATFORM, wso2_client_id="pages")
    (one,) = trusted_of(settings, live=True, audience="https://pay.example")
    assert (one.issuer, one.audience, one.tenant) == (
        "https://is.example:9443/oauth2/token", "https://pay.example", PLATFORM,
    )  # fmt: skip
    assert one.roles["finance"] is Role.FINANCE
    with pytest.raises(MalformedTrust, match="WSO2_IS_MERCHANT is missing"):
        trusted_of(Outside(wso2_url=url), live=True, audience="https://pay.example")
    (demo,) = trusted_of(Outside(wso2_url=url), live=False, audience="https://pay.example")
    assert demo.tenant == SAMPLE
    named = Outside(wso2_url=Secret("https://kc.example/realms/a/"), wso2_merchant=MERCHANT)
    (keycloak,) = trusted_of(named, live=True, audience="https://pay.example")
    assert keycloak.issuer == "https://kc.example/realms/a"
    with pytest.raises(MalformedTrust):
        trusted_of(Outside(issuers=tmp_path / "missing"), live=True, audience="https://a.example")
