"""Ports nobody uses. They lie below the range from which the kernel gives ports to clients."""

import fcntl
import itertools
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOM = 18
"""Ports at a fixed distance above one belong to it: the vault's, the emulators'."""

FIRST, ROOMS = 20_000, 700

# Each test process starts at its own place, so two of them seldom try the same port.
_started_at = os.getpid() * 197 % ROOMS
_rooms = itertools.cycle(
    range(FIRST, FIRST + ROOMS * ROOM, ROOM)[(_started_at + step) % ROOMS] for step in range(ROOMS)
)


def free_port() -> int:
    """Return a port on which nothing listens, nor on those of its room; it is not given soon."""
    for port in itertools.islice(_rooms, ROOMS):
        if all(is_free(one) for one in range(port, port + ROOM)):
            return port
    raise AssertionError("no free port in the whole range")


def is_free(port: int) -> bool:
    """Tell whether nothing listens on this port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@contextmanager
def fixed_ports_to_ourselves() -> Iterator[None]:
    """Take turns with every other test of this machine that opens the families' fixed ports."""
    path = Path(tempfile.gettempdir()) / f"bezant-tests-fixed-ports-{os.geteuid()}.lock"
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
