"""Tokens for a grant: a code, a refresh token, a program's own, a device that was let in.

What is given for a grant is signed before the grant is spent, so that no failure in between costs
somebody their family of tokens; and a grant that is shown twice ends that family (RFC 9700, 4.14).
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from bezant import telemetry
from bezant.actor import Mode
from bezant.identity.desk import token_hash
from bezant.identity.merchant import MerchantState
from bezant.identity.oauth import (
    AccessDenied,
    AuthorizationPending,
    ExpiredToken,
    InvalidGrant,
    InvalidProof,
    InvalidRequest,
    SlowDown,
    UnauthorizedClient,
)
from bezant.identity.openid import Asked, ClientMethod, DeviceStarted, Tokens
from bezant.identity.provider import jose, scopes
from bezant.identity.provider.asking import Asking
from bezant.identity.provider.checks import challenge, grant_type, scope
from bezant.identity.provider.checks.grant_type import GrantType
from bezant.identity.provider.clients import Request
from bezant.identity.provider.issuer import Endpoint
from bezant.identity.provider.proofs import BY_CERTIFICATE, BY_KEY
from bezant.identity.provider.ways import session_text
from bezant.identity.session import NEVER_TOLD
from bezant.identity.store import delegation as store
from bezant.identity.store import interaction as device_store
from bezant.identity.store import merchant as merchant_store
from bezant.identity.store.delegation import DelegationRow, ProfileRow
from bezant.identity.store.interaction import DeviceRow
from bezant.identity.store.merchant import MerchantRow
from bezant.ids import spell
from bezant.secret import Secret

DEVICE_LIFE: Final = timedelta(minutes=10)
DEVICE_INTERVAL_SECONDS: Final = 5
USER_CODE_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"  # RFC 8628, 6.1: no vowels, so no words.
USER_CODE_LENGTH: Final = 8
NOTHING: Final = Secret("")
_log = telemetry.log("identity")


class Issuing(Asking):
    """The part of the provider that gives tokens."""

    async def tokens(self, asked: Asked) -> Tokens:
        """Give tokens for a grant, once."""
        request = await self._authenticated(asked)
        wanted = grant_type.supported(request.parameters)
        grant_type.registered(wanted, request.client.grant_types)
        match wanted:
            case GrantType.CODE:
                return await self._for_code(request)
            case GrantType.REFRESH:
                return await self._for_refresh(request)
            case GrantType.CLIENT:
                return await self._for_client(request)
            case GrantType.DEVICE:
                return await self._for_device(request)

    async def begin_device(self, asked: Asked) -> DeviceStarted:
        """Let a device without a browser wait for its person."""
        request = await self._authenticated(asked)
        client = request.client
        grant_type.registered(GrantType.DEVICE, client.grant_types)
        text = request.parameters.get("scope", "")
        wanted = scope.granted(text, client.scopes, client.default_scopes)
        mode = _mode_named(request.parameters.get("mode", ""), client.mode)
        bound = await self._binding(request, Endpoint.DEVICE)
        code = self._new_token("bzd")
        row = DeviceRow(
            hash=token_hash(code),
            user_code=self._user_code(),
            client=client.id,
            scopes=wanted,
            mode=mode,
            state="waiting",
            delegation_id=None,
            key_thumbprint=bound.removeprefix(BY_KEY),
            interval_seconds=DEVICE_INTERVAL_SECONDS,
            polled_at=None,
            expires_at=self._clock.now() + DEVICE_LIFE,
        )
        added = False
        while not added:  # One code in 25 billion is taken by one of those that wait.
            async with self._database.transaction() as tx:
                added = await device_store.add_device(tx, row)
            row = row if added else replace(row, user_code=self._user_code())
        shown = f"{row.user_code[:4]}-{row.user_code[4:]}"
        address = self._issuer.address(Endpoint.DEVICE_PAGE, client.realm)
        return DeviceStarted(
            code, shown, address, int(DEVICE_LIFE.total_seconds()), DEVICE_INTERVAL_SECONDS
        )

    async def _for_code(self, request: Request) -> Tokens:
        # First of all: a proof without our nonce costs a client a second try, not its code.
        bound = await self._binding(request, Endpoint.TOKEN)
        now = self._clock.now()
        hashed = token_hash(Secret(request.parameters.get("code", "")))
        async with self._database.transaction() as tx:
            code = await store.spend_code(tx, hashed, now)
            before = None if code else await store.of_code(tx, hashed)
            if before is not None:
                # Somebody has a copy of it: whatever the first one got ends (RFC 6749, 4.1.2).
                await store.revoke(tx, before, now)
            delegation = await store.find(tx, code.delegation_id) if code else None
        if before is not None:
            self._rights_taken(spell("dlg", before))
            _log.warn("code.reused", delegation=spell("dlg", before))
        if code is None or delegation is None or delegation.client != request.client.id:
            raise InvalidGrant
        if delegation.revoked_at is not None:
            raise InvalidGrant
        if code.expires_at <= now or request.parameters.get("redirect_uri") != code.redirect_uri:
            raise InvalidGrant
        challenge.met(request.parameters, code.challenge)
        if code.key_thumbprint and bound != BY_KEY + code.key_thumbprint:
            raise InvalidProof
        return await self._first(request, replace(delegation, bound_to=bound), code.nonce)

    async def _first(self, request: Request, delegation: DelegationRow, nonce: str = "") -> Tokens:
        """Give the first tokens of a family."""
        told = await self._signed(request, delegation, delegation.scopes, nonce)
        refresh = self._new_token("bzr") if _is_renewable(request, delegation) else NOTHING
        async with self._database.transaction() as tx:
            await store.bind(tx, delegation.id, delegation.bound_to)
            if refresh.reveal():
                await store.add_refresh(tx, token_hash(refresh), delegation.id, self._clock.now())
        return replace(told, refresh_token=refresh)

    async def _for_refresh(self, request: Request) -> Tokens:
        now = self._clock.now()
        hashed = token_hash(Secret(request.parameters.get("refresh_token", "")))
        async with self._database.transaction() as tx:
            delegation = await store.of_refresh(tx, hashed)
            spent = delegation is not None and await store.is_spent(tx, hashed)
        if delegation is None or delegation.client != request.client.id:
            raise InvalidGrant
        if spent:
            await self._end_family(delegation)
        if delegation.revoked_at is not None or delegation.expires_at <= now:
            raise InvalidGrant
        wanted = scope.narrower(request.parameters.get("scope", ""), delegation.scopes)
        await self._same_binding(request, delegation)
        told = await self._signed(request, delegation, wanted)
        refresh = self._new_token("bzr")
        async with self._database.transaction() as tx:
            first = await store.spend_refresh(tx, hashed, now)
            if first:
                await store.add_refresh(tx, token_hash(refresh), delegation.id, now)
        if not first:
            await self._end_family(delegation)
        return replace(told, refresh_token=refresh)

    async def _end_family(self, delegation: DelegationRow) -> None:
        """Two have the same token: nobody knows which of them stole it, so both lose it."""
        async with self._database.transaction() as tx:
            await store.revoke(tx, delegation.id, self._clock.now())
        self._rights_taken(spell("dlg", delegation.id))
        _log.warn("refresh.reused", delegation=spell("dlg", delegation.id))
        raise InvalidGrant

    async def _same_binding(self, request: Request, delegation: DelegationRow) -> None:
        """Refresh tokens of public clients are bound to the key as well (RFC 9449, 5)."""
        bound = await self._binding(request, Endpoint.TOKEN)
        if bound != delegation.bound_to:
            raise InvalidGrant

    async def _for_client(self, request: Request) -> Tokens:
        """A program acts for its merchant. It has no refresh token: it can always ask again."""
        client, now = request.client, self._clock.now()
        if client.method is ClientMethod.NONE or client.merchant_id is None or client.mode is None:
            raise UnauthorizedClient
        text = request.parameters.get("scope", "")
        wanted = scope.granted(text, client.scopes, client.default_scopes)
        delegation = DelegationRow(
            id=self._ids.uuid(),
            client=client.id,
            member_id=None,
            session_id=None,
            merchant_id=client.merchant_id,
            mode=client.mode,
            scopes=tuple(one for one in wanted if one not in scopes.ABOUT_THE_PERSON),
            methods=(),
            signed_in_at=now,
            bound_to=await self._binding(request, Endpoint.TOKEN),
            created_at=now,
            expires_at=now + self._issuer.access,
            revoked_at=None,
        )
        told = await self._signed(request, delegation, delegation.scopes)
        async with self._database.transaction() as tx:
            await store.add(tx, delegation)
        return told

    async def _for_device(self, request: Request) -> Tokens:
        hashed = token_hash(Secret(request.parameters.get("device_code", "")))
        bound = await self._binding(request, Endpoint.TOKEN)
        now = self._clock.now()
        async with self._database.transaction() as tx:
            device = await device_store.lock_device(tx, hashed)
            if device is None or device.client != request.client.id:
                raise InvalidGrant
            hasty = _is_hasty(device, now)
            interval = device.interval_seconds + (DEVICE_INTERVAL_SECONDS if hasty else 0)
            await device_store.polled(tx, hashed, interval, now)
            allowed = device.state == "allowed" and not hasty and device.expires_at > now
            delegation = None
            if allowed and device.delegation_id is not None:
                await device_store.spend_device(tx, hashed)
                delegation = await store.find(tx, device.delegation_id)
        if device.expires_at <= now:
            raise ExpiredToken
        if hasty:
            raise SlowDown
        if device.state == "denied":
            raise AccessDenied
        if device.state == "waiting":
            raise AuthorizationPending
        if delegation is None or delegation.revoked_at is not None:
            raise InvalidGrant
        if device.key_thumbprint and bound != BY_KEY + device.key_thumbprint:
            raise InvalidProof
        return await self._first(request, replace(delegation, bound_to=bound))

    async def _signed(
        self,
        request: Request,
        delegation: DelegationRow,
        wanted: tuple[str, ...],
        nonce: str = "",
    ) -> Tokens:
        """Return an access token, and an ID token if the client asked who somebody is."""
        profile: ProfileRow | None = None
        member, merchant = delegation.member_id, delegation.merchant_id
        async with self._database.transaction() as tx:
            shop = await merchant_store.find(tx, merchant)
            if member is not None:
                profile = await store.profile(tx, member, merchant)
        if (member is not None and profile is None) or not self._works(shop):
            raise InvalidGrant
        at = int(self._clock.now().timestamp())
        life = int(
            min(self._issuer.access, delegation.expires_at - self._clock.now()).total_seconds()
        )
        claims = self._access_claims(request, delegation, wanted, profile)
        access = await jose.signed(
            self._keys, jose.ACCESS_KIND, {**claims, "iat": at, "exp": at + life}
        )
        identity = NOTHING
        if profile is not None and scopes.OPENID in wanted:
            about = self._identity_claims(request, delegation, wanted, profile)
            about |= {"iat": at, "exp": at + int(self._issuer.identity.total_seconds())}
            about["at_hash"] = jose.half_hash(access.reveal())
            if nonce:
                about["nonce"] = nonce
            identity = await jose.signed(self._keys, jose.IDENTITY_KIND, about)
        kind = "DPoP" if delegation.bound_to.startswith(BY_KEY) else "Bearer"
        return Tokens(access, kind, life, " ".join(wanted), NOTHING, identity)

    def _works(self, shop: MerchantRow | None) -> bool:
        """Tell whether tokens are given for a tenant; the platform itself always works."""
        if shop is None:
            return True
        return shop.state is MerchantState.ACTIVE and not (shop.demo and self._live)

    def _access_claims(
        self,
        request: Request,
        delegation: DelegationRow,
        wanted: tuple[str, ...],
        profile: ProfileRow | None,
    ) -> dict[str, object]:
        """Return what an access token says (RFC 9068, 2.2), and its binding."""
        client = request.client
        role = profile.role if profile else client.role
        claims: dict[str, object] = {
            "iss": self._issuer.of(client.realm),
            "aud": self._issuer.audience,
            "sub": spell("mem", profile.id) if profile else client.client_id,
            "client_id": client.client_id,
            "azp": client.client_id,
            "jti": self._ids.uuid().hex,
            "dlg": spell("dlg", delegation.id),
            "scope": " ".join(wanted),
            "realm_access": {"roles": [str(role)] if role else []},
        }
        if profile is not None:
            claims |= _proved(delegation)
            claims["preferred_username"] = profile.username or profile.email
        if delegation.bound_to.startswith(BY_KEY):
            claims["cnf"] = {"jkt": delegation.bound_to.removeprefix(BY_KEY)}
        elif delegation.bound_to:
            claims["cnf"] = {"x5t#S256": delegation.bound_to.removeprefix(BY_CERTIFICATE)}
        return claims

    def _identity_claims(
        self,
        request: Request,
        delegation: DelegationRow,
        wanted: tuple[str, ...],
        profile: ProfileRow,
    ) -> dict[str, object]:
        """Return what an ID token says (OpenID Connect Core, 2)."""
        claims: dict[str, object] = {
            "iss": self._issuer.of(request.client.realm),
            "aud": request.client.client_id,
            "azp": request.client.client_id,
            "sub": spell("mem", profile.id),
            "amr": list(delegation.methods),
            "jti": self._ids.uuid().hex,
            **_proved(delegation),
        }
        if delegation.session_id is not None:
            claims["sid"] = session_text(delegation.session_id)
        if scopes.PROFILE in wanted:
            claims |= {
                "name": profile.name,
                "preferred_username": profile.username or profile.email,
            }
        if scopes.EMAIL in wanted:
            claims["email"] = profile.email
        if scopes.ROLES in wanted:
            claims["roles"] = [str(profile.role)]
        return claims

    def _user_code(self) -> str:
        number = int.from_bytes(self._chance(16))
        letters: list[str] = []
        for _ in range(USER_CODE_LENGTH):
            number, letter = divmod(number, len(USER_CODE_LETTERS))
            letters.append(USER_CODE_LETTERS[letter])
        return "".join(letters)


def _mode_named(text: str, registered: Mode | None) -> Mode | None:
    if text and text not in tuple(Mode):
        raise InvalidRequest("mode is test or live")
    if text and registered is not None and text != registered:
        raise InvalidRequest(f"this client is registered for the mode {registered}")
    return Mode(text) if text else None


def _proved(delegation: DelegationRow) -> dict[str, object]:
    """Return when somebody proved who they are, if anybody said."""
    if delegation.signed_in_at == NEVER_TOLD:
        return {}
    return {"auth_time": int(delegation.signed_in_at.timestamp())}


def _is_renewable(request: Request, delegation: DelegationRow) -> bool:
    return GrantType.REFRESH in request.client.grant_types and delegation.member_id is not None


def _is_hasty(device: DeviceRow, now: datetime) -> bool:
    if device.polled_at is None:
        return False
    # A second of grace: the client's wait and ours are not measured from the same instant.
    wait = timedelta(seconds=device.interval_seconds - 1)
    return now - device.polled_at < wait
