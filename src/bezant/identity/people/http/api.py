"""People as JSON, under /v1: for our own pages, with their cookie, and for programs."""

import json

from fastapi import Response

from bezant.http.pages import Page
from bezant.http.routes import LOCAL, PUBLIC, Asker, Routes, ThisVisit
from bezant.http.visit import Visit
from bezant.identity import messages
from bezant.identity.http import (
    COOKIE_SECONDS,
    STRANGERS_BYTES_MAX,
    session_token,
    set_session_cookie,
)
from bezant.identity.people.http import messages as models
from bezant.identity.people.http.messages import revealed, told, written
from bezant.identity.person import (
    ASSERTION_CHARACTERS_MAX,
    Ceremony,
    ConfirmAddress,
    ConfirmCodes,
    EndConsent,
    PasskeyLogIn,
    People,
    RegisterPasskey,
    RemovePasskey,
    SignUp,
    StepUp,
)


def add_logins(made: Routes, people: People) -> None:
    """Declare how people get in, prove anew who they are, and leave everywhere."""

    @made.post("/v1/session/passkey/options", permission=PUBLIC, status=200, body_bytes_max=1_024)
    async def ask_passkey() -> models.CeremonyAnswer:
        """Ask for a passkey, whosever it is."""
        return ceremony(await people.ask_passkey())

    @made.post(
        "/v1/session/passkey",
        permission=PUBLIC,
        summary="Log in by a passkey",
        body_bytes_max=2 * ASSERTION_CHARACTERS_MAX,
    )
    async def by_passkey(
        body: models.PasskeyLogInBody, visit: ThisVisit, response: Response
    ) -> messages.NewSessionAnswer:
        command = PasskeyLogIn(
            written(body.credential), body.tenant, body.mode, visit.address, agent_of(visit)
        )
        new = await people.log_in_by_passkey(command)
        if body.deliver == "token":
            return messages.new_session(new.session, new.token.reveal())
        set_session_cookie(response, new.token.reveal(), COOKIE_SECONDS)
        return messages.new_session(new.session, None)

    @made.post("/v1/session/step-up", permission="session.write", status=200)
    async def step_up(body: models.StepUpBody, visit: ThisVisit) -> messages.SessionAnswer:
        """Prove again who one is, for money and keys; it lasts a quarter of an hour."""
        command = StepUp(
            session_token(visit), told(body.password), told(body.code), written(body.credential)
        )
        return messages.session(await people.step_up(command))

    @made.delete("/v1/sessions", permission="session.write", summary="Sign out everywhere")
    async def end_all(asker: Asker, response: Response) -> models.EndedAnswer:
        ended = await people.end_sessions(asker)
        set_session_cookie(response, "", 0)
        return models.EndedAnswer(ended=ended)

    del ask_passkey, by_passkey, step_up, end_all


def add_factors(made: Routes, people: People) -> None:
    """Declare passkeys, codes and recovery codes."""

    @made.get("/v1/security", permission="session.read", summary="How I prove who I am")
    async def security(asker: Asker) -> models.SecurityAnswer:
        return models.SecurityAnswer.model_validate(await people.security(asker))

    @made.post("/v1/passkeys/options", permission="security.write", status=200)
    async def begin_passkey(asker: Asker) -> models.CeremonyAnswer:
        """Ask for a new passkey."""
        return ceremony(await people.begin_passkey(asker))

    @made.post("/v1/passkeys", permission="security.write", summary="Register a passkey")
    async def register(body: models.PasskeyBody, asker: Asker) -> models.NewPasskeyAnswer:
        command = RegisterPasskey(asker, body.name, written(body.credential).reveal())
        new = await people.register_passkey(command)
        about = models.PasskeyAnswer.model_validate(new.passkey)
        return models.NewPasskeyAnswer(**about.model_dump(), recovery_codes=revealed(new.recovery))

    @made.get("/v1/passkeys", permission="session.read", summary="My passkeys")
    async def passkeys(asker: Asker) -> Page[models.PasskeyAnswer]:
        found = (await people.security(asker)).passkeys
        data = [models.PasskeyAnswer.model_validate(one) for one in found]
        return Page(data=data, has_more=False)

    @made.delete("/v1/passkeys/{passkey}", permission="security.write", status_code=204)
    async def remove(passkey: str, asker: Asker) -> None:
        """Forget one of one's own passkeys."""
        await people.remove_passkey(RemovePasskey(asker, passkey))

    @made.post("/v1/totp", permission="security.write", summary="Begin with codes from an app")
    async def begin_codes(asker: Asker) -> models.NewCodesAnswer:
        new = await people.begin_codes(asker)
        return models.NewCodesAnswer(secret=new.secret.reveal(), address=new.address.reveal())

    @made.post("/v1/totp/confirm", permission="security.write", status=200)
    async def confirm_codes(body: models.CodeBody, asker: Asker) -> models.RecoveryAnswer:
        """Type the first code; from now on one is asked for."""
        found = await people.confirm_codes(ConfirmCodes(asker, told(body.code)))
        return models.RecoveryAnswer(recovery_codes=revealed(found.codes))

    @made.delete("/v1/totp", permission="security.write", status_code=204)
    async def remove_codes(asker: Asker) -> None:
        """Ask for codes no longer."""
        await people.remove_codes(asker)

    @made.post("/v1/recovery-codes", permission="security.write", summary="Replace them")
    async def renew(asker: Asker) -> models.RecoveryAnswer:
        found = await people.renew_recovery(asker)
        return models.RecoveryAnswer(recovery_codes=revealed(found.codes))

    del security, begin_passkey, register, passkeys, remove
    del begin_codes, confirm_codes, remove_codes, renew


def add_consents(made: Routes, people: People) -> None:
    """Declare what one allowed programs of others."""

    @made.get("/v1/consents", permission="session.read", summary="What I allowed programs")
    async def consents(asker: Asker) -> Page[models.ConsentAnswer]:
        data = [models.ConsentAnswer.model_validate(one) for one in await people.consents(asker)]
        return Page(data=data, has_more=False)

    @made.delete("/v1/consents/{client}", permission="session.write", status_code=204)
    async def end_consent(client: str, asker: Asker) -> None:
        """Take back what one allowed a program: its tokens end, and it has to ask again."""
        await people.end_consent(EndConsent(asker, client))

    del consents, end_consent


def add_sign_up(made: Routes, people: People) -> None:
    """Declare how strangers become customers."""

    @made.post("/v1/sign-ups", permission=PUBLIC, status=202, body_bytes_max=STRANGERS_BYTES_MAX)
    async def sign_up(body: models.SignUpBody, visit: ThisVisit) -> models.Accepted:
        """Ask to become a customer; a letter goes to the address."""
        await people.sign_up(SignUp(body.email, body.name, told(body.password), visit.address))
        return models.Accepted()

    @made.post("/v1/sign-ups/confirm", permission=PUBLIC, body_bytes_max=STRANGERS_BYTES_MAX)
    async def confirm(body: models.ConfirmBody) -> messages.MemberAnswer:
        """Show the code from the letter, and be a customer."""
        shown = ConfirmAddress(told(body.token), told(body.password))
        return messages.member(await people.confirm_address(shown))

    @made.get("/v1/mails", permission=LOCAL, summary="Letters that a demo does not send")
    async def mails() -> Page[models.MailAnswer]:
        data = [models.MailAnswer.model_validate(one) for one in await people.mails()]
        return Page(data=data, has_more=False)

    del sign_up, confirm, mails


def ceremony(asked: Ceremony) -> models.CeremonyAnswer:
    """Answer what a browser hands to an authenticator."""
    return models.CeremonyAnswer(public_key=json.loads(asked.options))


def agent_of(visit: Visit) -> str:
    """Return what a caller says it is."""
    return visit.headers.get(b"user-agent", b"").decode("latin-1")
