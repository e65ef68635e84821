"""Account numbers and creditor references: check digits against published examples."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bezant.sandbox.bank_numbers import bare, iban, is_iban, is_reference, reference

# From the registry of IBAN formats (SWIFT) and from ISO 11649.
PUBLISHED = [
    "DE89 3704 0044 0532 0130 00",
    "FR14 2004 1010 0505 0001 3M02 606",
    "GB29 NWBK 6016 1331 9268 19",
    "NL91 ABNA 0417 1643 00",
    "NO93 8601 1117 947",
]


@pytest.mark.parametrize("written", PUBLISHED)
def test_a_published_account_number_is_right_and_any_changed_digit_is_not(written: str):
    number = bare(written)
    assert is_iban(number)
    assert iban(number[:2], number[4:]) == number
    for at in range(2, len(number)):
        if number[at].isdecimal():
            changed = number[:at] + str((int(number[at]) + 1) % 10) + number[at + 1 :]
            assert not is_iban(changed)


def test_the_published_reference_is_right():
    assert is_reference(bare("RF18 5390 0754 7034"))
    assert reference("539007547034") == "RF18539007547034"
    assert not is_reference("RF18539007547035")
    assert not is_reference("RF18")
    assert not is_reference("DE18539007547034")
    assert not is_reference("RF18" + "1" * 22)


@given(some.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=1, max_size=21))
def test_a_reference_we_make_is_right(body: str):
    assert is_reference(reference(body))


# Letters count as two digits, so that 1B and B1 are one number; that is the standard's weakness.
@given(some.text("0123456789", min_size=1, max_size=21))
def test_two_swapped_digits_are_found(body: str):
    made = reference(body)
    assert is_reference(made)
    for at in range(4, len(made) - 1):
        swapped = made[:at] + made[at + 1] + made[at] + made[at + 2 :]
        if swapped != made:
            assert not is_reference(swapped)
