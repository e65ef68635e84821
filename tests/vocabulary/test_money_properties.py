"""Properties of Money for every kind of exponent: 20,000 generated cases, checked against plain
fractions.
"""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, assume, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from bezant.money import (
    ASSETS,
    MINOR_MAX,
    RATE_DIGITS_MAX,
    AmountTooLarge,
    Asset,
    Money,
    Rounding,
    format_minor,
    parse_minor,
    total,
)

pytestmark = pytest.mark.catalogue("T01")

ONE_PER_EXPONENT = [ASSETS[code] for code in ("JPY", "EUR", "KWD", "CLF", "BTC", "ETH")]
CASES = {
    "read_back": 5_000,
    "any_decimal_text": 3_000,
    "split": 5_000,
    "convert": 4_000,
    "times": 2_000,
    "sums": 1_000,
}


def cases(name: str) -> settings:
    return settings(
        max_examples=CASES[name], deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )


assets = st.sampled_from(ONE_PER_EXPONENT)
minors = st.integers(-MINOR_MAX, MINOR_MAX) | st.integers(-10_000, 10_000)
small = st.integers(-(10**24), 10**24)
rates = st.decimals(Decimal("0.0000000001"), Decimal(10) ** 10, places=10)


def texts(decimals: int) -> st.SearchStrategy[str]:
    """Draw amounts with at most so many decimals: none is drawn in vain."""
    tail = rf"(\.[0-9]{{1,{decimals}}})?" if decimals else ""
    return st.from_regex(rf"-?[0-9]{{1,25}}{tail}", fullmatch=True)


TEXTS = {asset.exponent: texts(asset.exponent) for asset in ONE_PER_EXPONENT}


def test_the_cases_are_twenty_thousand_and_cover_every_exponent():
    assert sum(CASES.values()) == 20_000
    assert [asset.exponent for asset in ONE_PER_EXPONENT] == [0, 2, 3, 4, 8, 18]


@cases("read_back")
@given(minors, assets)
def test_what_is_written_reads_back_the_same(minor: int, asset: Asset):
    money = Money(minor, asset)
    assert Money.parse(money.decimal(), asset) == money
    assert Money.of(str(money)) == money
    assert Fraction(money.decimal()) == Fraction(minor, 10**asset.exponent)


@cases("any_decimal_text")
@given(assets.flatmap(lambda asset: st.tuples(TEXTS[asset.exponent], st.just(asset))))
def test_a_text_is_read_exactly_or_refused(case: tuple[str, Asset]):
    text, asset = case
    try:
        minor = parse_minor(text, asset.exponent)
    except AmountTooLarge:
        assert abs(Fraction(text)) * 10**asset.exponent > MINOR_MAX
    else:
        assert Fraction(minor, 10**asset.exponent) == Fraction(text)


@cases("split")
@given(minors, assets, st.lists(st.integers(0, 1_000), min_size=1, max_size=12))
def test_parts_add_up_to_the_whole_and_none_is_off_by_a_unit(
    minor: int, asset: Asset, shares: list[int]
):
    assume(sum(shares) > 0)
    whole = Money(minor, asset)
    parts = whole.split(*shares)
    assert total(parts, asset) == whole
    for part, share in zip(parts, shares, strict=True):
        assert abs(part.minor - Fraction(minor * share, sum(shares))) < 1
        assert share or not part


@cases("convert")
@given(small, assets, assets, rates, st.sampled_from(Rounding))
def test_a_conversion_is_off_by_less_than_one_unit_in_the_direction_said(
    minor: int, mine: Asset, other: Asset, rate: Decimal, rounding: Rounding
):
    exact = Fraction(minor) * Fraction(rate) * Fraction(10) ** (other.exponent - mine.exponent)
    assume(abs(exact) < MINOR_MAX)
    converted = Money(minor, mine).convert(rate, other, rounding)
    assert converted.asset is other
    _rounded_as_said(converted.minor, exact, rounding)


@cases("times")
@given(small, assets, rates, st.sampled_from(Rounding))
def test_a_product_is_off_by_less_than_one_unit_in_the_direction_said(
    minor: int, asset: Asset, factor: Decimal, rounding: Rounding
):
    product = Money(minor, asset).times(factor, rounding)
    _rounded_as_said(product.minor, Fraction(minor) * Fraction(factor), rounding)


@cases("sums")
@given(small, small, assets)
def test_adding_subtracting_and_comparing_agree_with_whole_numbers(
    left: int, right: int, asset: Asset
):
    one, other = Money(left, asset), Money(right, asset)
    assert (one + other).minor == left + right
    assert (one - other) + other == one
    assert one + (-one) == Money(0, asset)
    assert (one < other, one <= other) == (left < right, left <= right)
    assert (one > other, one >= other) == (left > right, left >= right)
    assert bool(one) == (left != 0)


def _rounded_as_said(found: int, exact: Fraction, rounding: Rounding) -> None:
    assert abs(found - exact) < 1
    match rounding:
        case Rounding.DOWN:
            assert abs(found) <= abs(exact)
        case Rounding.FLOOR:
            assert found <= exact
        case Rounding.CEILING:
            assert found >= exact
        case Rounding.HALF_UP | Rounding.HALF_EVEN:
            assert abs(found - exact) <= Fraction(1, 2)
            if abs(found - exact) == Fraction(1, 2):
                away = abs(found) > abs(exact)
                assert away if rounding is Rounding.HALF_UP else found % 2 == 0


def test_the_same_search_finds_the_cents_that_floats_lose():
    """The negative control: a float in the middle, and the property above no longer holds."""

    def loses_a_unit(minor: int) -> bool:
        through_a_float = int(float(format_minor(minor, 2)) * 100)
        return through_a_float != minor

    assert find(st.integers(0, 100_000), loses_a_unit) > 0
    with pytest.raises(NoSuchExample):
        find(st.integers(0, 100_000), lambda minor: parse_minor(format_minor(minor, 2), 2) != minor)


def test_the_same_search_finds_the_unit_that_a_careless_split_loses():
    """The negative control: rounding each part down loses the remainder."""
    found = find(
        st.tuples(st.integers(1, 1_000), st.integers(2, 9)),
        lambda case: (case[0] // case[1]) * case[1] != case[0],
    )
    whole, ways = found
    assert total(Money(whole, ASSETS["EUR"]).split(*[1] * ways), ASSETS["EUR"]).minor == whole


@pytest.mark.parametrize(
    "factor", [f"1E+{RATE_DIGITS_MAX}", f"1E-{RATE_DIGITS_MAX + 1}", "1E+999999"]
)
def test_a_rate_beyond_its_digits_is_refused_before_any_work(factor: str):
    with pytest.raises(ValueError, match="digits"):
        Money(1, ASSETS["EUR"]).times(Decimal(factor), Rounding.DOWN)


def test_the_longest_rate_on_the_largest_amount_stays_exact():
    factor = Decimal("0." + "3" * RATE_DIGITS_MAX)
    found = Money(MINOR_MAX, ASSETS["ETH"]).times(factor, Rounding.FLOOR)
    assert found.minor == MINOR_MAX * int("3" * RATE_DIGITS_MAX) // 10**RATE_DIGITS_MAX
