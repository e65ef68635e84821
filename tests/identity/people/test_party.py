"""Whose passkeys these are, and which server takes letters: as the settings say, or not at all."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from bezant.clock import RealClock
from bezant.db.jobs import Tick
from bezant.identity.people.delivering import Post
from bezant.identity.people.party import MalformedParty, party_of
from bezant.identity.people.smtp import MalformedServer
from bezant.identity.provider.issuer import Issuer
from bezant.settings import read
from bezant.settings.texts import Given, Source
from bezant.wiring.people import deliver_letters, party_of_settings

HERE = Issuer("http://localhost:8080", origins=frozenset({"http://127.0.0.1:8080"}))
THERE = Issuer("https://id.shop.example", origins=frozenset({"http://localhost:8080"}))


def test_without_settings_passkeys_belong_to_the_issuers_own_host() -> None:
    assert party_of(HERE).domain == "localhost"
    assert party_of(HERE).origins == ("http://localhost:8080",)
    assert party_of(THERE).domain == "id.shop.example"
    assert party_of(THERE).origins == ("https://id.shop.example",)
    assert party_of(Issuer("http://127.0.0.1:8080")).origins == ()


def test_a_domain_covers_the_pages_at_and_below_it() -> None:
    pages = ("https://shop.example", "https://office.shop.example")
    party = party_of(THERE, "shop.example", pages)
    assert (party.domain, party.origins) == ("shop.example", pages)


@pytest.mark.parametrize(
    ("domain", "origins"),
    [
        ("shop.example", ("https://evil.example",)),
        ("shop.example", ("https://notshop.example",)),
        ("shop.example", ("http://shop.example",)),
        ("shop.example", ("https://shop.example/page",)),
        ("shop.example", ("https://shop.example", "https://evil.example")),
        ("other.example", ()),
    ],
)
def test_a_page_that_is_not_the_domains_is_refused(domain: str, origins: tuple[str, ...]) -> None:
    with pytest.raises(MalformedParty):
        party_of(THERE, domain, origins)


def settings_with(**variables: str) -> Any:
    return read({name: Given(text, Source.ENVIRONMENT) for name, text in variables.items()})


@pytest.mark.requirement("S002-6", part="RP_ID and EXPECTED_ORIGIN")
def test_the_families_settings_are_read() -> None:
    settings = settings_with(
        ISSUER_URL="https://pay.shop.example",
        RP_ID="shop.example",
        EXPECTED_ORIGIN="https://shop.example, https://pay.shop.example",
    )
    party = party_of_settings(settings)
    assert party.domain == "shop.example"
    assert party.origins == ("https://shop.example", "https://pay.shop.example")


async def test_letters_are_delivered_where_a_server_is_named_and_only_there() -> None:
    posts: list[Post] = []

    async def deliver(post: Post) -> int:
        posts.append(post)
        return 0

    def ticks(**variables: str) -> list[Tick]:
        site = SimpleNamespace(live=True)
        bench = SimpleNamespace(
            settings=settings_with(**variables), site=site, real=RealClock(), ticks=[]
        )
        deliver_letters(cast("Any", bench), cast("Any", SimpleNamespace(deliver=deliver)))
        return bench.ticks

    assert ticks() == []
    with pytest.raises(MalformedServer):
        ticks(SMTP_URL="smtp://mail.example")
    (tick,) = ticks(SMTP_URL="smtps://mail.example", MAIL_FROM="pay@shop.example")
    await tick.run(cast("Any", None))
    assert len(posts) == 1
