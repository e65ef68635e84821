"""A mail server, spoken to by SMTP (RFC 5321); a password goes to it by TLS only."""

import asyncio
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final
from urllib.parse import unquote, urlsplit

from bezant.clock import Clock
from bezant.db.guard import no_open_transaction
from bezant.errors import Invalid
from bezant.identity.people.delivering import MailDelayed, MailRefused
from bezant.identity.people.letters import Letter
from bezant.identity.provider.issuer import is_loopback
from bezant.secret import Secret

TIMEOUT_SECONDS: Final = 20
_PORTS: Final = {"smtp": 587, "smtps": 465}
_REFUSED_FROM: Final = 500  # RFC 5321, 4.2.1: from here on, trying again changes nothing.


class MalformedServer(Invalid):
    """SMTP_URL is smtp:// or smtps://, a name and a password if there are any, a host, a port."""

    code = "malformed_mail_server"


@dataclass(frozen=True, slots=True)
class Server:
    """Where letters are handed over, and as whom."""

    host: str
    port: int
    tls: bool
    """From the first byte on; otherwise by STARTTLS, which only this machine may lack."""
    user: str
    password: Secret[str]
    sender: str


def server_of(url: str, sender: str) -> Server:
    """Read where the mail server is."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        raise MalformedServer from None
    if parts.scheme not in _PORTS or not parts.hostname or "@" not in sender:
        raise MalformedServer
    return Server(
        parts.hostname,
        port or _PORTS[parts.scheme],
        parts.scheme == "smtps",
        unquote(parts.username or ""),
        Secret(unquote(parts.password or "")),
        sender,
    )


class Smtp:
    """Hands letters to a mail server."""

    def __init__(self, server: Server, clock: Clock) -> None:
        self._server = server
        self._clock = clock

    async def send(self, letter: Letter) -> None:
        """Hand over one letter."""
        no_open_transaction()
        await asyncio.to_thread(self._send, letter.to, self._message(letter))

    def _message(self, letter: Letter) -> EmailMessage:
        made = EmailMessage()
        made["From"] = self._server.sender
        made["To"] = letter.to
        made["Subject"] = letter.subject
        made["Date"] = format_datetime(self._clock.now())
        made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no machine answers a machine.
        made.set_content(letter.text)
        return made

    def _send(self, to: str, message: EmailMessage) -> None:
        try:
            with self._connected() as server:
                # Named here: read from the header, one address could become another, or several.
                server.send_message(message, to_addrs=[to])
        except smtplib.SMTPRecipientsRefused as refused:
            codes = [code for code, _ in refused.recipients.values()]
            _tell(max(codes, default=0))
        except smtplib.SMTPResponseException as answer:
            _tell(answer.smtp_code)
        except (OSError, smtplib.SMTPException) as failure:
            raise MailDelayed(type(failure).__name__) from None

    def _connected(self) -> smtplib.SMTP:
        at, context = self._server, ssl.create_default_context()
        if at.tls:
            made = smtplib.SMTP_SSL(at.host, at.port, timeout=TIMEOUT_SECONDS, context=context)
        else:
            made = smtplib.SMTP(at.host, at.port, timeout=TIMEOUT_SECONDS)
        try:
            made.ehlo()
            if not at.tls and (made.has_extn("starttls") or not is_loopback(at.host)):
                made.starttls(context=context)
            if at.user:
                made.login(at.user, at.password.reveal())
        except BaseException:
            made.close()
            raise
        return made


def _tell(code: int) -> None:
    """Raise what the server's answer means for this letter."""
    # 530 to 538 are about us, not about the letter: a wrong password must not cost anybody theirs.
    if code >= _REFUSED_FROM and not 530 <= code <= 538:
        raise MailRefused(str(code))
    raise MailDelayed(str(code))
