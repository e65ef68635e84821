"""What every part of the payments works with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bezant.actor import Mode
from bezant.clock import Clock
from bezant.db.database import Database
from bezant.ids import Ids
from bezant.payments.booking import Booking
from bezant.payments.failpoints import Failpoints
from bezant.payments.gathered import Gathered
from bezant.payments.health import Health
from bezant.payments.rulebook import Rulebook
from bezant.payments.safe import Safe
from bezant.psp.port import Connector, Redaction
from bezant.vault.port import Vault


@dataclass(frozen=True, slots=True)
class Parts:
    """The collaborators of one payments service."""

    database: Database
    clock: Clock
    ids: Ids
    connectors: Mapping[str, Connector]
    modes: Mapping[str, frozenset[Mode]]
    """In which modes each provider has an account."""
    vault: Vault
    booking: Booking
    gathered: Gathered
    rulebook: Rulebook
    health: Health
    failpoints: Failpoints
    redaction: Redaction
    safe: Safe
    told: Callable[[], None]
    """Called when the feed has grown."""
    _open: Mapping[Mode, Mapping[str, Connector]] = field(init=False)

    def __post_init__(self) -> None:
        opened = {
            mode: {name: one for name, one in self.connectors.items() if mode in self.modes[name]}
            for mode in Mode
        }
        object.__setattr__(self, "_open", opened)

    def open_in(self, mode: Mode) -> Mapping[str, Connector]:
        """Return the providers that can be asked in a mode, in the order of preference."""
        return self._open[mode]
