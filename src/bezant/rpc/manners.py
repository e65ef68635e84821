"""How a port is called: how long a call may take, and whether it may be repeated.

Every port method is safe to repeat: a command carries its client's id, a question changes nothing.
A method that is not goes into `once`, and a far call that may have arrived is then never sent
twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

DEADLINE_SECONDS = 5.0
SLOW_SECONDS = 1.5  # Slower than this, a call counts against its peer although it will be answered.


@dataclass(frozen=True, slots=True)
class Manners:
    """The manners of one port."""

    deadline_seconds: float = DEADLINE_SECONDS
    deadlines: Mapping[str, float] = field(default_factory=dict[str, float])
    """By method, where it is not the ordinary one."""
    once: frozenset[str] = frozenset()
    """Methods that must not be sent a second time."""
    slow_seconds: float = SLOW_SECONDS

    def deadline_of(self, method: str) -> float:
        """Return how many seconds a call of this method may take."""
        return self.deadlines.get(method, self.deadline_seconds)

    def slow_of(self, method: str) -> float:
        """Return after how many seconds a call of this method is slow: longer for long ones."""
        return max(self.slow_seconds, self.deadlines.get(method, 0) / 2)


ORDINARY: Final = Manners()

MANNERS: Final[Mapping[str, Manners]] = {
    "identity.Identity": Manners(
        deadlines={"log_in": 10.0},  # Passwords are checked slowly, and few at a time.
        # Secrets that are told once, links that work once, and failures that are counted.
        once=frozenset({"log_in", "change_password", "accept_invitation", "invite"})
        | {"create_key", "rotate_key", "revoke_keys"},
    ),
    "keys.Keys": Manners(
        # A token may take its time to make a key, or to come back.
        deadlines={"declare": 30.0, "rotate": 60.0, "destroy": 30.0},
        once=frozenset({"rotate"}),
    ),
    "ledger.Ledger": Manners(
        deadlines={
            "post_batch": 15.0,  # A thousand transfers may wait behind a thousand others.
            "trial_balance": 60.0,
            "report": 60.0,
            "reconcile": 300.0,  # It reads every entry of the book.
        }
    ),
    # A provider may take its time, and there may be three of them. All of it is safe to repeat.
    "payments.Payments": Manners(
        deadlines={
            "create": 75.0,
            "confirm": 75.0,
            "capture": 45.0,
            "void": 45.0,
            "request_refund": 45.0,
            "submit_evidence": 45.0,
            "settle": 300.0,
        }
    ),
    # A provider may take its time, and a card's code can be used once only.
    "vault.Vault": Manners(deadlines={"send": 60.0}, once=frozenset({"send"})),
    "vault.CardDoor": Manners(once=frozenset({"tokenise"})),
    # Secrets that are told once.
    "webhooks.Webhooks": Manners(
        deadlines={"resend_many": 15.0}, once=frozenset({"create_endpoint", "rotate_secret"})
    ),
}


def port_name(port: type) -> str:
    """Name a port by its module and class, such as `ledger.Ledger`: the key of every table here."""
    home = port.__module__.split(".")
    return f"{home[1] if home[0] == 'bezant' else home[-1]}.{port.__name__}"


def manners_of(port: type) -> Manners:
    """Return a port's manners."""
    return MANNERS.get(port_name(port), ORDINARY)
