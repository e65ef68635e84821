"""What is a card, and what is not: numbers, networks, dates and codes."""

import random
from datetime import UTC, datetime

import pytest

from bezant.actor import Mode
from bezant.errors import BezantError
from bezant.vault import rules
from bezant.vault.test_cards import TEST_NUMBERS

pytestmark = pytest.mark.requirement("S004-5", part="card tokenization")
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def check_digit(digits: str) -> str:
    """Return the digits with the one that makes them check, worked out by trying all ten."""
    fits = [digits + last for last in "0123456789" if _sum(digits + last) % 10 == 0]
    assert len(fits) == 1
    return fits[0]


def _sum(digits: str) -> int:
    doubled = {str(one): sum(int(two) for two in str(2 * one)) for one in range(10)}
    turned = digits[::-1]
    return sum(int(one) for one in turned[::2]) + sum(doubled[one] for one in turned[1::2])


def test_every_single_wrong_digit_is_noticed():
    for place in range(16):
        for digit in "0123456789":
            text = "4242424242424242"
            changed = text[:place] + digit + text[place + 1 :]
            assert rules.passes_luhn(changed) is (changed == text)


def test_luhn_agrees_with_a_second_way_to_reckon_it():
    chance = random.Random(7)
    for _ in range(2_000):
        digits = "".join(chance.choices("0123456789", k=chance.randint(12, 19)))
        assert rules.passes_luhn(digits) is (_sum(digits) % 10 == 0)


@pytest.mark.parametrize(
    ("beginning", "length", "brand"),
    [
        ("4", 16, "visa"),
        ("4", 13, "visa"),
        ("51", 16, "mastercard"),
        ("55", 16, "mastercard"),
        ("2221", 16, "mastercard"),
        ("2720", 16, "mastercard"),
        ("34", 15, "amex"),
        ("37", 15, "amex"),
        ("6011", 16, "discover"),
        ("65", 16, "discover"),
        ("644", 16, "discover"),
        ("3056", 14, "diners"),
        ("36", 14, "diners"),
        ("3566", 16, "jcb"),
        ("62", 16, "unionpay"),
        ("5018", 16, "maestro"),
        ("2220", 16, "other"),
        ("2721", 16, "other"),
        ("9", 16, "other"),
    ],
)
def test_a_number_tells_its_network(beginning: str, length: int, brand: str):
    number = check_digit(beginning.ljust(length - 1, "7"))
    assert rules.brand_of(number) == brand
    assert rules.card(number, 1, 2030, Mode.LIVE, NOW).brand == brand


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4",
        "4242",
        "4242424242424241",
        "42" * 10,
        "4242 4242 4242 424x",
        "4242  4242 4242 4242",
        " 4242424242424242",
        "4242424242424242\n",
        "4242424242424242 ",
        "-4242424242424242",
        "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢",
        "４２４２４２４２４２４２４２４２",
        "4242.4242.4242.4242",
        "42" * 9,
        "34" + "0" * 12,
    ],
)
def test_what_is_no_number_is_refused(text: str):
    with pytest.raises(rules.CardNumberInvalid) as refused:
        rules.card(text, 1, 2030, Mode.TEST, NOW)
    assert refused.value.field == "number"
    assert not text.strip() or text.strip() not in str(refused.value)


@pytest.mark.parametrize("text", ["4242 4242 4242 4242", "4242-4242-4242-4242"])
def test_a_number_may_be_written_in_groups(text: str):
    assert rules.card_number(text) == "4242424242424242"


@pytest.mark.parametrize(
    ("month", "year", "outcome"),
    [
        (11, 2026, "ok"),
        ("11", "2026", "ok"),
        ("11", "26", "ok"),
        (12, 26, "ok"),
        (10, 2026, "card_expired"),
        (12, 2025, "card_expired"),
        (12, 2046, "ok"),
        (1, 2047, "card_date_invalid"),
        (12, 2005, "card_date_invalid"),
        (0, 2030, "card_date_invalid"),
        (13, 2030, "card_date_invalid"),
        (-1, 2030, "card_date_invalid"),
        ("1x", 2030, "card_date_invalid"),
        ("", 2030, "card_date_invalid"),
        ("١", 2030, "card_date_invalid"),
        (1, -2030, "card_date_invalid"),
    ],
)
def test_dates(month: int | str, year: int | str, outcome: str):
    try:
        rules.card("4242424242424242", month, year, Mode.TEST, NOW)
    except BezantError as refusal:
        assert refusal.code == outcome
    else:
        assert outcome == "ok"


def test_a_card_is_good_until_its_month_ends_everywhere():
    first = datetime(2026, 12, 1, 11, 59, tzinfo=UTC)
    assert rules.expiry(11, 2026, first) == (11, 2026)
    with pytest.raises(rules.CardExpired):
        rules.expiry(11, 2026, datetime(2026, 12, 1, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    ("code", "brand", "fine"),
    [
        ("123", "visa", True),
        ("1234", "visa", False),
        ("1234", "amex", True),
        ("123", "amex", False),
        ("12", "visa", False),
        ("12a", "visa", False),
        ("１２３", "visa", False),
        ("123\n", "visa", False),
        ("1234", "other", True),
    ],
)
def test_codes(code: str, brand: str, fine: bool):
    if fine:
        assert rules.cvc(code, brand) == bytearray(code.encode())
        return
    with pytest.raises(rules.CvcInvalid):
        rules.cvc(code, brand)


def test_test_mode_takes_test_numbers_only_and_live_mode_none():
    for number in TEST_NUMBERS:
        assert rules.card(number, 1, 2030, Mode.TEST, NOW).last4 == number[-4:]
        with pytest.raises(rules.LiveCardInTest):
            rules.card(number, 1, 2030, Mode.LIVE, NOW)
    real = check_digit("499273987165555")
    assert rules.card(real, 1, 2030, Mode.LIVE, NOW).last4 == real[-4:]
    with pytest.raises(rules.LiveCardInTest):
        rules.card(real, 1, 2030, Mode.TEST, NOW)
