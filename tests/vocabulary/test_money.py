"""What Money accepts, refuses and promises, one example at a time."""

from decimal import Decimal

import pytest

from bezant.errors import Invalid
from bezant.money import (
    ASSETS,
    BTC,
    DIGITS_MAX,
    ETH,
    EUR,
    JPY,
    KWD,
    MINOR_MAX,
    USD,
    AmountTooLarge,
    Asset,
    AssetMismatch,
    MalformedAmount,
    Money,
    Rounding,
    TooManyDecimals,
    UnknownAsset,
    asset_of,
    total,
)


@pytest.mark.parametrize("number", [19.99, 19, 0, True, None, Decimal("19.99"), b"19.99", ["1"]])
def test_only_text_is_an_amount(number: object):
    with pytest.raises(MalformedAmount):
        Money.parse(number, EUR, field="amount")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "+1",
        "--1",
        "-",
        ".5",
        "1.",
        "1,00",
        "1_000",
        "1e3",
        "1E3",
        "NaN",
        "Infinity",
        "0x10",
        "1\n",
        "١٢",
        "1.0.0",
        "1 000",
    ],
)
def test_text_that_is_not_a_plain_decimal_is_refused(text: str):
    with pytest.raises(MalformedAmount):
        Money.parse(text, EUR)


@pytest.mark.parametrize(
    ("text", "asset", "minor"),
    [
        ("19.99", EUR, 1999),
        ("19.9", EUR, 1990),
        ("19", EUR, 1900),
        ("007.50", EUR, 750),
        ("-0.01", EUR, -1),
        ("-0.00", EUR, 0),
        ("100", JPY, 100),
        ("1.234", KWD, 1234),
        ("0.00000001", BTC, 1),
        ("0.000000000000000001", ETH, 1),
        ("1" + "0" * 19 + ".5", ETH, 10**37 + 5 * 10**17),
    ],
)
def test_text_becomes_whole_minor_units(text: str, asset: Asset, minor: int):
    assert Money.parse(text, asset).minor == minor


@pytest.mark.parametrize(("text", "code"), [("1.999", "EUR"), ("1.0", "JPY"), ("0.0001", "KWD")])
def test_more_decimals_than_the_asset_has_are_refused_not_rounded(text: str, code: str):
    with pytest.raises(TooManyDecimals):
        Money.parse(text, code)


def test_one_wei_and_ten_to_the_thirty_round_trip():
    assert Money.parse("0.000000000000000001", ETH).decimal() == "0.000000000000000001"
    large = Money(10**30, ETH)
    assert Money.parse(large.decimal(), ETH) == large


def test_an_amount_has_at_most_38_digits():
    assert Money(MINOR_MAX, EUR).minor == MINOR_MAX
    for minor in (MINOR_MAX + 1, -MINOR_MAX - 1):
        with pytest.raises(AmountTooLarge):
            Money(minor, EUR)
    for text in ("9" * (DIGITS_MAX - 1), "9" * 10_000):
        with pytest.raises(AmountTooLarge):
            Money.parse(text, EUR)
    with pytest.raises(AmountTooLarge):
        Money(MINOR_MAX, EUR) + Money(1, EUR)


@pytest.mark.parametrize("minor", [1.0, True, "1", Decimal(1), None])
def test_minor_units_are_an_integer_and_nothing_else(minor: object):
    with pytest.raises(MalformedAmount):
        Money(minor, EUR)  # pyright: ignore[reportArgumentType]


def test_a_refusal_names_the_field_and_repeats_nothing_of_the_input():
    with pytest.raises(Invalid) as refused:
        Money.parse("4242x", EUR, field="amount")
    assert refused.value.field == "amount"
    assert "4242" not in str(refused.value)
    with pytest.raises(UnknownAsset) as unknown:
        asset_of("XQZWV", field="asset")
    assert "XQZWV" not in str(unknown.value)


@pytest.mark.parametrize("code", ["eur", "EURO", "", "XXX", None, 978, "E" * 400])
def test_an_unknown_asset_is_refused(code: object):
    with pytest.raises(UnknownAsset):
        asset_of(code)


def test_amounts_of_different_assets_never_meet():
    for meet in (
        lambda: EUR(1) + USD(1),
        lambda: EUR(1) - USD(1),
        lambda: EUR(1) < USD(1),
        lambda: EUR(1) >= USD(1),
        lambda: total([EUR(1), USD(1)], EUR),
    ):
        with pytest.raises(AssetMismatch):
            meet()
    assert EUR(1) != USD(1)


@pytest.mark.parametrize(
    ("whole", "shares", "parts"),
    [
        (100, (3, 97), (3, 97)),
        (100, (1, 1, 1), (34, 33, 33)),
        (-100, (1, 1, 1), (-33, -33, -34)),
        (1, (1, 1), (1, 0)),
        (0, (1, 2), (0, 0)),
        (5, (0, 1), (0, 5)),
        (10, (1, 2, 4), (1, 3, 6)),
    ],
)
def test_a_split_gives_the_leftover_units_to_the_largest_remainders(
    whole: int, shares: tuple[int, ...], parts: tuple[int, ...]
):
    found = tuple(part.minor for part in EUR(whole).split(*shares))
    assert sum(found) == whole
    assert found == parts


@pytest.mark.parametrize("shares", [(0,), (0, 0), (-1, 2), (2, -1)])
def test_shares_are_not_negative_and_not_all_nothing(shares: tuple[int, ...]):
    with pytest.raises(ValueError, match="shares"):
        EUR(100).split(*shares)


@pytest.mark.parametrize(
    ("rounding", "up", "down"),
    [
        (Rounding.DOWN, 2, -2),
        (Rounding.FLOOR, 2, -3),
        (Rounding.CEILING, 3, -2),
        (Rounding.HALF_UP, 3, -3),
        (Rounding.HALF_EVEN, 2, -2),
    ],
)
def test_rounding_does_what_its_name_says(rounding: Rounding, up: int, down: int):
    assert EUR(5).times(Decimal("0.5"), rounding) == EUR(up)
    assert EUR(-5).times(Decimal("0.5"), rounding) == EUR(down)


@pytest.mark.parametrize("rate", [1.1, 2, "1.1", None, Decimal("NaN"), Decimal("Infinity")])
def test_a_rate_is_a_finite_decimal(rate: object):
    with pytest.raises(TypeError):
        EUR(1).times(rate, Rounding.DOWN)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError):
        EUR(1).convert(rate, USD, Rounding.DOWN)  # pyright: ignore[reportArgumentType]


def test_a_conversion_minds_the_exponents_of_both_assets():
    assert JPY(150).convert(Decimal("0.0067"), USD, Rounding.HALF_UP) == USD(1_01)
    assert USD(1_00).convert(Decimal("151.5"), JPY, Rounding.DOWN) == JPY(151)
    assert EUR(1_00).convert(Decimal("0.0005"), ETH, Rounding.DOWN) == ETH(5 * 10**14)


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (EUR(1990), "19.90 EUR"),
        (EUR(-5), "-0.05 EUR"),
        (EUR(0), "0.00 EUR"),
        (JPY(-7), "-7 JPY"),
        (ETH(1), "0.000000000000000001 ETH"),
    ],
)
def test_an_amount_is_always_written_with_its_asset(money: Money, text: str):
    assert str(money) == text
    assert Money.of(text) == money


def test_an_amount_cannot_be_changed_and_can_be_a_key():
    with pytest.raises(AttributeError):
        EUR(1).minor = 2  # pyright: ignore[reportAttributeAccessIssue]
    assert {EUR(1): "one"}[Money.of("0.01 EUR")] == "one"


def test_nothing_of_an_asset_is_false_and_adds_up_to_zero():
    assert not EUR(0)
    assert total([], EUR) == EUR(0)
    assert total([EUR(1), EUR(2)], EUR) == EUR(3)


def test_the_named_assets_are_those_of_the_registry():
    for asset in (EUR, USD, JPY, KWD, BTC, ETH):
        assert ASSETS[asset.code] is asset
