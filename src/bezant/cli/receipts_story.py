"""The receipt of a first payment, checked as a stranger would check it."""

import json
from typing import TYPE_CHECKING, Final, cast

from bezant.cli.exits import Exit, Stop
from bezant.cli.screen import step

if TYPE_CHECKING:
    from bezant.cli.story import Json, Shop

RECORDED_SECONDS_MAX: Final = 30.0
PAUSE_SECONDS: Final = 0.1


def check_the_receipt(shop: "Shop", payment: str) -> dict[str, str]:
    """Wait for a payment's receipt, verify it with the published keys, and tell what was found."""
    with step("waiting for the receipt", "the receipt is signed, and in the log"):
        receipt, file = _recorded(shop, payment)
    with step("checking it as a stranger would", "the receipt is valid"):
        checked = _checked(shop, file)
    return {
        "receipt": str(receipt["id"]),
        "receipt_check": checked,
        "receipt_page": str(receipt["link"]),
    }


def _recorded(shop: "Shop", payment: str) -> tuple["Json", "Json"]:
    """Return the receipt and its file once the log's proof is in it."""
    from time import monotonic, sleep

    until = monotonic() + RECORDED_SECONDS_MAX
    while monotonic() < until:
        found = cast("list[Json]", shop.ask("GET", f"/v1/receipts?payment={payment}")["data"])
        if found:
            file = shop.ask("GET", f"/v1/receipts/{found[0]['id']}/file")
            if "proof" in file:
                return found[0], file
        sleep(PAUSE_SECONDS)
    raise Stop("The payment has no recorded receipt yet.", "Look at bezant logs.", Exit.WRONG)


def _checked(shop: "Shop", file: "Json") -> str:
    from bezant_verify import receipt
    from bezant_verify.checkpoint import Trust
    from bezant_verify.jws import BadObject
    from bezant_verify.merkle import BadProof
    from bezant_verify.note import BadNote

    trust = Trust.parse(json.dumps(shop.ask("GET", "/audit/keys")))
    try:
        found = receipt.verify(receipt.written(dict(file)), trust)
    except (BadObject, BadProof, BadNote) as error:
        raise Stop(f"The receipt is not valid: {error}.", "Please tell us.", Exit.BUG) from None
    assert found.proven is not None, "a file with a proof was verified with it"
    return f"valid: {', '.join(found.signed_with)}, entry {found.proven.index} of the log"
