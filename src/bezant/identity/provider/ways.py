"""Somebody's way through the login pages: who they are, what they allow, and where it ends."""

from dataclasses import replace
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from bezant import telemetry
from bezant.actor import Mode
from bezant.db.database import Tx
from bezant.http.limits import MemoryLimits, Rule, bucket_of_address
from bezant.identity import rules
from bezant.identity.desk import token_hash
from bezant.identity.logins import Logins, needs_second, still_proved
from bezant.identity.oauth import (
    AccessDenied,
    ConsentRequired,
    InvalidClient,
    LoginRequired,
    TooManyCodes,
    UnknownDevice,
    UnknownInteraction,
)
from bezant.identity.openid import (
    AtInteraction,
    Browser,
    Decide,
    EnterDeviceCode,
    ProveMore,
    SignIn,
    SignInByPasskey,
    Stage,
    Turn,
)
from bezant.identity.people.proving import BY_PASSKEY, BY_PASSWORD
from bezant.identity.port import LogIn, NewSession, NoMembership
from bezant.identity.provider.checks import prompt, redirect_uri
from bezant.identity.provider.proofs import Proofs
from bezant.identity.provider.way import Wanted, Way, next_stage
from bezant.identity.store import client as client_store
from bezant.identity.store import delegation as delegation_store
from bezant.identity.store import interaction as store
from bezant.identity.store import member as member_store
from bezant.identity.store import session as session_store
from bezant.identity.store.client import ClientRow
from bezant.identity.store.delegation import CodeRow, DelegationRow
from bezant.identity.store.interaction import InteractionRow, SignedInRow
from bezant.ids import read, spell
from bezant.secret import Secret

CODE_LIFE: Final = timedelta(seconds=60)  # RFC 6749, 4.1.2 allows ten minutes; a browser needs one.
WAY_LIFE: Final = timedelta(minutes=15)
PROVED_LIFE: Final = timedelta(minutes=5)
"""A right password counts as long as one needs to find the telephone."""
NOTHING: Final = Secret("")
DEVICE_CODES: Final = Rule(20, 600)
"""Codes typed from one place in ten minutes: guessing one of 25 billion takes longer."""
_log = telemetry.log("identity")


class Ways(Proofs, Logins):
    """The part of the provider behind its login pages."""

    _typed: MemoryLimits | None = None

    async def interaction(self, query: AtInteraction) -> Turn:
        """Return where somebody is on their way."""
        way = await self._found(query.interaction, query.browser)
        return await self._turn(way, query.interaction, query.browser.name)

    async def sign_in(self, command: SignIn) -> Turn:
        """Take a name and a password, and go on."""
        way = await self._found(command.interaction, command.browser)
        if self._stage(way) is not Stage.PASSWORD:
            return await self._turn(way, command.interaction, command.browser.name)
        login = await self._login(way, command.browser, command.name, command.password)
        person = await self._by_password(login)
        if not needs_second(await self._factors(person.id)):
            new = await self._open(person, login, BY_PASSWORD)
            return await self._signed_in(way, command.interaction, command.browser, new)
        now = self._clock.now()
        async with self._database.transaction() as tx:
            await still_proved(tx, person)
            await store.half_signed_in(tx, way.row.hash, person.id, now)
        half = replace(way, row=replace(way.row, proved_member_id=person.id, proved_at=now))
        return await self._turn(half, command.interaction, command.browser.name)

    async def sign_in_by_passkey(self, command: SignInByPasskey) -> Turn:
        """Take a passkey instead of a name and a password, and go on."""
        way = await self._found(command.interaction, command.browser)
        if self._stage(way) not in (Stage.PASSWORD, Stage.FACTOR):
            return await self._turn(way, command.interaction, command.browser.name)
        browser = command.browser
        person = await self._by_passkey(command.answer, browser.address)
        login = await self._login(way, browser)
        new = await self._open(person, login, BY_PASSKEY)
        return await self._signed_in(way, command.interaction, browser, new)

    async def prove_more(self, command: ProveMore) -> Turn:
        """Take what is asked beside a password, and go on."""
        way = await self._found(command.interaction, command.browser)
        member, browser = way.row.proved_member_id, command.browser
        if self._stage(way) is not Stage.FACTOR or member is None:
            return await self._turn(way, command.interaction, browser.name)
        async with self._database.transaction() as tx:
            person = await member_store.person(tx, member)
        assert person is not None
        methods = await self._second(member, command.proof, browser.address)
        new = await self._open(person, await self._login(way, browser), methods)
        return await self._signed_in(way, command.interaction, browser, new)

    async def _login(
        self, way: Way, browser: Browser, name: str = "", password: Secret[str] = NOTHING
    ) -> LogIn:
        """Return where somebody enters on this way, and from where they come."""
        tenant = await self._tenant(way)
        return LogIn(
            email=name,
            password=password,
            tenant=rules.tenant_text(tenant) if tenant else "",
            mode=self._mode(way),
            address=browser.address,
            agent=browser.agent,
        )

    async def _signed_in(
        self, way: Way, interaction: Secret[str], browser: Browser, new: NewSession
    ) -> Turn:
        """Go on with the session that has just begun."""
        row = replace(
            way.row,
            member_id=read("mem", new.session.member),
            session_id=read("ses", new.session.id),
            methods=new.session.methods,
            signed_in_at=new.session.created_at,
            proved_member_id=None,
            proved_at=None,
        )
        async with self._database.transaction() as tx:
            await store.signed_in(tx, row)
        turn = await self._turn(await self._way(row), interaction, browser.name)
        return replace(turn, session=new.token)

    async def decide(self, command: Decide) -> Turn:
        """Take a yes or a no, and go on."""
        way = await self._found(command.interaction, command.browser)
        stage = self._stage(way)
        if stage not in (Stage.CONSENT, Stage.DEVICE):
            return await self._turn(way, command.interaction, command.browser.name)
        if stage is Stage.DEVICE:
            return await self._decide_device(way, allowed=command.allowed)
        if not command.allowed:
            async with self._database.transaction() as tx:
                await self._finish(tx, way)
            return Turn(Stage.ELSEWHERE, self._answer(way.wanted, error=AccessDenied.code))
        async with self._database.transaction() as tx:
            await self._keep_consent(tx, way)
            await store.consented(tx, way.row.hash)
        agreed = replace(way, row=replace(way.row, consented=True), consented=way.allowed)
        return await self._turn(agreed, command.interaction, command.browser.name)

    async def enter_device_code(self, command: EnterDeviceCode) -> Turn:
        """Begin the way of a device's person."""
        self._spend_typed(command.browser.address)
        code = "".join(one for one in command.code.upper() if one.isalnum())
        async with self._database.transaction() as tx:
            device = await store.device_by_code(tx, code, self._clock.now())
            client = device and await client_store.client_by_id(tx, device.client)
        if device is None or client is None or client.realm != command.realm:
            raise UnknownDevice
        wanted = Wanted(
            realm=client.realm,
            scopes=device.scopes,
            device=device.hash.hex(),
            user_code=f"{code[:4]}-{code[4:]}",
            mode=device.mode,
        )
        return await self._begin(client, wanted, command.browser)

    async def _begin(self, client: ClientRow, wanted: Wanted, browser: Browser) -> Turn:
        now = self._clock.now()
        name = browser.name if browser.name.reveal() else self._new_token("bzb")
        token = self._new_token("bzw")
        signed = await self._of_browser(browser)
        if signed is not None and self._asks_anew(wanted, signed):
            signed = None
        row = InteractionRow(
            hash=token_hash(token),
            browser=token_hash(name),
            client=client.id,
            request=msgspec.json.encode(wanted).decode(),
            member_id=signed.member_id if signed else None,
            session_id=signed.id if signed else None,
            methods=signed.methods if signed else (),
            signed_in_at=signed.created_at if signed else None,
            consented=False,
            expires_at=now + WAY_LIFE,
        )
        way = await self._way(row)
        if prompt.NONE in wanted.prompts:
            self._refuse_pages(way)
        async with self._database.transaction() as tx:
            await store.add(tx, row)
        return await self._turn(way, token, name)

    def _asks_anew(self, wanted: Wanted, signed: SignedInRow) -> bool:
        again = {prompt.LOGIN, prompt.SELECT} & set(wanted.prompts)
        now = self._clock.now()
        return bool(again) or prompt.is_stale(signed.created_at, now, wanted.max_age_seconds)

    def _refuse_pages(self, way: Way) -> None:
        """prompt=none: the server MUST NOT display any authentication or consent pages."""
        match self._stage(way):
            case Stage.ELSEWHERE:
                return
            case Stage.PASSWORD | Stage.FACTOR:
                raise LoginRequired
            case _:
                raise ConsentRequired

    async def _of_browser(self, browser: Browser) -> SignedInRow | None:
        """Return the living session of a browser."""
        if not browser.session.reveal():
            return None
        now = self._clock.now()
        async with self._database.transaction() as tx:
            hashed = token_hash(browser.session)
            found = await store.session_of(tx, hashed, now, now - rules.SESSION_IDLE)
            if found is not None and now - found.last_seen_at >= rules.SESSION_SEEN_STEP:
                await session_store.seen(tx, found.id, now)
        return found

    def _stage(self, way: Way) -> Stage:
        return next_stage(way)

    async def _found(self, interaction: Secret[str], browser: Browser) -> Way:
        """Return an open way of this very browser."""
        async with self._database.transaction() as tx:
            row = await store.find(
                tx, token_hash(interaction), token_hash(browser.name), self._clock.now()
            )
        if row is None:
            raise UnknownInteraction
        if row.member_id is not None:
            signed = await self._of_browser(browser)
            if signed is None or signed.id != row.session_id:
                # They have left since, or it is their page in another browser: ask who it is.
                row = replace(row, member_id=None, session_id=None, methods=(), consented=False)
        if row.proved_at is not None and row.proved_at <= self._clock.now() - PROVED_LIFE:
            row = replace(row, proved_member_id=None, proved_at=None)
        return await self._way(row)

    async def _way(self, row: InteractionRow) -> Way:
        """Return a way with what is known beside its row."""
        wanted = msgspec.json.decode(row.request, type=Wanted)
        async with self._database.transaction() as tx:
            client = await client_store.client_by_id(tx, row.client)
            if client is None:
                raise InvalidClient
            allowed: tuple[str, ...] = ()
            if row.member_id is not None:
                allowed = await delegation_store.consented(tx, row.member_id, client.id)
        return Way(row, client, wanted, allowed)

    async def _turn(self, way: Way, interaction: Secret[str], browser: Secret[str]) -> Turn:
        """Show the next page, or send the browser back to its client with a code."""
        stage = self._stage(way)
        if stage is Stage.ELSEWHERE:
            address = await self._arrive(way)
            return Turn(stage, address, interaction=interaction, browser=browser)
        async with self._database.transaction() as tx:
            realm = await self._realm(tx, way.wanted.realm)
            member = way.row.member_id
            person = await member_store.person(tx, member) if member else None
        target = way.wanted.redirect_uri
        return Turn(
            stage=stage,
            interaction=interaction,
            browser=browser,
            client=way.client.name,
            realm=realm.title,
            scopes=way.wanted.scopes,
            person=person.email if person else "",
            hint=way.wanted.hint,
            origin=redirect_uri.origin_of(target) if target else "",
            code=way.wanted.user_code,
        )

    async def _arrive(self, way: Way) -> str:
        """Write down what was allowed, and return where its code goes."""
        try:
            delegation = await self._delegation(way)
        except NoMembership:
            return self._answer(way.wanted, error=AccessDenied.code)
        code = self._new_token("bzc")
        wanted = way.wanted
        row = CodeRow(
            delegation_id=delegation.id,
            redirect_uri=wanted.redirect_uri,
            challenge=wanted.challenge,
            nonce=wanted.nonce,
            key_thumbprint=wanted.key_thumbprint,
            expires_at=self._clock.now() + CODE_LIFE,
        )
        async with self._database.transaction() as tx:
            await self._finish(tx, way)
            await self._delegate(tx, delegation)
            await delegation_store.add_code(tx, token_hash(code), row)
        return self._answer(wanted, code=code.reveal())

    async def _decide_device(self, way: Way, *, allowed: bool) -> Turn:
        delegation = await self._delegation(way) if allowed else None
        device = bytes.fromhex(way.wanted.device)
        async with self._database.transaction() as tx:
            await self._finish(tx, way)
            if delegation is not None:
                await self._delegate(tx, delegation)
                await self._keep_consent(tx, way)
            state, found = ("allowed", delegation.id) if delegation else ("denied", None)
            if not await store.decide_device(tx, device, state, found, self._clock.now()):
                raise UnknownDevice
        _log.info("device.decided", state=state, client=way.client.client_id)
        return Turn(Stage.DONE, client=way.client.name, code="yes" if allowed else "")

    async def _keep_consent(self, tx: Tx, way: Way) -> None:
        member, now = way.row.member_id, self._clock.now()
        assert member is not None
        await delegation_store.keep_consent(tx, member, way.client.id, way.allowed, now)

    async def _finish(self, tx: Tx, way: Way) -> None:
        if not await store.finish(tx, way.row.hash, self._clock.now()):
            raise UnknownInteraction

    async def _delegate(self, tx: Tx, delegation: DelegationRow) -> None:
        """Write down a delegation, unless the session it began in ends at this very moment."""
        assert delegation.session_id is not None
        if not await session_store.hold(tx, delegation.session_id):
            raise UnknownInteraction
        await delegation_store.add(tx, delegation)

    async def _delegation(self, way: Way) -> DelegationRow:
        """Return what this person lets this client do from now on."""
        row, now = way.row, self._clock.now()
        assert row.member_id is not None
        assert row.signed_in_at is not None
        wanted_tenant = await self._tenant(way)
        async with self._database.transaction() as tx:
            memberships = await member_store.memberships(tx, row.member_id)
        tenants = [one.merchant_id for one in memberships]
        if not tenants or (wanted_tenant is not None and wanted_tenant not in tenants):
            raise NoMembership
        renewable = "refresh_token" in way.client.grant_types
        life = self._issuer.refresh if renewable else self._issuer.access
        return DelegationRow(
            id=self._ids.uuid(),
            client=way.client.id,
            member_id=row.member_id,
            session_id=row.session_id,
            merchant_id=wanted_tenant or tenants[0],
            mode=self._mode(way),
            scopes=way.wanted.scopes,
            methods=row.methods,
            signed_in_at=row.signed_in_at,
            bound_to="",
            created_at=now,
            expires_at=now + life,
            revoked_at=None,
        )

    async def _tenant(self, way: Way) -> UUID | None:
        """Return where somebody enters on this way; None is wherever they joined first."""
        if way.client.merchant_id is not None:
            return way.client.merchant_id
        async with self._database.transaction() as tx:
            return (await self._realm(tx, way.wanted.realm)).merchant_id

    def _mode(self, way: Way) -> Mode:
        return way.client.mode or way.wanted.mode or (Mode.LIVE if self._live else Mode.TEST)

    def _answer(self, wanted: Wanted, **told: str) -> str:
        """Return a redirect URI with an answer in its query; `iss` says whose it is (RFC 9207)."""
        if wanted.state:
            told["state"] = wanted.state
        told["iss"] = self._issuer.of(wanted.realm)
        joint = "&" if "?" in wanted.redirect_uri else "?"
        return wanted.redirect_uri + joint + urlencode(told)

    def _spend_typed(self, address: str) -> None:
        if self._typed is None:
            self._typed = MemoryLimits(lambda: self._clock.now().timestamp())
        if not self._typed.spend(bucket_of_address(address), DEVICE_CODES).allowed:
            raise TooManyCodes(retry_after_seconds=60)


def session_text(session: UUID | None) -> str:
    """Return the id of a session as tokens tell it."""
    return spell("ses", session) if session else ""
