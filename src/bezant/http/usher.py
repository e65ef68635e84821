"""Several gateways behind one port: an usher takes connections and hands each to one that is well.

The usher reads nothing of what comes. It passes the open connection itself to another process of
this machine, which sees who is calling as ever and speaks TLS with them; nothing is copied on the
way. Twice a second every instance is asked whether it wants traffic. While none does, those that
once did get it all the same: a late answer, or a refusal that says why, is better than none.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final

from bezant.telemetry import log

CHECK_SECONDS: Final = 0.5
PATIENCE_SECONDS: Final = 2.0  # An instance that says nothing for so long gets nothing.
INSTANCES_MAX: Final = 64
WORD_BYTES: Final = 2
ACCEPTED_AT_ONCE: Final = 16
NOBODY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n"
    b"retry-after: 1\r\ncontent-length: 91\r\nconnection: close\r\n\r\n"
    b'{"type":"about:blank","title":"No instance answers now.","status":503,"code":"unavailable"}'
)
_PEER: Final = struct.Struct("3i")
_log = log("http")


class Word(IntEnum):
    """What the two ends tell each other; the second byte belongs to the first."""

    CONNECTION = 1
    """Here is a connection, to the listener of this number."""
    QUESTION = 2
    """Do you want traffic?"""
    ANSWER = 3
    """One, or not: zero."""
    LEAVING = 4
    """Hand me nothing more; I read what is under way until you close."""


def word(kind: Word, about: int = 0) -> bytes:
    """Return a message as it is sent."""
    return bytes((kind, about))


@dataclass(slots=True, eq=False)
class Instance:
    """One process that answers."""

    link: socket.socket
    is_well: bool = False
    was_well: bool = False
    asked_at: float = 0.0
    """When it was asked and has not answered; zero if it owes no answer."""

    def is_silent(self, now: float) -> bool:
        """Tell whether it has owed an answer for too long."""
        return bool(self.asked_at) and now - self.asked_at > PATIENCE_SECONDS


class Usher:
    """Hands connections of some listeners to whoever has come to `place` for them."""

    def __init__(self, place: Path, listeners: Sequence[socket.socket]) -> None:
        self._place = place
        self._listeners = tuple(listeners)
        self._instances: list[Instance] = []
        self._turn = 0
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._checking: asyncio.Task[None] | None = None

    @property
    def well(self) -> int:
        """How many instances want traffic."""
        return sum(one.is_well for one in self._instances)

    def start(self) -> None:
        """Let instances come, and begin to take connections."""
        loop = asyncio.get_running_loop()
        self._door.setblocking(False)
        self._door.bind(str(self._place))
        self._place.chmod(0o600)
        self._door.listen(INSTANCES_MAX)
        loop.add_reader(self._door, self._welcome)
        for number, listener in enumerate(self._listeners):
            listener.setblocking(False)
            loop.add_reader(listener, self._take, number, listener)
        self._checking = loop.create_task(self._check_for_ever(), name="usher")

    async def stop(self) -> None:
        """Take no more connections and let go of every instance; each finishes what it has."""
        loop = asyncio.get_running_loop()
        if self._checking is not None:
            self._checking.cancel()
            with suppress(asyncio.CancelledError):
                await self._checking
        for listener in self._listeners:
            loop.remove_reader(listener)
            listener.close()
        loop.remove_reader(self._door)
        self._door.close()
        self._place.unlink(missing_ok=True)
        for instance in tuple(self._instances):
            self._lose(instance)

    def _welcome(self) -> None:
        """Let an instance in, if it is a process of ours."""
        try:
            link, _ = self._door.accept()
        except OSError:
            return
        link.setblocking(False)
        _, user, _ = _PEER.unpack(
            link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        )
        if user != os.geteuid() or len(self._instances) >= INSTANCES_MAX:
            link.close()
            return
        instance = Instance(link)
        self._instances.append(instance)
        asyncio.get_running_loop().add_reader(link, self._listen, instance)
        self._ask(instance)

    def _listen(self, instance: Instance) -> None:
        """Hear what an instance says."""
        try:
            told = instance.link.recv(WORD_BYTES)
        except BlockingIOError:
            return
        except OSError:
            told = b""
        if len(told) != WORD_BYTES:
            self._lose(instance)
        elif told[0] == Word.LEAVING:
            self._lose(instance)  # It reads on until it finds this end closed.
        elif told[0] == Word.ANSWER:
            instance.asked_at = 0.0
            self._say(instance, is_well=bool(told[1]))

    def _take(self, number: int, listener: socket.socket) -> None:
        """Accept what waits, and hand it on."""
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                connection, _ = listener.accept()
            except OSError:  # Nobody waits any more, or whoever did has left.
                return
            with connection:
                self._hand(number, connection)

    def _hand(self, number: int, connection: socket.socket) -> None:
        for instance in self._in_turn():
            try:
                socket.send_fds(
                    instance.link, [word(Word.CONNECTION, number)], [connection.fileno()]
                )
            except BlockingIOError:
                self._say(instance, is_well=False)  # It takes nothing; it is stuck.
            except OSError:
                self._lose(instance)
            else:
                return
        connection.setblocking(False)
        with suppress(OSError):
            connection.send(NOBODY)

    def _in_turn(self) -> Iterator[Instance]:
        """Yield who may answer, each time from the next one on: who is well, else who ever was;
        and of those rather who still speaks.
        """
        ready = [one for one in self._instances if one.is_well]
        if not ready:
            ready = [one for one in self._instances if one.was_well]
            now = asyncio.get_running_loop().time()
            ready = [one for one in ready if not one.is_silent(now)] or ready
        self._turn += 1
        for step in range(len(ready)):
            yield ready[(self._turn + step) % len(ready)]

    async def _check_for_ever(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            for instance in tuple(self._instances):
                if not instance.asked_at:
                    self._ask(instance)
                elif instance.is_silent(loop.time()):
                    self._say(instance, is_well=False)

    def _ask(self, instance: Instance) -> None:
        instance.asked_at = asyncio.get_running_loop().time()
        try:
            instance.link.send(word(Word.QUESTION))
        except BlockingIOError:
            self._say(instance, is_well=False)
        except OSError:
            self._lose(instance)

    def _say(self, instance: Instance, *, is_well: bool) -> None:
        if instance.is_well is not is_well:
            instance.is_well = is_well
            instance.was_well |= is_well
            _log.info("instance.changed", well=is_well, left=self.well)

    def _lose(self, instance: Instance) -> None:
        if instance in self._instances:
            asyncio.get_running_loop().remove_reader(instance.link)
            self._instances.remove(instance)
            instance.link.close()
            _log.info("instance.left", left=self.well)
