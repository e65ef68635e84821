"""Disputes at the acquirer "card": a payer takes the money back, and the merchant may answer.

Evidence that says `winning_evidence` wins; any other loses, as silence does.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from bezant.sandbox.book import Page
from bezant.sandbox.card_report import DISPUTE_FEE
from bezant.sandbox.card_requests import known, need_key, read, refuse, tell
from bezant.sandbox.card_shapes import Authorisation, Dispute, EvidenceWish, Operation, show
from bezant.sandbox.emulator import Call, Route
from bezant.sandbox.exchange import Answer
from bezant.sandbox.movement import Moved

ANSWER_WINDOW: Final = timedelta(days=14)
WINNING: Final = "winning_evidence"


def open_dispute(page: Page, authorisation: str) -> None:
    """Let the payer dispute everything that was captured and not given back."""
    made = page.get(Authorisation, authorisation)
    assert made is not None
    amount = made.captured - made.refunded - made.disputed
    if amount <= 0:
        return
    dispute = Dispute(
        page.new_id("dsp_"),
        made.id,
        amount,
        made.asset,
        made.dispute or "fraudulent",
        "open",
        page.now,
    )
    page.put(dispute, parent=made.id)
    _put(page, replace(made, disputed=made.disputed + amount))
    page.move(Moved.DISPUTE, dispute.id, made.id, made.asset, -amount, fee=DISPUTE_FEE)
    page.later("decide", dispute.id, ANSWER_WINDOW)
    tell(page, "dispute.opened", dispute)


def answer(call: Call, page: Page) -> Answer:
    """Take the merchant's evidence; the decision follows at once."""
    wish = read(call, EvidenceWish)
    need_key(wish.key)
    dispute = known(page, Dispute, call.at("id"))
    if dispute.status != "open":
        raise refuse(409, "dispute_closed", f"this dispute is {dispute.status}")
    page.not_later("decide", dispute.id)
    dispute = _close(page, dispute, "won" if wish.evidence == WINNING else "lost")
    page.put(Operation(wish.key, "evidence", dispute.id))
    return Answer.json(200, show(dispute))


def decide(page: Page, id_: str) -> None:
    """Decide for the payer: nobody answered in time."""
    dispute = page.get(Dispute, id_)
    assert dispute is not None
    _close(page, dispute, "lost")


def show_dispute(call: Call, page: Page) -> Answer:
    return Answer.json(200, show(known(page, Dispute, call.at("id"))))


def _close(page: Page, dispute: Dispute, status: str) -> Dispute:
    dispute = replace(dispute, status=status)
    page.put(dispute, parent=dispute.authorisation)
    if status == "won":
        made = page.get(Authorisation, dispute.authorisation)
        assert made is not None
        _put(page, replace(made, disputed=made.disputed - dispute.amount, dispute=""))
        page.move(Moved.DISPUTE_WON, dispute.id, made.id, dispute.asset, dispute.amount)
    tell(page, f"dispute.{status}", dispute)
    return dispute


def _put(page: Page, made: Authorisation) -> None:
    page.put(made, name=made.key, parent=made.reference)


ROUTES: Final = (
    Route("GET", "/disputes/{id}", "query", show_dispute, frozenset()),
    Route("POST", "/disputes/{id}/evidence", "evidence", answer, frozenset()),
)
