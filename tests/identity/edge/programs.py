"""Callers beside people and keys: a merchant's own program, and who has a role of its making."""

import json
from urllib.parse import urlencode, urlsplit

from tests.identity.conftest import PASSWORD
from tests.identity.edge.whole import Caller, Shop, Whole
from tests.identity.provider.signer import Signer, bare

from bezant.actor import Mode
from bezant.clock import RealClock
from bezant.identity import (
    AcceptInvitation,
    Access,
    ChangeMember,
    CreateRole,
    Grant,
    InviteMember,
    KeyKind,
    LogIn,
    Role,
    rules,
)
from bezant.identity.provider import scopes

LEFT = (Grant("payments", Access.READ), Grant("refunds", Access.WRITE))
"""What a custom role leaves of its basis, where that allows it."""
BY_KEY = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


async def join(made: Whole) -> None:
    """Add them to every shop: a program of each role there is for one, and each role narrowed."""
    for shop in made.shops:
        for mode in Mode:
            for role in (Role.ADMIN, Role.FINANCE, Role.SUPPORT):
                caller = await _program(made, shop, role, mode)
                shop.callers[f"cli {role} {mode}"] = caller
        for role in (Role.ADMIN, Role.FINANCE):
            shop.callers[f"custom {role} test"] = await _narrowed(made, shop, role)


async def _program(made: Whole, shop: Shop, role: Role, mode: Mode) -> Caller:
    robot, owner = Signer(RealClock()), shop.callers[f"admin {mode}"]
    keys = json.dumps({"keys": [bare(robot.public)]})
    wanted = {"kind": "program", "name": shop.mark, "role": role, "public_key": keys}
    told = await made.made("/v1/clients", owner, wanted)
    assert told["mode"] == mode
    wish = {
        "grant_type": "client_credentials",
        "client_assertion_type": BY_KEY,
        "client_assertion": robot.assertion(told["client_id"], told["issuer"]),
    }
    path = urlsplit(told["issuer"]).path + "/protocol/openid-connect/token"
    form = {"content-type": "application/x-www-form-urlencoded"}
    given = await made.send("POST", path, form, urlencode(wish).encode())
    assert given.status == 200, given.text
    allowed = scopes.permissions((scopes.EVERYTHING,))
    held = rules.key_permissions(KeyKind.SECRET, role, ())
    headers = {"authorization": f"Bearer {json.loads(given.text)['access_token']}"}
    return Caller(f"cli {role} {mode}", headers, held & allowed)


async def _narrowed(made: Whole, shop: Shop, role: Role) -> Caller:
    service, by = made.house.identity, rules.operator(Mode.TEST)
    name = f"narrow.{role}@{shop.mark}.example"
    kept = tuple(one for one in LEFT if rules.granted((one,)) <= rules.PERMISSIONS[role])
    custom = await service.create_role(
        CreateRole(made.ids.new("rol"), by, shop.merchant, f"{role} at night", role, kept)
    )
    invited = await service.invite(InviteMember(made.ids.new("inv"), by, shop.merchant, name, role))
    member = await service.accept_invitation(AcceptInvitation(invited.token, shop.mark, PASSWORD))
    await service.change_member(ChangeMember(by, shop.merchant, member.id, role, custom.id))
    started = await service.log_in(LogIn(name, PASSWORD, shop.merchant, Mode.TEST))
    headers = {"authorization": f"Bearer {started.token.reveal()}"}
    held = rules.member_permissions(role, shop.merchant, kept)
    return Caller(f"custom {role} test", headers, held)
