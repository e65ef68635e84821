"""Signing in at an issuer we trust, on somebody's way through our login pages.

The address to which the issuer sends the browser back names the issuer, so no answer of one passes
for another's (RFC 9700, 4.4.2). `state` is the way itself, which only this browser can go on with;
the verifier and the nonce are derived from it and from the browser's own secret, so that nothing of
them is stored and the issuer has seen neither before.
"""

import hashlib
import hmac
from dataclasses import replace
from datetime import datetime
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from bezant import telemetry
from bezant.actor import Mode
from bezant.identity import rules
from bezant.identity.desk import token_hash
from bezant.identity.oauth import OutsideRefused
from bezant.identity.openid import (
    BeginOutside,
    Browser,
    FinishOutside,
    OutsideDoor,
    Stage,
    Turn,
)
from bezant.identity.outside import tokens
from bezant.identity.outside.calling import IssuerSilent, basic
from bezant.identity.outside.discovery import Known
from bezant.identity.outside.people import Outsiders
from bezant.identity.outside.tokens import Word
from bezant.identity.provider.checks import prompt
from bezant.identity.provider.jose import BadToken, encoded
from bezant.identity.provider.way import Wanted, Way
from bezant.identity.provider.ways import WAY_LIFE, Ways
from bezant.identity.session import NEVER_TOLD
from bezant.identity.store import interaction as interaction_store
from bezant.identity.store import member as member_store
from bezant.identity.store import outsider as outsider_store
from bezant.identity.store import session as session_store
from bezant.identity.store.client import ClientRow
from bezant.identity.store.interaction import InteractionRow
from bezant.identity.store.session import SessionRow
from bezant.ids import spell
from bezant.secret import Secret

COME_BACK: Final = "/signed-in-at"
_log = telemetry.log("identity")


class OutsideLogins(Ways, Outsiders):
    """The part of the service that sends people to other issuers and takes them back."""

    async def _begin(self, client: ClientRow, wanted: Wanted, browser: Browser) -> Turn:
        """Ask anew whoever signed in elsewhere in the mode in which their issuer is not trusted."""
        signed = await self._of_browser(browser)
        mode = client.mode or wanted.mode or (Mode.LIVE if self._live else Mode.TEST)
        if signed is not None and signed.mode is not mode:
            async with self._database.transaction() as tx:
                if await outsider_store.is_one(tx, signed.member_id):
                    browser = replace(browser, session=Secret(""))
        return await super()._begin(client, wanted, browser)

    async def begin_outside(self, command: BeginOutside) -> Turn:
        """Send somebody to an issuer to sign in there."""
        way = await self._found(command.interaction, command.browser)
        if self._stage(way) is not Stage.PASSWORD:
            return await self._turn(way, command.interaction, command.browser.name)
        known = await self._door(way, command.issuer)
        about = await known.about()
        if not about.authorization or not about.token:
            raise IssuerSilent("nobody can sign in at this issuer")
        verifier, nonce = _secrets(command.interaction, command.browser)
        hashed = hashlib.sha256(verifier.encode()).digest()
        wish = {
            "client_id": known.trusted.client_id,
            "response_type": "code",
            "scope": "openid profile",
            "redirect_uri": self._come_back(known),
            "state": command.interaction.reveal(),
            "nonce": nonce,
            "code_challenge": encoded(hashed),
            "code_challenge_method": "S256",
        }
        if _is_asked_anew(way):
            # Whoever is asked for an age must say when it was (OpenID Connect Core, 3.1.2.1).
            wish |= {"prompt": prompt.LOGIN, "max_age": "0"}
        joint = "&" if "?" in about.authorization else "?"
        return Turn(
            Stage.ELSEWHERE,
            about.authorization + joint + urlencode(wish),
            interaction=command.interaction,
            browser=command.browser.name,
        )

    async def finish_outside(self, command: FinishOutside) -> Turn:
        """Take somebody back who signed in at an issuer, and go on."""
        browser = command.browser
        way = await self._found(command.interaction, browser)
        if self._stage(way) is not Stage.PASSWORD:
            return await self._turn(way, command.interaction, browser.name)
        known = await self._door(way, command.issuer)
        try:
            word = await self._exchanged(known, command)
            member, _, _ = await self._came_in(known.trusted, word)
        except BadToken:
            _log.warn("outside.refused", issuer=known.trusted.name, address=browser.address)
            raise OutsideRefused from None
        token = self._new_token("bzs")
        proved = self._proved_at(known, way, word)
        session = self._session_row(known, member, browser, word, proved)
        row = replace(
            way.row,
            member_id=member,
            session_id=session.id,
            methods=session.methods,
            signed_in_at=session.proved_at,
        )
        await self._enter_from_outside(session, token, row)
        turn = await self._turn(await self._way(row), command.interaction, browser.name)
        return replace(turn, session=token)

    async def _turn(self, way: Way, interaction: Secret[str], browser: Secret[str]) -> Turn:
        """Show the doors of other issuers beside our own."""
        turn = await super()._turn(way, interaction, browser)
        if turn.stage is not Stage.PASSWORD:
            return turn
        return replace(turn, doors=tuple(await self._doors(way)))

    async def _doors(self, way: Way) -> list[OutsideDoor]:
        if not self._known:
            return []
        tenant = await self._tenant(way)
        wanted = rules.tenant_text(tenant) if tenant else ""
        return [
            OutsideDoor(one.trusted.name, one.trusted.title)
            for one in self._known
            if await self._is_placed(one)
            if one.trusted.client_id and wanted in ("", one.trusted.tenant)
            if one.trusted.mode == self._mode(way)
        ]

    async def _door(self, way: Way, name: str) -> Known:
        if name not in {one.name for one in await self._doors(way)}:
            raise OutsideRefused
        return next(one for one in self._known if one.trusted.name == name)

    def _come_back(self, known: Known) -> str:
        return f"{self._issuer.base}{COME_BACK}/{known.trusted.name}"

    async def _exchanged(self, known: Known, command: FinishOutside) -> Word:
        """Turn the code into an ID token and return what it says."""
        assert self._calls is not None
        trusted, about = known.trusted, await known.about()
        if not command.code.reveal() or (about.says_who and not command.said_issuer):
            raise BadToken
        if command.said_issuer and command.said_issuer != trusted.issuer:
            raise BadToken
        verifier, nonce = _secrets(command.interaction, command.browser)
        fields = {
            "grant_type": "authorization_code",
            "code": command.code.reveal(),
            "redirect_uri": self._come_back(known),
            "code_verifier": verifier,
        }
        secret = trusted.client_secret.reveal()
        client = basic(trusted.client_id, secret) if secret else ""
        if not client:
            fields["client_id"] = trusted.client_id
        status, told = await self._calls.ask(about.token, fields, client)
        text = told.get("id_token")
        if status != 200 or not isinstance(text, str):
            raise BadToken
        return await tokens.identity_token(known, text, nonce, self._clock.now())

    async def _enter_from_outside(
        self, session: SessionRow, token: Secret[str], row: InteractionRow
    ) -> None:
        subject, name = spell("mem", session.member_id), spell("ses", session.id)
        async with self._database.transaction() as tx:
            await session_store.add(tx, session, token_hash(token))
            await member_store.seen_in(tx, session.member_id, session.created_at)
            await interaction_store.signed_in(tx, row)
            about = {"session": name, "mode": session.mode}
            tenant = rules.tenant_text(session.merchant_id)
            await self._record(tx, "session.created", tenant, subject, about)
        _log.info("login.succeeded", member=subject, session=name)

    def _proved_at(self, known: Known, way: Way, word: Word) -> datetime:
        """Return when somebody proved who they are, as far as it is known: what their issuer says.

        Its silence is not "just now": it may have answered from an older session, whatever we asked
        for. Only of an issuer that is known never to tell is it believed that it did as asked.
        """
        now = self._clock.now()
        if told := tokens.proved_at(word, now):
            return told
        if known.trusted.says_when:
            return NEVER_TOLD
        # The way began before we asked; the nonce in the token, when we asked.
        asked_anew = _is_asked_anew(way) and tokens.began_after(word, way.row.expires_at - WAY_LIFE)
        return now if asked_anew else NEVER_TOLD

    def _session_row(
        self, known: Known, member: UUID, browser: Browser, word: Word, proved: datetime
    ) -> SessionRow:
        now = self._clock.now()
        return SessionRow(
            id=self._ids.uuid(),
            member_id=member,
            merchant_id=rules.tenant_id(known.trusted.tenant),
            mode=known.trusted.mode,
            created_at=now,
            last_seen_at=now,
            expires_at=now + rules.SESSION_ABSOLUTE,
            address=rules.plain_text(browser.address),
            agent=rules.plain_text(browser.agent),
            methods=tokens.methods_of(word),
            proved_at=proved,
        )


def _secrets(interaction: Secret[str], browser: Browser) -> tuple[str, str]:
    """Return the PKCE verifier and the nonce of a way in a browser."""
    key = browser.name.reveal().encode()
    way = interaction.reveal().encode()
    verifier, nonce = (
        encoded(hmac.digest(key, purpose + way, "sha256")) for purpose in (b"verifier ", b"nonce ")
    )
    return verifier, nonce


def _is_asked_anew(way: Way) -> bool:
    """Tell whether the client wants somebody to prove again who they are."""
    return prompt.LOGIN in way.wanted.prompts or way.wanted.max_age_seconds is not None
