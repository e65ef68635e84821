"""What browsers and authenticators ask and answer (WebAuthn, level 3), checked by `webauthn`. Pure.

Whatever is wrong with an answer, whoever sent it learns only that it is refused. The library is
loaded when somebody first comes with a passkey: it takes a tenth of a whole start.
"""

import hashlib
import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import msgspec

from bezant.identity.people.party import Party
from bezant.identity.person import ASSERTION_CHARACTERS_MAX

if TYPE_CHECKING:
    from webauthn.helpers.cose import COSEAlgorithmIdentifier

CHALLENGE_BYTES: Final = 32
CREDENTIAL_BYTES_MAX: Final = 1_023  # WebAuthn, 5.1: no credential id is longer.
ALGORITHMS: Final = (-7, -8, -257)
"""ES256, EdDSA and RS256, as the registry of COSE numbers them."""
TRANSPORTS: Final = frozenset({"usb", "nfc", "ble", "smart-card", "hybrid", "internal"})


class BadAnswer(Exception):
    """What came is no right answer to what was asked."""


class _Response(msgspec.Struct):
    clientDataJSON: str  # noqa: N815 - as browsers spell it
    authenticatorData: str = ""  # noqa: N815
    attestationObject: str = ""  # noqa: N815
    signature: str = ""
    userHandle: str | None = None  # noqa: N815
    transports: list[str] = []


class _Credential(msgspec.Struct):
    id: str
    rawId: str  # noqa: N815
    type: str
    response: _Response


class Answer(msgspec.Struct, frozen=True):
    """What a browser answered, as far as it can be read."""

    credential_id: bytes
    challenge: bytes
    owner: bytes
    """Whose passkey its authenticator says it is; perhaps nothing."""
    told: dict[str, object]
    transports: tuple[str, ...]


class Registered(msgspec.Struct, frozen=True):
    """A passkey that was just made."""

    credential_id: bytes
    public_key: bytes
    sign_count: int
    synced: bool


class Used(msgspec.Struct, frozen=True):
    """A passkey that was just used."""

    sign_count: int
    synced: bool


def ask_for_any(party: Party, challenge: bytes) -> str:
    """Return what a browser needs to ask for whichever passkey somebody has here."""
    from webauthn import generate_authentication_options, options_to_json
    from webauthn.helpers.structs import UserVerificationRequirement

    options = generate_authentication_options(
        rp_id=party.domain,
        challenge=challenge,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json(options)


def ask_for_new(
    party: Party, challenge: bytes, owner: bytes, email: str, known: Sequence[bytes]
) -> str:
    """Return what a browser needs to have a passkey made; not on a device that has one."""
    from webauthn import generate_registration_options, options_to_json
    from webauthn.helpers.structs import (
        AttestationConveyancePreference,
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = generate_registration_options(
        rp_id=party.domain,
        rp_name=party.title,
        user_id=owner,
        user_name=email,
        user_display_name=email,
        challenge=challenge,
        attestation=AttestationConveyancePreference.NONE,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            require_resident_key=True,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
        supported_pub_key_algs=_algorithms(),
    )
    return options_to_json(options)


def read_answer(text: str) -> Answer:
    """Read what a browser answered; nothing of it is believed yet."""
    if len(text) > ASSERTION_CHARACTERS_MAX:
        raise BadAnswer
    from webauthn.helpers import base64url_to_bytes, parse_client_data_json

    with _refusing():
        told = msgspec.json.decode(text, type=_Credential)
        client = parse_client_data_json(base64url_to_bytes(told.response.clientDataJSON))
        credential_id = base64url_to_bytes(told.rawId)
        handle = told.response.userHandle
        owner = base64url_to_bytes(handle) if handle else b""
        whole = json.loads(text)
        if not 0 < len(credential_id) <= CREDENTIAL_BYTES_MAX:
            raise BadAnswer
        transports = sorted(TRANSPORTS & set(told.response.transports))
        return Answer(credential_id, client.challenge, owner, whole, tuple(transports))


def registered(answer: Answer, party: Party) -> Registered:
    """Return the passkey that an answer brings, or raise `BadAnswer`."""
    from webauthn import verify_registration_response

    with _refusing():
        found = verify_registration_response(
            credential=answer.told,
            expected_challenge=answer.challenge,
            expected_rp_id=party.domain,
            expected_origin=list(party.origins),
            require_user_verification=True,
            supported_pub_key_algs=_algorithms(),
        )
        return Registered(
            found.credential_id,
            found.credential_public_key,
            found.sign_count,
            found.credential_backed_up,
        )


def used(answer: Answer, party: Party, public_key: bytes) -> Used:
    """Return how a passkey was used, or raise `BadAnswer`. Its counter is for the caller to see."""
    from webauthn import verify_authentication_response

    with _refusing():
        found = verify_authentication_response(
            credential=answer.told,
            expected_challenge=answer.challenge,
            expected_rp_id=party.domain,
            expected_origin=list(party.origins),
            credential_public_key=public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
        return Used(found.new_sign_count, found.credential_backed_up)


def _algorithms() -> "list[COSEAlgorithmIdentifier]":
    from webauthn.helpers.cose import COSEAlgorithmIdentifier

    return [COSEAlgorithmIdentifier(number) for number in ALGORITHMS]


def challenge_hash(challenge: bytes) -> bytes:
    """Return what is stored of a challenge."""
    return hashlib.sha256(b"ceremony " + challenge).digest()


@contextmanager
def _refusing() -> Generator[None]:
    """Turn whatever the bytes of a stranger make a parser raise into one refusal."""
    try:
        yield
    except BadAnswer:
        raise
    except Exception as wrong:
        raise BadAnswer from wrong
