"""One attempt: a request is sent, and the answer is read as far as it matters."""

import email.utils
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Final

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    ServerDisconnectedError,
)
from yarl import URL

from bezant.clock import Clock
from bezant.db.guard import no_open_transaction
from bezant.telemetry.scrub import scrub
from bezant.webhooks.addresses import target_of
from bezant.webhooks.delivery import Outcome
from bezant.webhooks.dialling import AddressForbidden
from bezant.webhooks.endpoint import ForbiddenAddress

ANSWER_BYTES_READ_MAX: Final = 16_384  # What is longer costs its connection.
ANSWER_CHARACTERS_KEPT: Final = 500
USER_AGENT: Final = "Bezant-Webhooks/1"
_GONE: Final = 410
_SECONDS: Final = re.compile(r"[0-9]{1,9}\Z")


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of a request."""

    outcome: Outcome
    milliseconds: int
    status: int | None = None
    answer: str = ""
    asked_seconds: int = 0
    """How long the receiver asked us to wait (Retry-After)."""


class Sender:
    """Sends with one session. Redirects are followed nowhere."""

    def __init__(
        self, session: ClientSession, clock: Clock, *, live: bool, timeout_seconds: float
    ) -> None:
        self._session = session
        self._clock = clock
        self._live = live
        self._timeout = ClientTimeout(total=timeout_seconds)

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Answered:
        """Send once and say what came of it; nothing that a receiver does raises here."""
        no_open_transaction()
        begun_seconds = perf_counter()
        try:
            target_of(url, live=self._live)  # It may have been allowed when it was written down.
            try:
                return await self._sent(url, headers, body, begun_seconds)
            except ServerDisconnectedError:
                # A connection kept alive was let go of as we used it. Deliveries may arrive twice.
                return await self._sent(url, headers, body, begun_seconds)
        except (ForbiddenAddress, AddressForbidden):
            outcome = Outcome.FORBIDDEN
        except TimeoutError:
            outcome = Outcome.TIMED_OUT
        except (ClientConnectorCertificateError, ClientConnectorSSLError, ssl.SSLError):
            outcome = Outcome.UNTRUSTED
        except ClientConnectorError as error:
            forbidden = isinstance(error.os_error, AddressForbidden)
            outcome = Outcome.FORBIDDEN if forbidden else Outcome.UNREACHABLE
        except (ClientError, OSError, ValueError):
            outcome = Outcome.UNREACHABLE
        return Answered(outcome, _milliseconds(begun_seconds))

    async def _sent(
        self, url: str, headers: Mapping[str, str], body: bytes, begun_seconds: float
    ) -> Answered:
        async with self._session.post(
            URL(url, encoded=True),
            data=body,
            headers={"content-type": "application/json", "user-agent": USER_AGENT, **headers},
            allow_redirects=False,
            timeout=self._timeout,
        ) as response:
            text = await _beginning(response)
            return Answered(
                _outcome(response.status),
                _milliseconds(begun_seconds),
                response.status,
                text,
                self._asked_seconds(response.headers.get("retry-after", "")),
            )

    def _asked_seconds(self, text: str) -> int:
        """Read Retry-After: seconds, or an instant (RFC 9110, 10.2.3)."""
        if _SECONDS.match(text):
            return int(text)
        try:
            at = email.utils.parsedate_to_datetime(text)
            return max(0, int((at - self._clock.now()).total_seconds()))
        except (TypeError, ValueError):
            return 0


async def _beginning(response: ClientResponse) -> str:
    """Read what an answer begins with, and as much of the rest as keeps its connection usable."""
    read = bytearray()
    while len(read) < ANSWER_BYTES_READ_MAX:
        chunk = await response.content.read(ANSWER_BYTES_READ_MAX - len(read))
        if not chunk:
            break
        read += chunk
    text = read.decode("utf-8", "replace")
    # Masked before it is cut: half a card number is not found any more.
    shown = "".join(one if one.isprintable() or one == "\n" else "\ufffd" for one in scrub(text))
    return shown[:ANSWER_CHARACTERS_KEPT]


def _outcome(status: int) -> Outcome:
    if 200 <= status < 300:
        return Outcome.DELIVERED
    if 300 <= status < 400:
        return Outcome.REDIRECTED
    return Outcome.GONE if status == _GONE else Outcome.REFUSED


def _milliseconds(begun_seconds: float) -> int:
    return round((perf_counter() - begun_seconds) * 1000)
