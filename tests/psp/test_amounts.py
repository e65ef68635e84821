"""Amounts there and back: exact at every provider, or refused before anything is sent."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.psp.shops import METHODS, charge_of

from bezant.money import ASSETS, EUR, JPY, KWD, USD, USDC, Money
from bezant.psp import bank_messages, coinbase_commerce, coinbase_reading, paypal_words
from bezant.psp.amounts import MajorUnits
from bezant.psp.port import AmountNotAccepted
from bezant.psp.registry import connector_of
from bezant.psp.stripe_words import ASSETS_TAKEN, UNITS

MAJOR = {
    "paypal": paypal_words.UNITS,
    "coinbase": coinbase_reading.UNITS,
    "coinbase_commerce": coinbase_commerce.UNITS,
    "bank": bank_messages.UNITS,
}
amounts = st.builds(
    Money, st.integers(0, 10**15), st.sampled_from(sorted(ASSETS.values(), key=str))
)


@settings(deadline=None)
@given(amounts)
def test_stripes_minor_units_there_and_back(amount: Money):
    try:
        told = UNITS.write(amount)
    except AmountNotAccepted:
        fewer = UNITS.decimals[amount.asset.code]
        assert amount.minor % 10 ** (amount.asset.exponent - fewer)
        return
    assert UNITS.read(told, amount.asset.code.lower()) == amount
    assert Decimal(told).scaleb(-UNITS.of(amount.asset)) == Decimal(amount.decimal())


@pytest.mark.parametrize("provider", sorted(MAJOR))
@settings(deadline=None)
@given(amount=amounts)
def test_decimals_there_and_back(provider: str, amount: Money):
    units = MAJOR[provider]
    try:
        told = units.write(amount)
    except AmountNotAccepted:
        assert amount.minor % 10 ** (amount.asset.exponent - units.of(amount.asset))
        return
    assert units.read(told, amount.asset.code) == amount
    assert Decimal(told) == Decimal(amount.decimal())


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        (EUR(19_99), 1999),
        (JPY(500), 500),
        (KWD(5_120), 5120),
        (Money(5, ASSETS["ISK"]), 500),
        (Money(5, ASSETS["UGX"]), 500),
        (Money(5_00, ASSETS["MGA"]), 5),
        (Money(5_00, ASSETS["HUF"]), 500),
        (Money(5_00, ASSETS["TWD"]), 500),
    ],
)
def test_stripe_counts_some_currencies_its_own_way(amount: Money, told: int):
    assert UNITS.write(amount) == told
    assert UNITS.read(told, amount.asset.code.lower()) == amount


@pytest.mark.parametrize(
    ("provider", "amount"),
    [
        ("stripe", KWD(5_121)),
        ("stripe", Money(5_01, ASSETS["MGA"])),
        ("paypal", Money(5_01, ASSETS["HUF"])),
        ("paypal", Money(5_01, ASSETS["TWD"])),
        ("coinbase", USDC(1_000_001)),
        ("coinbase_links", USDC(1)),
        ("bank", USD(1_00)),
        ("bank", EUR(100_000_000_000)),
        ("bank", EUR(0)),
    ],
)
def test_what_cannot_be_said_exactly_is_refused_before_it_is_sent(provider: str, amount: Money):
    with pytest.raises(AmountNotAccepted):
        connector_of(provider).charge(charge_of(provider, amount))


@pytest.mark.parametrize("provider", sorted(METHODS))
def test_the_capabilities_say_which_amounts_are_taken(provider: str):
    able = connector_of(provider).capabilities
    assert able.assets <= set(ASSETS)
    for code, decimals in able.decimals.items():
        assert decimals < ASSETS[code].exponent
    for code in sorted(able.assets):
        asset = ASSETS[code]
        fewer = able.decimals.get(code, asset.exponent)
        whole = Money(10 ** (asset.exponent - fewer), asset)
        assert connector_of(provider).charge(charge_of(provider, whole)).key


@pytest.mark.parametrize(
    ("text", "code", "minor"),
    [
        ("100.00", "JPY", 100),
        ("100", "EUR", 100_00),
        ("1.2300000", "EUR", 1_23),
        ("100.50", "JPY", None),
        ("1.005", "EUR", None),
        ("1,00", "EUR", None),
        ("1e2", "EUR", None),
        ("+1.00", "EUR", None),
        (" 1.00", "EUR", None),
        ("1.", "EUR", None),
        (".5", "EUR", None),
        ("١.٠٠", "EUR", None),
        ("NaN", "EUR", None),
        ("", "EUR", None),
        ("1.00", "XXX", None),
        ("1.00", "", None),
        ("9" * 60, "EUR", None),
    ],
)
def test_only_exact_decimals_are_read(text: str, code: str, minor: int | None):
    found = MajorUnits({}, 2).read(text, code)
    assert (found.minor if found else None) == minor


@pytest.mark.parametrize("minor", [None, 10**60])
def test_only_possible_whole_numbers_are_read(minor: int | None):
    assert UNITS.read(minor, "eur") is None
    assert UNITS.read(501, "isk") is None, "half a króna"


def test_stripe_takes_the_currencies_it_settles():
    assert {"EUR", "USD", "JPY", "KWD", "BHD"} <= ASSETS_TAKEN
    assert not {"USDC", "BTC", "CHE", "XAD", "UYW"} & ASSETS_TAKEN
