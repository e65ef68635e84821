"""The addresses of `/auth` that the family of people paying people knows: JSON, no cookies.

A program of a person's own signs in here and gets tokens; with a second factor set up it gets a
challenge first. Pages of ours use `/v1` and a cookie instead, and never see a token.
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr, model_validator
from pydantic.alias_generators import to_camel

from bezant.errors import Invalid
from bezant.http.routes import PUBLIC, Asker, Routes, ThisVisit
from bezant.http.visit import Visit
from bezant.identity.http import STRANGERS_BYTES_MAX
from bezant.identity.messages import Email, Name, Password
from bezant.identity.oauth import InvalidGrant
from bezant.identity.openid import ROOT_REALM, Asked, OpenIdProvider, Tokens
from bezant.identity.people.http.api import agent_of, ceremony
from bezant.identity.people.http.messages import Code, Credential, Token, revealed, told, written
from bezant.identity.person import (
    ASSERTION_CHARACTERS_MAX,
    PASSKEY_NAME_CHARACTERS_MAX,
    ConfirmAddress,
    ConfirmCodes,
    FinishLogin,
    LoginTurn,
    PasskeyLogIn,
    People,
    RegisterPasskey,
    SignUp,
)
from bezant.identity.port import LogIn, UnknownCredential
from bezant.identity.provider.issuer import PEOPLE

FAMILY: Final = "peopletrust"


class Camel(BaseModel):
    """Names as this family writes them."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=False, validate_by_alias=True, frozen=True
    )


class Request(Camel):
    """A request: a misspelt field is a mistake, not a default."""

    model_config = ConfigDict(extra="forbid")


class SignUpBody(Request):
    """Who wants to be a customer."""

    email: Email
    name: Name
    password: Password


class ConfirmBody(Request):
    """The code from the letter, and the password once more."""

    token: Token
    password: Password


class LoginBody(Request):
    """A name and a password; or a challenge and its second factor; or a passkey."""

    email: Email | None = None
    password: Password | None = None
    challenge: Token | None = None
    code: Code | None = None
    credential: Credential | None = None

    @model_validator(mode="after")
    def one_of_three(self) -> "LoginBody":
        """Refuse what could mean two things."""
        by_password = self.email is not None and self.password is not None
        named = set(self.model_fields_set)
        second = {"code", "credential"} & named
        if by_password and named == {"email", "password"}:
            return self
        if self.challenge is not None and named == {"challenge", *second} and len(second) == 1:
            return self
        if named == {"credential"}:
            return self
        raise ValueError("email and password; or challenge and code or credential; or credential")


class RefreshBody(Request):
    """The refresh token; the answer brings the next one."""

    refresh_token: Annotated[SecretStr, Field(min_length=1, max_length=200)]


class CodesBody(Request):
    """Nothing to begin; the first code to finish."""

    code: Code | None = None


class BiometricBody(Request):
    """Nothing to begin; what the browser answered to finish."""

    name: Annotated[str, Field(max_length=PASSKEY_NAME_CHARACTERS_MAX)] = ""
    credential: Credential | None = None


class Begun(Camel):
    """A letter was sent; whose address it is is told to nobody else."""

    status: Literal["confirmation_sent"] = "confirmation_sent"


class Confirmed(Camel):
    """Somebody is a customer now."""

    user_id: str
    email: str


class TokensModel(Camel):
    """What a person's own program works with."""

    access_token: str
    refresh_token: str
    id_token: str
    token_type: str
    expires_in: int


class ChallengeModel(Camel):
    """Name and password are right; send this again with a second factor."""

    challenge: str
    methods: list[str]
    expires_in: int


class NewCodesModel(Camel):
    """What an app needs to show codes, told this once."""

    secret: str
    otpauth_url: str


class RecoveryModel(Camel):
    """Codes are asked for from now on; recovery codes are told this once."""

    enabled: Literal[True] = True
    recovery_codes: list[str]


class OptionsModel(Camel):
    """What `navigator.credentials.create` takes, once its base64url texts are bytes."""

    public_key: dict[str, JsonValue]


class RegisteredModel(Camel):
    """A passkey that opens this account from now on."""

    id: str
    name: str
    recovery_codes: list[str]


def family_routes(people: People, provider: OpenIdProvider) -> Routes:
    """Return the addresses of this family."""
    made = Routes("identity", family=FAMILY, tag="Auth", guarded=True)
    _add_sign_up(made, people)
    _add_login(made, people, provider)
    _add_setup(made, people)
    return made


def _add_sign_up(made: Routes, people: People) -> None:
    @made.post("/auth/signup", permission=PUBLIC, status=202, body_bytes_max=STRANGERS_BYTES_MAX)
    async def sign_up(body: SignUpBody, visit: ThisVisit) -> Begun:
        """Ask to become a customer; a letter goes to the address."""
        await people.sign_up(SignUp(body.email, body.name, told(body.password), visit.address))
        return Begun()

    @made.post(
        "/auth/signup/confirm", permission=PUBLIC, status=201, body_bytes_max=STRANGERS_BYTES_MAX
    )
    async def confirm(body: ConfirmBody) -> Confirmed:
        """Show the code from the letter."""
        shown = ConfirmAddress(told(body.token), told(body.password))
        member = await people.confirm_address(shown)
        return Confirmed.model_validate({"userId": member.id, "email": member.email})

    del sign_up, confirm


def _add_login(made: Routes, people: People, provider: OpenIdProvider) -> None:
    @made.post(
        "/auth/login",
        permission=PUBLIC,
        status=200,
        body_bytes_max=2 * ASSERTION_CHARACTERS_MAX,
        response_model=TokensModel | ChallengeModel,
    )
    async def login(body: LoginBody, visit: ThisVisit) -> JSONResponse:
        """Sign in: tokens, or a challenge for the second factor."""
        turn = await _entered(people, body, visit)
        if turn.new is None:
            return _kept(
                {
                    "challenge": turn.half.reveal(),
                    "methods": list(turn.methods),
                    "expiresIn": turn.expires_in,
                }
            )
        return _tokens(await people.tokens_of(turn.new.token))

    @made.post("/auth/login/options", permission=PUBLIC, status=200, body_bytes_max=1_024)
    async def options() -> OptionsModel:
        """Ask for a passkey, whosever it is."""
        asked = ceremony(await people.ask_passkey())
        return OptionsModel.model_validate({"publicKey": asked.public_key})

    @made.post(
        "/auth/refresh",
        permission=PUBLIC,
        status=200,
        body_bytes_max=STRANGERS_BYTES_MAX,
        response_model=TokensModel,
    )
    async def refresh(body: RefreshBody) -> JSONResponse:
        """Trade a refresh token for new tokens; one shown twice ends all of its family."""
        parameters = (
            ("grant_type", "refresh_token"),
            ("client_id", PEOPLE),
            ("refresh_token", body.refresh_token.get_secret_value()),
        )
        try:
            return _tokens(await provider.tokens(Asked(ROOT_REALM, parameters)))
        except InvalidGrant:
            raise UnknownCredential from None

    del login, options, refresh


def _add_setup(made: Routes, people: People) -> None:
    @made.post(
        "/auth/2fa/setup",
        permission="security.write",
        status=200,
        response_model=NewCodesModel | RecoveryModel,
    )
    async def codes(asker: Asker, body: CodesBody | None = None) -> JSONResponse:
        """Begin with codes from an app, or finish with the first of them."""
        if body is None or body.code is None:
            new = await people.begin_codes(asker)
            return _kept({"secret": new.secret.reveal(), "otpauthUrl": new.address.reveal()})
        found = await people.confirm_codes(ConfirmCodes(asker, told(body.code)))
        return _kept({"enabled": True, "recoveryCodes": revealed(found.codes)})

    @made.post(
        "/auth/biometric/setup",
        permission="security.write",
        status=200,
        response_model=OptionsModel | RegisteredModel,
    )
    async def biometric(asker: Asker, body: BiometricBody | None = None) -> JSONResponse:
        """Begin with a passkey, or finish with what the browser answered."""
        if body is None or body.credential is None:
            asked = ceremony(await people.begin_passkey(asker))
            return _kept({"publicKey": asked.public_key})
        command = RegisterPasskey(asker, body.name, written(body.credential).reveal())
        new = await people.register_passkey(command)
        about = {"id": new.passkey.id, "name": new.passkey.name}
        return _kept({**about, "recoveryCodes": revealed(new.recovery)})

    del codes, biometric


async def _entered(people: People, body: LoginBody, visit: Visit) -> LoginTurn:
    """Take whichever of the three came."""
    address, agent = visit.address, agent_of(visit)
    if body.challenge is not None:
        proof = told(body.code) if body.code is not None else written(body.credential)
        finish = FinishLogin(told(body.challenge), proof, address, agent)
        return LoginTurn(await people.finish_login(finish))
    if body.credential is not None:
        by_passkey = PasskeyLogIn(written(body.credential), address=address, agent=agent)
        return LoginTurn(await people.log_in_by_passkey(by_passkey))
    if body.email is None or body.password is None:
        raise Invalid("email and password are missing")
    login = LogIn(body.email, told(body.password), address=address, agent=agent)
    return await people.begin_login(login)


def _tokens(found: Tokens) -> JSONResponse:
    return _kept(
        {
            "accessToken": found.access_token.reveal(),
            "refreshToken": found.refresh_token.reveal(),
            "idToken": found.id_token.reveal(),
            "tokenType": found.token_type,
            "expiresIn": found.expires_in,
        }
    )


def _kept(body: Mapping[str, object]) -> JSONResponse:
    """Answer what no cache may keep."""
    return JSONResponse(dict(body), headers={"cache-control": "no-store"})
