"""Nothing in this repository is a secret, a card number, an index host or a path of one machine."""

from collections.abc import Callable, Iterator

import pytest
from tests.house.leaks import card_numbers, found_in, index_hosts, luhn, machine_paths, secrets
from tests.house.tree import Page, pages, planted

KEY_BODY = "4eC39HqLyjWDarjtT1zdp7dc"
PLACE, HOME = "wo" + "rk", "ro" + "ot"
# In pieces, so that this file names no index itself.
INDEX, NODE_INDEX, INDEX_FILES = "py" + "pi", "npm" + "js", "python" + "hosted"
Check = Callable[[Page], Iterator[str]]


@pytest.mark.catalogue("T86")
def test_no_file_holds_a_leak():
    assert found_in(pages()) == []


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        (card_numbers, 'number = "4539578763621486"'),
        (card_numbers, "4539 5787 6362 1486"),
        (card_numbers, "4539-5787-6362-1486,12/30"),
        (card_numbers, "pan:5425233430109903"),
        (card_numbers, "(374245455400126)"),
        (card_numbers, "|2223000048410010|"),
        (secrets, f"STRIPE_SECRET_KEY=sk_live_{KEY_BODY}"),
        (secrets, f"key: rk_live_{KEY_BODY}"),
        (secrets, "-----BEGIN RSA PRIVATE KEY-----"),
        (secrets, "-----BEGIN PRIVATE KEY-----"),
        (secrets, 'aws = "AKIAIOSFODNN7EXAMPLB"'),
        (secrets, "token = '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'"),
        (index_hosts, f"--index-url https://{INDEX}.org/simple"),
        (index_hosts, f'"resolved": "https://registry.{NODE_INDEX}.org/left-pad"'),
        (index_hosts, f"curl https://files.{INDEX_FILES}.org/packages/x.whl"),
        (machine_paths, f"cd /{PLACE}/main"),
        (machine_paths, f'open("/{HOME}/.config/x")'),
        (machine_paths, "see /home/ada/notes"),
        (machine_paths, "rm -rf /tmp/scratch"),
    ],
)
def test_a_planted_leak_is_found(rule: Check, line: str):
    assert list(rule(planted("docs/start.md", f"innocent\n{line}\n")))
    assert found_in([planted("docs/start.md", line)])


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        (card_numbers, "4242 4242 4242 4242"),
        (card_numbers, "4539578763621487"),
        (card_numbers, "0" * 16),
        (card_numbers, "1733000000000000"),
        (card_numbers, "0.4539578763621486"),
        (secrets, "sk_test_" + KEY_BODY[:6]),
        (secrets, "a hash 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
        (index_hosts, "https://bezant.example/docs"),
        (machine_paths, "GET /rooted/in/work"),
        (machine_paths, "https://example.org/work/done"),
    ],
)
def test_what_only_looks_like_one_is_left_alone(rule: Check, line: str):
    assert list(rule(planted("docs/start.md", line))) == []


@pytest.mark.parametrize("digits", ["4242424242424242", "378282246310005", "79927398713"])
def test_luhn_accepts_a_right_check_digit_and_no_other(digits: str):
    assert luhn(digits)
    others = [digits[:-1] + str(last) for last in range(10) if str(last) != digits[-1]]
    assert not any(luhn(other) for other in others)
