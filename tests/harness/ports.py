"""Ports nobody uses. They lie below the range from which the kernel gives ports to clients."""

import fcntl
import itertools
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Each test process starts at its own place, so two of them seldom try the same port.
_candidates = itertools.cycle(
    range(20_000 + os.getpid() * 37 % 9_000, 20_000 + os.getpid() * 37 % 9_000 + 2_000)
)


def free_port() -> int:
    """Return a port on which nothing listens; it is not given again soon."""
    for port in itertools.islice(_candidates, 2_000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port in two thousand")


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
