"""Authorization requests: pushed in advance or brought by a browser, checked, and begun."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

import msgspec

from bezant import telemetry
from bezant.errors import BezantError
from bezant.identity.desk import token_hash
from bezant.identity.oauth import (
    REDIRECTED,
    InvalidRequest,
    RequestUriInvalid,
)
from bezant.identity.openid import Asked, Browser, Pushed, Stage, Turn
from bezant.identity.provider.checks import (
    free_text,
    grant_type,
    one_of_each,
    redirect_uri,
    request_object,
)
from bezant.identity.provider.checks.grant_type import GrantType
from bezant.identity.provider.issuer import Endpoint
from bezant.identity.provider.proofs import BY_KEY
from bezant.identity.provider.way import Wanted, wanted_of
from bezant.identity.provider.ways import Ways
from bezant.identity.store import interaction as store
from bezant.identity.store.client import ClientRow
from bezant.secret import Secret

PUSHED_LIFE: Final = timedelta(seconds=90)
_log = telemetry.log("identity")


class Asking(Ways):
    """The part of the provider that takes authorization requests."""

    async def push(self, asked: Asked) -> Pushed:
        """Keep a client's authorization request until its browser comes."""
        request = await self._authenticated(asked)
        client, parameters = request.client, dict(request.parameters)
        request_object.not_pushed_twice(parameters)
        grant_type.registered(GrantType.CODE, client.grant_types)
        if asked.proof.reveal():
            bound = await self._binding(request, Endpoint.PUSH)
            mark = bound.removeprefix(BY_KEY)
            if parameters.setdefault("dpop_jkt", mark) != mark:
                raise InvalidRequest("dpop_jkt is not the key of the proof")
        wanted = wanted_of(parameters, client, self._issuer.audience)
        token = self._new_token("bzp")
        text = msgspec.json.encode(wanted).decode()
        async with self._database.transaction() as tx:
            expires_at = self._clock.now() + PUSHED_LIFE
            await store.push(tx, token_hash(token), client.id, text, expires_at)
        uri = Secret(request_object.PREFIX + token.reveal())
        return Pushed(uri, int(PUSHED_LIFE.total_seconds()))

    async def authorize(self, asked: Asked, browser: Browser) -> Turn:
        """Begin somebody's way to a client, or end it at once if nothing is left to ask.

        Until the client and its redirect URI are known, mistakes are shown here and nobody is sent
        anywhere (RFC 6749, 4.1.2.1).
        """
        parameters = one_of_each.single(asked.parameters)
        client = await self._client(asked.realm, parameters.get("client_id", ""))
        grant_type.registered(GrantType.CODE, client.grant_types)
        if "request_uri" in parameters:
            wanted = await self._pushed(client, parameters)
            return await self._begun(client, wanted, browser)
        uri = redirect_uri.chosen(parameters, client.redirect_uris)
        state = parameters.get("state", "")
        try:
            free_text.handed_back(parameters, "state")
        except InvalidRequest:
            state = ""
        try:
            if client.must_push:
                raise InvalidRequest("this client leaves its requests with us in advance")
            wanted = wanted_of(parameters, client, self._issuer.audience)
            return await self._begun(client, wanted, browser)
        except REDIRECTED as refusal:
            return self._refused(Wanted(client.realm, (), uri, state), refusal)

    async def _pushed(self, client: ClientRow, parameters: Mapping[str, str]) -> Wanted:
        token = Secret(parameters["request_uri"].removeprefix(request_object.PREFIX))
        now = self._clock.now()
        async with self._database.transaction() as tx:
            text = await store.spend_pushed(tx, token_hash(token), client.id, now)
        if text is None:
            raise RequestUriInvalid
        return msgspec.json.decode(text, type=Wanted)

    async def _begun(self, client: ClientRow, wanted: Wanted, browser: Browser) -> Turn:
        try:
            return await self._begin(client, wanted, browser)
        except REDIRECTED as refusal:
            return self._refused(wanted, refusal)

    def _refused(self, wanted: Wanted, refusal: BezantError) -> Turn:
        """Tell a client through its redirect URI why there is no code."""
        _log.warn("authorization.refused", code=refusal.code, realm=wanted.realm)
        return Turn(Stage.ELSEWHERE, address=self._answer(wanted, error=refusal.code))
