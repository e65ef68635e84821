"""Letters leave at least once, wait while the server is away, and cannot be read in tables."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes
from typing import Any, cast

import pytest
from tests.identity.people.conftest import ANN, PASSWORD, Hall
from tests.identity.people.tables import everything_in

from bezant.clock import RealClock
from bezant.identity.people.delivering import LEASE, TRIED_FOR, MailDelayed, MailRefused
from bezant.identity.people.letters import Letter
from bezant.identity.people.smtp import MalformedServer, Smtp, server_of

pytestmark = pytest.mark.requirement("S002-2", part="confirmation by mail")


@dataclass
class Server:
    """A mail server that keeps what it is given, and answers as it is told to."""

    port: int = 0
    answer: str = "250 kept"
    kept: list[bytes] = field(default_factory=list[bytes])
    named: list[str] = field(default_factory=list[str])
    """For whom letters were, as the envelope says."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(line: str) -> None:
            writer.write(f"{line}\r\n".encode())

        say("220 here")
        while line := await reader.readline():
            word = line[:4].upper()
            if word in (b"EHLO", b"HELO", b"MAIL", b"RSET"):
                say("250 fine")
            elif word == b"RCPT":
                self.named.append(line.decode().strip())
                say(self.answer)
            elif word == b"DATA":
                say("354 go on")
                self.kept.append(await reader.readuntil(b"\r\n.\r\n"))
                say("250 kept")
            elif word == b"QUIT":
                say("221 bye")
                break
            await writer.drain()
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    running = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = running.sockets[0].getsockname()[1]
    yield made
    running.close()
    await running.wait_closed()


def post_to(server: Server) -> Smtp:
    return Smtp(server_of(f"smtp://127.0.0.1:{server.port}", "pay@example.com"), RealClock())


async def signed_up(hall: Hall) -> None:
    await hall.told("/v1/sign-ups", {"email": ANN, "name": "Ann", "password": PASSWORD})


async def test_a_letter_is_handed_to_the_mail_server_once(hall: Hall, server: Server) -> None:
    await signed_up(hall)
    code = await hall.code_in_letter()
    post = post_to(server)
    assert await hall.service.deliver(post.send) == 1
    assert await hall.service.deliver(post.send) == 0
    (kept,) = server.kept
    letter = message_from_bytes(kept)
    assert (letter["to"], letter["from"]) == (ANN, "pay@example.com")
    assert letter["auto-submitted"] == "auto-generated"
    assert code in letter.get_payload(decode=True).decode()  # pyright: ignore
    assert await hall.letters() == [], "what was sent is forgotten"
    assert await _states(hall) == [(True, False)]
    await hall.told("/v1/sign-ups/confirm", {"token": code, "password": PASSWORD})


async def test_a_letter_waits_longer_each_time_the_server_is_away(hall: Hall) -> None:
    await signed_up(hall)
    tried: list[timedelta] = []
    begun = hall.clock.now()

    async def away(letter: Letter) -> None:
        tried.append(hall.clock.now() - begun)
        raise MailDelayed("ConnectionRefusedError")

    while hall.clock.now() - begun <= TRIED_FOR + timedelta(hours=7):
        await hall.service.deliver(away)
        hall.clock.move(timedelta(seconds=30) if len(tried) < 5 else timedelta(hours=1))
    waits = [later - earlier for earlier, later in itertools.pairwise(tried)]
    assert waits[:3] == [timedelta(seconds=30), timedelta(minutes=1), timedelta(minutes=2)]
    assert max(waits) <= timedelta(hours=7)
    assert tried[-1] >= TRIED_FOR
    assert await _states(hall) == [(False, True)], "and then it is given up"


async def test_a_letter_nobody_will_ever_take_is_given_up_at_once(
    hall: Hall, server: Server
) -> None:
    server.answer = "550 no such mailbox"
    await signed_up(hall)
    assert await hall.service.deliver(post_to(server).send) == 0
    assert await _states(hall) == [(False, True)]
    assert server.kept == []


async def test_a_server_that_refuses_for_now_or_refuses_us_costs_no_letter(
    hall: Hall, server: Server
) -> None:
    await signed_up(hall)
    for answer in ("450 later", "530 who are you"):
        server.answer = answer
        assert await hall.service.deliver(post_to(server).send) == 0
        assert await _states(hall) == [(False, False)]
        hall.clock.move(timedelta(hours=1))
    server.answer = "250 fine"
    assert await hall.service.deliver(post_to(server).send) == 1


@pytest.mark.parametrize(
    "written",
    ["other,ann@example.com", "<ann@example.com>", "x<ann@example.com>", "ann@example.com,x",
     "x:ann@example.com", "ann@example.com;", '"ann"@example.com', "(x)ann@example.com", "ann@["],
)  # fmt: skip
async def test_an_address_that_a_mail_reader_takes_for_others_is_none(
    hall: Hall, written: str
) -> None:
    """Each would be counted as an address of its own, and all fill one mailbox."""
    answer = await hall.post(
        "/v1/sign-ups", {"email": written, "name": "Ann", "password": PASSWORD}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_email"), answer.text
    assert await hall.letters() == []
    await signed_up(hall)
    assert [one["to"] for one in await hall.letters()] == [ANN]


async def test_a_letter_goes_to_the_very_address_and_no_other(hall: Hall, server: Server) -> None:
    address = "=?utf-8?q?ann?=@example.com"
    await hall.told("/v1/sign-ups", {"email": address, "name": "Ann", "password": PASSWORD})
    assert await hall.service.deliver(post_to(server).send) == 1
    assert [one.partition(":")[2] for one in server.named] == [f"<{address}>"]


async def test_a_letter_says_nothing_that_a_stranger_typed(hall: Hall) -> None:
    name = "Ann. You won! Go to https://evil.example"
    for _ in range(2):
        await hall.told("/v1/sign-ups", {"email": ANN, "name": name, "password": PASSWORD})
        assert "evil" not in "".join(one["text"] for one in await hall.letters())
        code = await hall.code_in_letter()
        await hall.post("/v1/sign-ups/confirm", {"token": code, "password": PASSWORD})
    assert {one["kind"] for one in await hall.letters()} == {"confirm_address", "already_known"}


async def test_a_letter_that_cannot_be_written_holds_up_no_other(hall: Hall) -> None:
    people = ["p0@example.com", "p1@example.com", "p2@example.com"]
    for email in people:
        await hall.told("/v1/sign-ups", {"email": email, "name": "P", "password": PASSWORD})
    sent: list[str] = []

    async def stumbles(letter: Letter) -> None:
        if letter.to == people[0]:
            raise IndexError("string index out of range")
        sent.append(letter.to)

    assert await hall.service.deliver(stumbles) == 2
    assert sorted(sent) == people[1:]
    while (False, False) in await _states(hall):
        hall.clock.move(timedelta(hours=6))
        await hall.service.deliver(stumbles)
    assert sorted(await _states(hall)) == [(False, True), (True, False), (True, False)]


async def test_whoever_takes_a_letter_and_dies_leaves_it_to_others(hall: Hall) -> None:
    await signed_up(hall)
    sent: list[Letter] = []

    async def dies(letter: Letter) -> None:
        raise asyncio.CancelledError

    async def sends(letter: Letter) -> None:
        sent.append(letter)

    with pytest.raises(asyncio.CancelledError):
        await hall.service.deliver(dies)
    assert await hall.service.deliver(sends) == 0
    hall.clock.move(LEASE)
    assert await hall.service.deliver(sends) == 1
    assert [one.to for one in sent] == [ANN]


async def test_two_who_send_at_once_send_each_letter_once(hall: Hall) -> None:
    for number in range(6):
        body = {"email": f"p{number}@example.com", "name": "P", "password": PASSWORD}
        await hall.told("/v1/sign-ups", body)
    sent: list[str] = []

    async def sends(letter: Letter) -> None:
        await asyncio.sleep(0)
        sent.append(letter.to)

    await asyncio.gather(*(hall.service.deliver(sends) for _ in range(3)))
    assert sorted(sent) == [f"p{number}@example.com" for number in range(6)]


async def test_a_refused_letter_is_not_read_in_the_tables(hall: Hall) -> None:
    await signed_up(hall)
    code = await hall.code_in_letter()

    async def refuses(letter: Letter) -> None:
        raise MailRefused("550")

    await hall.service.deliver(refuses)
    assert code not in await everything_in(hall)


@pytest.mark.parametrize(
    ("url", "sender"),
    [
        ("http://mail.example", "pay@example.com"),
        ("smtp://", "pay@example.com"),
        ("smtp://mail.example:x", "pay@example.com"),
        ("smtp://mail.example", "nobody"),
    ],
)
def test_what_is_no_mail_server_is_refused(url: str, sender: str) -> None:
    with pytest.raises(MalformedServer):
        server_of(url, sender)


async def _states(hall: Hall) -> list[tuple[bool, bool]]:
    """Return whether each letter was sent, and whether it was given up."""
    database: Any = cast("Any", hall.service)._database
    rows = await database.fetch_all(
        _State,
        "SELECT sent_at IS NOT NULL AS sent, failed_at IS NOT NULL AS failed FROM identity.mail",
    )
    return [(row.sent, row.failed) for row in rows]


@dataclass
class _State:
    sent: bool
    failed: bool
