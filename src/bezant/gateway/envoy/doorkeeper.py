"""Answers Envoy about credentials that it cannot read itself: keys, cookies, opaque tokens.

It is asked with the caller's own method, address and credential, finds the same route in the same
table, and admits or refuses as our edge does; but it hands the request to nobody. What may be shown
once only, a proof or a signature, it lets pass: our gateway looks at it right after.
"""

from starlette.types import Receive, Scope, Send

from bezant.http import answers
from bezant.http.caller import CredentialKind, credential_of
from bezant.http.edge import Edge
from bezant.http.entries import UNMATCHED, Entry
from bezant.http.visit import Visit

ONCE = frozenset({CredentialKind.DPOP, CredentialKind.SIGNATURE})


class Doorkeeper(Edge):
    """One listener's table, for questions only."""

    async def _answer(
        self, entry: Entry, visit: Visit, scope: Scope, receive: Receive, send: Send
    ) -> None:
        del receive  # A question has no body.
        credential = credential_of(visit.headers, visit.address)
        once = credential is not None and credential.kind in ONCE
        if entry.path != UNMATCHED and not once:
            await self._admit(entry, visit, scope)
        await answers.send_empty(scope, send, visit, 200, ())
