"""Every number an emulator knows is one the vault takes for a test card, never for a real one."""

from datetime import UTC, datetime

import pytest

from bezant.actor import Mode
from bezant.sandbox import card_numbers, stripe_methods
from bezant.vault import rules
from bezant.vault.test_cards import TEST_NUMBERS

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
NAMED_BY_AUDITORS = frozenset(
    {
        "4000000000009979",
        "4000000000006975",
        "4000000000004954",
        "4000000000002685",
        "4000000000007726",
        "4000000000005126",
        "4000008260003178",
        "4000008400001629",
    }
)


def missing_of(taken: frozenset[str]) -> frozenset[str]:
    """Return what the emulators know and these numbers lack."""
    return (card_numbers.KNOWN | stripe_methods.READY_NUMBERS) - taken


def test_what_the_emulators_know_is_a_test_card_and_nothing_else():
    assert missing_of(TEST_NUMBERS) == frozenset()
    assert missing_of(TEST_NUMBERS - NAMED_BY_AUDITORS) == NAMED_BY_AUDITORS, "the look sees them"


@pytest.mark.parametrize("number", sorted(card_numbers.KNOWN))
def test_a_number_that_does_something_is_refused_where_money_is_real(number: str):
    assert card_numbers.is_number(number)
    assert rules.card(number, 1, 2030, Mode.TEST, NOW).last4 == number[-4:]
    with pytest.raises(rules.LiveCardInTest):
        rules.card(number, 1, 2030, Mode.LIVE, NOW)


def test_the_vault_and_the_emulators_read_the_same_network_from_a_number():
    """The one knows more networks; where both name one it is the same."""
    named = {
        number: card_numbers.read(number, 1, 2030, bytes.hex).brand
        for number in TEST_NUMBERS
        if rules.card(number, 1, 2030, Mode.TEST, NOW).brand not in ("maestro", "other")
    }
    assert len(named) > 30
    for number, brand in named.items():
        assert rules.card(number, 1, 2030, Mode.TEST, NOW).brand == brand, number[-4:]
