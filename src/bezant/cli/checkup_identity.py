"""What `bezant doctor keys` looks at in a running platform: API keys whose makers have left."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from bezant.cli.checkup import Case, Finding, Health
from bezant.cli.exits import Stop
from bezant.cli.ground import running_ground
from bezant.cli.installation import key_path
from bezant.clock import RealClock
from bezant.errors import BezantError

if TYPE_CHECKING:
    from bezant.identity.port import ApiKey

CHECK: Final = "makers"
NAMED_MAX: Final = 5


def left_behind(case: Case) -> Iterator[Finding]:
    """Look for keys that go on working though whoever made them is no member any more."""
    try:
        found = asyncio.run(_left_behind(case))
    except (Stop, BezantError):
        return  # What does not run or answer is told by the area `database`.
    if not found:
        told = "Whoever made an API key that works is still a member"
        yield Finding("keys", CHECK, Health.GOOD, told)
        return
    names = ", ".join(f"{key.id} ({key.shown}, made by {key.created_by})" for key in found)
    if len(found) > NAMED_MAX:
        begin = ", ".join(f"{key.id} ({key.shown})" for key in found[:NAMED_MAX])
        names = f"{begin} and {len(found) - NAMED_MAX} more"
    yield Finding(
        "keys",
        CHECK,
        Health.WRONG if case.live else Health.NOTE,
        f"Members have left who may know API keys that work: {names}",
        "Rotate each key (POST /v1/keys/{key}/rotate), or revoke it if nothing uses it.",
    )


async def _left_behind(case: Case) -> "tuple[ApiKey, ...]":
    from bezant.ids import Ids
    from bezant.schemas import ROLES
    from bezant.wiring.keys import keys_port
    from bezant.wiring.lent import load_key_file
    from bezant.wiring.modules import open_identity
    from bezant.wiring.site import Site
    from bezant.wiring.workbench import Workbench

    assert case.installation is not None
    place, settings = case.place, case.settings
    key = load_key_file(key_path(case.installation, settings.platform.key_file))
    roles = running_ground(settings, place, ROLES, key).roles
    site = Site(place.folder, case.installation.id, case.live, key, roles)
    clock = RealClock()
    async with AsyncExitStack() as stack:
        bench = Workbench(stack, settings, site, clock, Ids(clock), "operator")
        return await (await open_identity(bench, await keys_port(bench))).left_behind()
