"""The numbers that networks and providers publish for tests: they can pay for nothing.

Test mode takes these and no others, so that nobody's real card ends up where it is not protected
as one; live mode takes none of them. What each of them brings about is up to the provider.
"""

from typing import Final

TEST_NUMBERS: Final = frozenset(
    {
        # Succeed, by network.
        "4242424242424242",
        "4000056655665556",
        "4012888888881881",
        "4111111111111111",
        "4222222222222",
        "5555555555554444",
        "5105105105105100",
        "5200828282828210",
        "5431111111111111",
        "378282246310005",
        "371449635398431",
        "378734493671000",
        "6011111111111117",
        "6011000990139424",
        "30569309025904",
        "38520000023237",
        "36227206271667",
        "3566002020360505",
        "3530111333300000",
        "6200000000000005",
        "5019717010103742",
        "4000058260000005",
        # Are declined, each for its own reason.
        "4000000000000002",
        "4000000000000069",
        "4000000000000119",
        "4000000000000127",
        "4000000000000341",
        "4000000000004954",
        "4000000000006975",
        "4000000000009979",
        "4000000000009987",
        "4000000000009995",
        # Ask for 3-D Secure, settle at once, are disputed, or give refunds back late or not at all.
        "4000000000003220",
        "4000002500003155",
        "4000002760003184",
        "4000008260003178",
        "4000008400001629",
        "4000000000000077",
        "4000000000000259",
        "4000000000002685",
        "4000000000005126",
        "4000000000007726",
    }
)
