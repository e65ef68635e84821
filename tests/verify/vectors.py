"""Rows of a ledger and the bytes by which they enter its chain, written by hand.

They follow docs/reference/chain.md. Neither PostgreSQL's functions nor the verifier's encoder made
them: both are held against them, so an error that the two share is found. The SHA-256 of texts and
of whole batches come from `sha256sum`.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

AT: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)  # 9,556 days and a half after 2000-01-01.
A_SECOND_LATER: Final = AT + timedelta(seconds=1)
A_DAY_LATER: Final = AT + timedelta(days=1)
ADA, BANK, THIRD, FOURTH = ((1 << 40) + n for n in (1, 2, 3, 4))
TENANT: Final = "11" * 16
METADATA: Final = '{"k": "v"}'

SHA256: Final = {
    "": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "ada": "fdee430d40bd57deeac186cd9790033d0f06f909a8806e7ce6e717ab7c7d5029",
    "EUR": "57d4846cecee3fddcb443137723fd1b46d56e64331634ef3c922b72e57f3388e",
    "test": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "r": "454349e422f05297191ead13e21d3db520e5abef52055e4964b82fb213f593a1",
    "why": "2be23c585f15e5fd3279d0663036dd9f6e634f4225ef326fc83fb874dbb81a0f",
    METADATA: "4be281edc378f1c5e5eb9c15f9dbf5a80da2977981850f93553d5d70b75f1626",
    f"{{{THIRD},{FOURTH}}}": "7a0dda1166987f4143faa83c0eaa8e98be0efe247c9850157356bb060cd08cb6",
}


def hexed(*parts: str) -> bytes:
    """Read hex digits that are set apart for the eye."""
    return bytes.fromhex("".join(parts))


def there(text: str) -> str:
    """Return a text that is there: the byte that says so, and its SHA-256."""
    return f"01 {SHA256[text]} "


# Digits in base 10,000: how many, the weight of the first, the sign, the scale, then the digits.
NUMERICS: Final = {
    0: "0000 0000 0000 0000",
    1: "0001 0000 0000 0000 0001",
    -1: "0001 0000 4000 0000 0001",
    9_999: "0001 0000 0000 0000 270f",
    10_000: "0001 0001 0000 0000 0001",
    10_001: "0002 0001 0000 0000 0001 0001",
    -1_234_500: "0002 0001 4000 0000 007b 1194",
    10**30: "0001 0007 0000 0000 0064",
    10**32 - 1: "0008 0007 0000 0000" + " 270f" * 8,
    -(10**18) - 1: "0005 0004 4000 0000 0064 0000 0000 0000 0001",
}

# A book: number, asset, exponent, mode, group, instant it was opened at.
TITLE: Final = (1, "EUR", 2, "test", "", AT)
TITLE_BYTES: Final = hexed(
    "62657a616e74206c65646765722031 00000001 ",  # "bezant ledger 1"
    there("EUR"), "0002 ", there("test"), there(""), "0002eef3fa773000",
)  # fmt: skip
GENESIS: Final = "8b99abf3c0a7f15d148e6c7ae297cd4e4154f027604169e29bb7fa8ec1e34679"

# An account: number, tenant, type, owner, name in the chart, metadata.
ACCOUNTS: Final = {
    (ADA, TENANT, 2, "ada", None, METADATA): hexed(
        "0000010000000001 11111111111111111111111111111111 0002 ",
        there("ada"), "00 ", there(METADATA),
    ),
    (BANK, "00" * 16, 1, "", "EUR", None): hexed(
        "0000010000000002 00000000000000000000000000000000 0001 ", there(""), there("EUR"), "00",
    ),
}  # fmt: skip

# A transfer: number, client's id, request, kind, first and second account, further ones, subject,
# when it occurred, link, reference, reason, metadata.
OPENING: Final = (
    ADA, "aa" * 16, 7, 7, ADA, None, None, None, None, None, None, None, None,
)  # fmt: skip
OPENING_BYTES: Final = hexed(
    "0000010000000001 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa 0000000000000007 0007 0000010000000001 ",
    "0000000000000000 00 0000000000000000 00 00 00 00 00",
)
TRANSFERS: Final = {
    OPENING: OPENING_BYTES,
    (
        BANK, "bb" * 16, -7, 4, ADA, BANK, (THIRD, FOURTH), ADA, A_SECOND_LATER, "cc" * 16, "r",
        "why", METADATA,
    ): hexed(
        "0000010000000002 bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb fffffffffffffff9 0004 0000010000000001 ",
        "0000010000000002 ", there(f"{{{THIRD},{FOURTH}}}"), "0000010000000001 ",
        "01 0002eef3fa867240 01 cccccccccccccccccccccccccccccccc ",
        there("r"), there("why"), there(METADATA),
    ),
}  # fmt: skip

# An entry: account, transfer, amount, balance, held, floor, state.
FIRST: Final = (ADA, ADA, 0, 0, 0, 0, 0)
FIRST_BYTES: Final = hexed(
    "0000010000000001 0000010000000001 0000000000000000 0000000000000000 0000000000000000 ",
    "0000 01 0000000000000000",
)
ENTRIES: Final = {
    FIRST: FIRST_BYTES,
    (BANK, BANK, -1_234_500, 10**30, 1, None, 5): hexed(
        "0000010000000002 0000010000000002 00020001400000 00007b1194 00010007000000000064 ",
        "00010000000000000001 0005 00",
    ),
    (BANK, BANK, 1, 1, 0, -1_234_500, 0): hexed(
        "0000010000000002 0000010000000002 00010000000000000001 00010000000000000001 ",
        "0000000000000000 0000 01 000200014000 0000 007b 1194",
    ),
}

# A hold: number, account, account it is for, amount, when it ends.
# A step: hold, transfer, what remains.
HOLDS: Final = {
    (THIRD, ADA, BANK, 10_000, A_DAY_LATER): hexed(
        "0000010000000003 0000010000000001 0000010000000002 00010001000000000001 ",
        "01 0002ef08184e9000",
    ),
    (THIRD, ADA, BANK, 1, None): hexed(
        "0000010000000003 0000010000000001 0000010000000002 00010000000000000001 00",
    ),
}
STEPS: Final = {
    (THIRD, THIRD, 10_000): hexed("0000010000000003 0000010000000003 00010001000000000001"),
    (THIRD, FOURTH, 0): hexed("0000010000000003 0000010000000004 0000000000000000"),
}

# The first batch of that book, in which Ada's account was opened: book, number, first and last
# transfer, instant.
HEADER: Final = hexed(
    "00000001 0000000000000001 0000010000000001 0000010000000001 0002eef3fa773000"
)
BATCH_BYTES: Final = HEADER + OPENING_BYTES + FIRST_BYTES + next(iter(ACCOUNTS.values()))
BATCH_HASH: Final = "8eba57634b5c32e7a1ef95e83135b04d79b6f1de149e354a28f02650718f0b48"
