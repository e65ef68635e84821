"""What Envoy says by itself, in our words and with our manners: nobody need know who refused. Pure.

A page of another origin reads a refusal only if its headers let it, so these are those of our own
edge: who may read it, how long to wait, what the request is called. That name is the same for both:
Envoy makes it, and our process takes it from there.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, cast

import msgspec

from bezant.errors import BezantError, Unavailable
from bezant.gateway.envoy.clusters import TYPE, Node
from bezant.gateway.envoy.plan import Plan
from bezant.http.caller import CredentialInvalid, PermissionMissing
from bezant.http.cors import Cors
from bezant.http.headers import API_POLICY, HSTS, MANNERS, NO_STORE, Pair
from bezant.http.limits import Rule, TooManyFromAddress
from bezant.http.problems import MEDIA_TYPE, encode, error_of_status, problem_of
from bezant.http.visit import named_by_front

MANNERS_FILTER: Final = "envoy.filters.http.header_mutation"
CERTIFICATE: Final = "client-cert"
NAMED: Final = named_by_front("%REQ(X-REQUEST-ID)%")
_COUNTED: Final = ("limit", "remaining", "reset")
_TOLD: Final[Mapping[int, BezantError]] = {
    **{status: error_of_status(status) for status in (400, 404, 408, 413, 414, 431)},
    401: CredentialInvalid(),
    403: PermissionMissing(),
    429: TooManyFromAddress(),
    **dict.fromkeys((502, 503, 504), Unavailable("nothing that could answer is well")),
}
_UNREAD: Final = (400, 408, 414, 431)
"""What is refused before it is read has no name yet."""
_LATER: Final = (429, 502, 503, 504)
"""Refusals that say when to come again."""


def replies(plan: Plan, *, secure: bool) -> Node:
    """Return how Envoy's own answers are told (RFC 9457)."""
    told = [
        {status: _reply(plan, status, shared, secure=secure) for status in _TOLD}
        for shared in _sharing(plan)
    ]
    # What identity said about a credential is told as it said it, unless it said nothing, whoever
    # asked: the first that fits counts.
    unwell = [one.pop(503) for one in told]
    asked: Node = {"filter": {"response_flag_filter": {"flags": ["UAEX"]}}}
    rest = [reply for one in told for reply in one.values()]
    return {"mappers": [*unwell, asked, *rest]}


def _sharing(plan: Plan) -> Sequence[tuple[Node | None, tuple[Pair, ...]]]:
    """Return which origins there are to tell apart, and what an answer says about sharing it."""
    cors = Cors(plan.origins)
    if not plan.origins:
        return ((None, ()),)
    ours = {"safe_regex": {"regex": "|".join(map(re.escape, plan.origins))}}
    known: Node = {"header_filter": {"header": {"name": "origin", "string_match": ours}}}
    first = plan.origins[0].encode()
    said = dict(cors.answer_headers({b"origin": first}))
    said[b"access-control-allow-origin"] = b"%REQ(ORIGIN)%"
    return ((known, tuple(said.items())), (None, cors.answer_headers({})))


def _reply(
    plan: Plan, status: int, shared: tuple[Node | None, tuple[Pair, ...]], *, secure: bool
) -> Node:
    origin, sharing = shared
    at = {"default_value": status, "runtime_key": f"edge.reply_{status}"}
    fits: Node = {"status_code_filter": {"comparison": {"op": "EQ", "value": at}}}
    if origin is not None:
        fits = {"and_filter": {"filters": [fits, origin]}}
    head = [*MANNERS, NO_STORE, (b"content-security-policy", API_POLICY.encode()), *sharing]
    if status not in _UNREAD:
        head.append((b"request-id", NAMED.encode()))
    if secure:
        head.append(HSTS)
    if status in _LATER:
        head.append((b"retry-after", b"%d" % _seconds(plan.limit if status == 429 else None)))
    return {
        "filter": fits,
        "headers_to_add": [_said(name.decode(), value.decode()) for name, value in head],
        "body_format_override": {
            "json_format": _body(plan, status),
            "content_type": MEDIA_TYPE.decode(),
        },
    }


def _body(plan: Plan, status: int) -> Node:
    name = "unread" if status in _UNREAD else NAMED
    problem = msgspec.structs.replace(problem_of(_TOLD[status], name), status=status)
    return cast("Node", msgspec.json.decode(encode(problem, plan.dialect)))


def _seconds(rule: Rule | None) -> int:
    """Return after how long somebody may come again: when their bucket holds one more."""
    return 1 if rule is None else int(rule.window_seconds / rule.requests) + 1


def _said(name: str, value: str, how: str = "OVERWRITE_IF_EXISTS_OR_ADD") -> Node:
    return {"header": {"key": name, "value": value}, "append_action": how}


def manners(plan: Plan, *, secure: bool) -> Node:
    """Return what is done to heads of requests before anything else reads them, and to those of
    answers last of all.

    A certificate is one that Envoy itself was shown, whatever a caller says. An answer of Envoy's
    own tells what it counted; what our process counted, it told already.
    """
    asked: list[Node] = [{"remove": CERTIFICATE}]
    if secure:
        asked.append({"append": _said(CERTIFICATE, "%DOWNSTREAM_PEER_CERT%")})
    answered: list[Node] = []
    for one in _COUNTED if plan.limit is not None else ():
        theirs = f"x-ratelimit-{one}"
        counted = _said(f"ratelimit-{one}", f"%RESP({theirs})%", "ADD_IF_ABSENT")
        answered += [{"append": counted}, {"remove": theirs}]
    kind = TYPE + "extensions.filters.http.header_mutation.v3.HeaderMutation"
    mutations = {"request_mutations": asked, "response_mutations": answered}
    return {"@type": kind, "mutations": mutations}
