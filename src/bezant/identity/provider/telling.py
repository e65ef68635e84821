"""What the provider tells afterwards: its keys, a token's worth, who somebody is; and ends."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from bezant import telemetry
from bezant.actor import Actor
from bezant.identity import rules
from bezant.identity.api_key import UnknownCredential
from bezant.identity.desk import token_hash
from bezant.identity.identification import Identification
from bezant.identity.oauth import (
    InsufficientScope,
    InvalidProof,
    InvalidRequest,
    InvalidToken,
    LoginRequired,
    UnauthorizedClient,
)
from bezant.identity.openid import (
    Asked,
    Browser,
    ClientMethod,
    Profile,
    ShownToken,
    SignedOut,
    SigningKey,
    SignOut,
    TokenFacts,
)
from bezant.identity.provider import jose, scopes
from bezant.identity.provider.checks import (
    client_certificate,
    free_text,
    id_token_hint,
    one_of_each,
    redirect_uri,
)
from bezant.identity.provider.issuer import Endpoint
from bezant.identity.provider.issuing import Issuing
from bezant.identity.provider.jose import BadToken
from bezant.identity.provider.proofs import BY_CERTIFICATE, BY_KEY
from bezant.identity.store import delegation as store
from bezant.ids import MalformedId, read, spell
from bezant.keys.port import KeyState
from bezant.secret import Secret

PUBLISHED: Final = frozenset({KeyState.PENDING, KeyState.ACTIVE, KeyState.VERIFY_ONLY})
"""A key is published before it signs, and as long as what it signed counts (OpenID Connect Core,
10.1.1)."""
_log = telemetry.log("identity")


class Telling(Issuing, Identification):
    """The part of the provider that answers about its tokens, and ends them."""

    async def signing_keys(self) -> tuple[SigningKey, ...]:
        """Return the keys that verify our tokens, and those that soon will."""
        found: list[SigningKey] = []
        for one in await self._keys.public_keys(jose.SIGNING_KEY):
            if one.state in PUBLISHED:
                told = jose.own_key(one.public_key).as_dict(private=False)
                found.append(SigningKey(one.kid, str(told["x"]), str(told["y"])))
        return tuple(found)

    async def introspect(self, asked: Asked) -> TokenFacts:
        """Tell a client that proved who it is what a token is worth (RFC 7662)."""
        request = await self._authenticated(asked)
        if request.client.method is ClientMethod.NONE:
            raise UnauthorizedClient
        text = request.parameters.get("token", "")
        if not text:
            raise InvalidRequest("token is missing")
        if not jose.looks_signed(text):
            return await self._of_refresh(Secret(text), asked.realm)
        try:
            claims, row = await self._counted(text)
        except BadToken:
            return TokenFacts(active=False)
        if claims.realm != asked.realm:
            return TokenFacts(active=False)
        return TokenFacts(
            active=True,
            scope=claims.scope,
            client=claims.client,
            subject=claims.subject,
            issuer=self._issuer.of(claims.realm),
            audience=self._issuer.audience,
            token_type="DPoP" if row.bound_to.startswith(BY_KEY) else "Bearer",
            bound_to=row.bound_to,
            issued_at=claims.issued_at,
            expires_at=claims.expires_at,
        )

    async def revoke(self, asked: Asked) -> None:
        """End a token and all of its family (RFC 7009); what is not this client's is left alone."""
        request = await self._authenticated(asked)
        text = request.parameters.get("token", "")
        if not text:
            raise InvalidRequest("token is missing")
        named = await self._of_access(text) if jose.looks_signed(text) else None
        async with self._database.transaction() as tx:
            if named is not None:
                found = await store.find(tx, named)
            else:
                found = await store.of_refresh(tx, token_hash(Secret(text)))
            if found is None or found.client != request.client.id:
                return
            await store.revoke(tx, found.id, self._clock.now())
        self._rights_taken(spell("dlg", found.id))
        _log.info("token.revoked", client=request.client.client_id)

    async def profile(self, shown: ShownToken) -> Profile:
        """Tell about the person behind an access token (OpenID Connect Core, 5.3)."""
        try:
            found = await self._token(shown.token)
            claims = await self._read_token(shown.token.reveal())
        except (UnknownCredential, BadToken):
            raise InvalidToken from None
        if claims.realm != shown.realm:
            raise InvalidToken
        await self._bound(shown, found.bound_to)
        wanted = claims.scope.split()
        if scopes.OPENID not in wanted:
            raise InsufficientScope
        async with self._database.transaction() as tx:
            member, tenant = read("mem", found.actor.subject), rules.tenant_id(found.actor.tenant)
            row = await store.profile(tx, member, tenant)
        if row is None:
            raise InvalidToken
        by_profile = scopes.PROFILE in wanted
        return Profile(
            subject=found.actor.subject,
            name=row.name if by_profile else "",
            username=(row.username or row.email) if by_profile else "",
            email=row.email if scopes.EMAIL in wanted else "",
            roles=(str(row.role),) if scopes.ROLES in wanted else (),
        )

    async def sign_out(self, command: SignOut) -> SignedOut:
        """End the browser's session and what began in it (OpenID Connect RP-Initiated Logout)."""
        asked = command.asked
        parameters = one_of_each.single(asked.parameters)
        here = await self._of_browser(command.browser)
        client_id, session = parameters.get("client_id", ""), ""
        if "id_token_hint" in parameters:
            client_id, session = await self._hinted(asked.realm, parameters)
        address = ""
        if client_id and "post_logout_redirect_uri" in parameters:
            client = await self._client(asked.realm, client_id)
            wanted = parameters["post_logout_redirect_uri"]
            if not redirect_uri.fits(wanted, client.logout_uris):
                raise InvalidRequest("this post_logout_redirect_uri is not registered")
            state = free_text.handed_back(parameters, "state")
            joint = "&" if "?" in wanted else "?"
            address = wanted + (f"{joint}{urlencode({'state': state})}" if state else "")
        # Whoever shows an ID token of this very session speaks for the person; others ask them.
        mine = here is not None and spell("ses", here.id) == session
        if here is not None and not mine and not command.confirmed:
            return SignedOut(address, asks=True)
        if here is not None:
            await self.log_out(command.browser.session)
        return SignedOut(address)

    async def signed_in(self, browser: Browser) -> Actor:
        """Return who is signed in in this browser, or raise `LoginRequired`."""
        if await self._of_browser(browser) is None:
            raise LoginRequired
        try:
            return (await self._session(browser.session)).actor
        except UnknownCredential:
            raise LoginRequired from None

    async def _bound(self, shown: ShownToken, bound_to: str) -> None:
        """Refuse a bound token without its proof, and a proof of what is not bound."""
        if bound_to.startswith(BY_KEY):
            address = self._issuer.address(Endpoint.PROFILE, shown.realm)
            text, token = shown.proof.reveal(), shown.token.reveal()
            if BY_KEY + await self._proved(text, shown.method, address, token) != bound_to:
                raise InvalidProof
            return
        shows = BY_CERTIFICATE + client_certificate.thumbprint(shown.certificate)
        if (bound_to and shows != bound_to) or shown.proof.reveal():
            raise InvalidToken

    async def _of_access(self, text: str) -> UUID | None:
        """Return the delegation of an access token that still counts."""
        try:
            return read("dlg", (await self._read_token(text)).delegation)
        except (BadToken, MalformedId):
            return None

    async def _hinted(self, realm: str, parameters: Mapping[str, str]) -> tuple[str, str]:
        try:
            token = jose.read(parameters["id_token_hint"], jose.IDENTITY)
            await self._verify_own(token)
        except BadToken:
            raise InvalidRequest("id_token_hint is not one of ours") from None
        return id_token_hint.holds(token, self._issuer.of(realm), parameters)

    async def _of_refresh(self, token: Secret[str], realm: str) -> TokenFacts:
        async with self._database.transaction() as tx:
            hashed = token_hash(token)
            row = await store.of_refresh(tx, hashed)
            spent = row is None or await store.is_spent(tx, hashed)
            holder = row and await store.holder(tx, row.id)
        if row is None or spent or holder is None or holder.realm != realm:
            return TokenFacts(active=False)
        if not self._still_counts(holder):
            return TokenFacts(active=False)
        return TokenFacts(
            active=True,
            scope=" ".join(row.scopes),
            client=holder.client_name,
            subject=spell("mem", row.member_id) if row.member_id else holder.client_name,
            issuer=self._issuer.of(realm),
            token_type="refresh_token",  # noqa: S106 - a word of RFC 7662
            issued_at=row.created_at,
            expires_at=row.expires_at,
        )
