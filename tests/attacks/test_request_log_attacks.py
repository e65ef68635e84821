"""An attack on the request log: a card number that is cut in two escapes whoever looks for it."""

import re
from typing import cast

import pytest
from tests.audit.test_requests import seen

from bezant.audit.gathering import (
    ABOUT_CHARACTERS_MAX,
    AGENT_CHARACTERS_MAX,
    RequestLog,
)
from bezant.audit.port import Audit, RequestSeen
from bezant.clock import MovableClock

CARD = "4242424242424242"


class Noting:
    """Remembers the lines."""

    def __init__(self) -> None:
        self.lines: list[RequestSeen] = []

    async def note_requests(self, requests: tuple[RequestSeen, ...]) -> None:
        self.lines += requests


@pytest.mark.parametrize("kept", range(1, 17))
async def test_half_a_card_number_is_not_kept_either(clock: MovableClock, kept: int):
    agent = " ".rjust(AGENT_CHARACTERS_MAX - kept, "a") + CARD
    about = "-".rjust(ABOUT_CHARACTERS_MAX - kept, "a") + CARD
    noting = Noting()
    log = RequestLog(cast("Audit", noting), clock)
    log(seen(1, headers={b"user-agent": agent.encode()}, path={"payment": about}))
    await log.stop()
    (line,) = noting.lines
    assert re.search("[0-9]", line.agent + line.about) is None
    assert (line.agent[:20], line.about[:20]) == ("a" * 20, "a" * 20)
    assert len(line.agent) <= AGENT_CHARACTERS_MAX
    assert len(line.about) <= ABOUT_CHARACTERS_MAX
