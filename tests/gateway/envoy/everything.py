"""An edge over every route, and callers with every credential: for questions about rights."""

from time import monotonic

from bezant.actor import Actor, Caller, Mode
from bezant.clock import RealClock
from bezant.gateway.app import Ground, build
from bezant.gateway.health import Health
from bezant.http.caller import Credential, CredentialInvalid
from bezant.http.edge import Edge, Rules
from bezant.http.limits import MemoryLimits
from bezant.http.routes import Routes
from bezant.identity.provider import scopes
from bezant.ids import Ids
from bezant.telemetry.metrics import Meters


class Known:
    """Callers that are known by the text of what they show."""

    def __init__(self) -> None:
        self.actors: dict[str, Actor] = {}

    def add(self, credential: str, permissions: frozenset[str]) -> str:
        self.actors[credential] = Actor(
            Caller.CLIENT, "cli_1", "mer_1", Mode.TEST, permissions, "admin"
        )
        return credential

    def with_scope(self, token: str, scope: str) -> str:
        return self.add(token, scopes.permissions(scope.split()))

    def known(self, credential: Credential) -> Actor | None:
        return self.actors.get(credential.secret.reveal())

    async def identify(self, credential: Credential) -> Actor:
        del credential
        raise CredentialInvalid


def edge_of(
    callers: Known, door: type[Edge], routes: list[Routes], rules: Rules | None = None
) -> Edge:
    clock = RealClock()
    ground = Ground(callers, MemoryLimits(monotonic), Meters(), Ids(clock), Health(clock))
    return build(routes, service="gateway", ground=ground, rules=rules or Rules(), door=door)


def scopes_for(permission: str) -> tuple[str, ...]:
    """Return the scopes of which a token needs one."""
    return tuple(
        one for one in (permission, scopes.EVERYTHING) if permission in scopes.permissions((one,))
    )
