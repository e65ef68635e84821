"""The asset table against what ISO 4217 and the tokens' own contracts say, written down a second
time.
"""

import re

from bezant.assets import CURRENCIES_BY_EXPONENT, known_assets
from bezant.money import ASSETS

NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"
FOUR_DECIMALS = "CLF UYW"
TOKENS = {"USDC": 6, "EURC": 6, "BTC": 8, "ETH": 18}
WITHOUT_MINOR_UNIT = "XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX"
WITHDRAWN = "ANG BGN CUC DEM FRF HRK MRO SLL STD VEF ZWL"
ISO_4217_CODES_WITH_A_MINOR_UNIT = 165


def codes(exponent: int) -> set[str]:
    return {code for code, found, _ in known_assets() if found == exponent} - set(TOKENS)


def test_every_currency_with_unusual_decimals_has_them():
    assert codes(0) == set(NO_DECIMALS.split())
    assert codes(3) == set(THREE_DECIMALS.split())
    assert codes(4) == set(FOUR_DECIMALS.split())


def test_every_active_currency_is_there_once():
    listed = [code for code, _, _ in known_assets()]
    assert len(listed) == len(set(listed))
    assert len(set(listed) - set(TOKENS)) == ISO_4217_CODES_WITH_A_MINOR_UNIT
    for exponent, lines in CURRENCIES_BY_EXPONENT.items():
        found = [line.split()[0] for line in lines.strip().splitlines()]
        assert found == sorted(found), exponent
        assert all(re.fullmatch(r"[A-Z]{3}", code) for code in found), exponent


def test_codes_without_a_minor_unit_and_withdrawn_ones_are_not_assets():
    assert not ASSETS.keys() & set(WITHOUT_MINOR_UNIT.split())
    assert not ASSETS.keys() & set(WITHDRAWN.split())


def test_tokens_have_the_decimals_of_their_own_contracts():
    assert {code: ASSETS[code].exponent for code in TOKENS} == TOKENS


def test_every_asset_has_a_name_that_is_not_its_code():
    for asset in ASSETS.values():
        assert asset.name, asset.code
        assert asset.name != asset.code
