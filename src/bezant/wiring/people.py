"""How people get in here: the domain of their passkeys, where they sign up, who takes letters."""

from typing import Final

from bezant.db.jobs import Tick, Turn
from bezant.identity.people.party import Party, party_of
from bezant.identity.people.smtp import MalformedServer, Smtp, server_of
from bezant.identity.service import IdentityService
from bezant.settings import Settings
from bezant.telemetry import log
from bezant.wiring.issuer import issuer_of
from bezant.wiring.workbench import Workbench

DELIVER_EVERY_SECONDS: Final = 5.0


def party_of_settings(settings: Settings) -> Party:
    """Return who asks for passkeys."""
    people = settings.people
    return party_of(issuer_of(settings), people.relying_party, people.expected_origins)


def deliver_letters(bench: Workbench, service: IdentityService) -> None:
    """Send letters where a mail server is named; a demo shows them, anybody else is told."""
    people = bench.settings.people
    if people.mail_server is None:
        if bench.site.live:
            log("identity").warn("mail.no_server", setting="SMTP_URL")
        return
    if not people.mail_sender:
        raise MalformedServer("MAIL_FROM is missing: letters need a sender", field="MAIL_FROM")
    post = Smtp(server_of(people.mail_server.reveal(), people.mail_sender), bench.real)

    async def deliver(turn: Turn) -> None:
        del turn  # A letter is taken by one process, and by another only if that one died.
        await service.deliver(post.send)

    bench.ticks.append(Tick("identity.mail", DELIVER_EVERY_SECONDS, deliver))
