"""Refusals in the log: one line each, which and where, and never what was shown."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from bezant import telemetry
from bezant.errors import BezantError
from bezant.identity.oauth import AuthorizationPending, ProofNeedsNonce

WAITING: Final = frozenset({AuthorizationPending.code, ProofNeedsNonce.code})
"""What every client hears now and then; it is no refusal."""
_log = telemetry.log("identity")


@contextmanager
def told_once(what: str, realm: str) -> Generator[None]:
    """Log a refusal in one line, such as `tokens.refused`."""
    try:
        yield
    except BezantError as refusal:
        if refusal.code not in WAITING:
            _log.warn(f"{what}.refused", code=refusal.code, realm=realm)
        raise
