"""House rules about what must never be written down: secrets, card numbers, machines and index
hosts.

`python -m tests.house.leaks [file …]` checks the files it is given, or every file of the
repository; the commit hook and the workflows use it. The networks' published test numbers and the
demo's well-known secrets are no leak.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import PurePosixPath

from detect_secrets.core.scan import scan_line
from detect_secrets.settings import transient_settings
from tests.house.tree import BINARY, Page, page, pages

# Published by the card networks and providers for tests: they can pay for nothing.
TEST_CARDS = frozenset(
    [
        "30569309025904",
        "36227206271667",
        "371449635398431",
        "378282246310005",
        "378734493671000",
        "38520000023237",
        "3530111333300000",
        "3566002020360505",
        "4000000000000002",
        "4000000000000069",
        "4000000000000077",
        "4000000000000119",
        "4000000000000127",
        "4000000000000259",
        "4000000000002685",
        "4000000000004954",
        "4000000000005126",
        "4000000000006975",
        "4000000000007726",
        "4000000000009979",
        "4000008260003178",
        "4000008400001629",
        "4000000000000341",
        "4000000000003220",
        "4000000000009987",
        "4000000000009995",
        "4000002500003155",
        "4000002760003184",
        "4000056655665556",
        "4000058260000005",
        "4012888888881881",
        "4111111111111111",
        "4222222222222",
        "4242424242424242",
        "5019717010103742",
        "5105105105105100",
        "5200828282828210",
        "5431111111111111",
        "5555555555554444",
        "6011000990139424",
        "6011111111111117",
        "6200000000000005",
    ]
)
DIGITS = re.compile(r"(?<![\w.+/=-])\d(?:[ -]?\d){11,18}(?![\w/=-])(?!\.\d)")
# First digits of the networks: American Express, Diners, JCB, Visa, Mastercard, Discover, UnionPay.
NETWORKS = re.compile(r"(3[04-9]|4|5[0-8]|2(22[1-9]|2[3-9]|[3-6]|7[01]|720)|6)\d+")
CARD_DIGITS = range(13, 20)

HOSTS = re.compile(
    r"\b(files\.pythonhosted\.org|(test\.)?pypi\.org|registry\.(npmjs\.org|yarnpkg\.com)"
    r"|(deb|security|snapshot)\.debian\.org|archive\.ubuntu\.com|proxy\.golang\.org"
    r"|(static\.|index\.)?crates\.io|registry-1\.docker\.io|quay\.io|ghcr\.io|repo1?\.maven\.org)\b"
)
# A bare `/tmp` is part of every Unix; a name below it is somebody's own.
MACHINE_PATHS = re.compile(r"(?<![\w.])/(work|root|mnt|Users|home/(?!bezant\b)\w+|tmp/\w+)\b")

PATTERNS = [
    ("a live key", re.compile(r"\b(sk|rk|pk)_live_[0-9A-Za-z]{16,}")),
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
]
# Detectors that name what they found; those that weigh disorder cry at every hash we pin.
DETECTORS = [
    {"name": name}
    for name in (
        "ArtifactoryDetector",
        "AWSKeyDetector",
        "AzureStorageKeyDetector",
        "GitHubTokenDetector",
        "GitLabTokenDetector",
        "JwtTokenDetector",
        "MailchimpDetector",
        "NpmDetector",
        "OpenAIDetector",
        "PrivateKeyDetector",
        "PypiTokenDetector",
        "SendGridDetector",
        "SlackDetector",
        "SquareOAuthDetector",
        "StripeDetector",
        "TelegramBotTokenDetector",
        "TwilioKeyDetector",
    )
]
ALLOWED = "pragma: allowlist secret"
"""On a line: this one was looked at and is no secret."""


def luhn(digits: str) -> bool:
    """Tell whether digits carry the check digit of ISO/IEC 7812-1."""
    doubled = [int(digit) * (2 - at % 2) for at, digit in enumerate(digits, start=len(digits) % 2)]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def card_numbers(page: Page) -> Iterator[str]:
    """No card number is written anywhere but the networks' own test numbers."""
    for number, line in enumerate(page.lines, start=1):
        for found in DIGITS.finditer(line):
            digits = re.sub(r"\D", "", found[0])
            like_a_card = len(digits) in CARD_DIGITS and NETWORKS.fullmatch(digits) and luhn(digits)
            known = digits in TEST_CARDS or len(set(digits)) == 1 or ALLOWED in line
            if like_a_card and not known:
                yield page.at(number, f"a card number ending in {digits[-4:]}")


def secrets(page: Page) -> Iterator[str]:
    """No secret is written down."""
    for number, line in enumerate(page.lines, start=1):
        if ALLOWED in line:
            continue
        for name, pattern in PATTERNS:
            if pattern.search(line):
                yield page.at(number, name)
    with transient_settings({"plugins_used": DETECTORS}):
        for number, line in enumerate(page.lines, start=1):
            for secret in scan_line(line) if _worth_scanning(line) else ():
                yield page.at(number, secret.type)


def _worth_scanning(line: str) -> bool:
    """Every detector above looks for a word of at least this length."""
    return any(len(word) >= 15 for word in re.split(r"[^\w.:/+=-]", line))


def index_hosts(page: Page) -> Iterator[str]:
    """No file names the host of a package index: clients know where they fetch from."""
    for number, line in enumerate(page.lines, start=1):
        if found := HOSTS.search(line):
            yield page.at(number, f"names the index host {found[0]}")


def machine_paths(page: Page) -> Iterator[str]:
    """No file names a folder of the machine it was written on."""
    for number, line in enumerate(page.lines, start=1):
        if found := MACHINE_PATHS.search(line):
            yield page.at(number, f"names the machine path {found[0]}")


RULES = (card_numbers, secrets, index_hosts, machine_paths)
# These hold the patterns and the samples that show the rules at work.
OWN_SAMPLES = ("tests/house/leaks.py", "tests/house/test_leaks.py")


def found_in(chosen: list[Page]) -> list[str]:
    """Return every leak in these pages."""
    kept = [one for one in chosen if one.path.as_posix() not in OWN_SAMPLES]
    return [complaint for one in kept for rule in RULES for complaint in rule(one)]


def main(names: list[str]) -> int:
    """Report leaks; end with 1 if there are any."""
    paths = [PurePosixPath(name) for name in names]
    chosen = [page(path) for path in paths if path.suffix not in BINARY] if names else pages()
    complaints = found_in(chosen)
    sys.stdout.writelines(f"{complaint}\n" for complaint in complaints)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
