"""A token is made: labelled, given its PINs, and from then on the place where keys are made."""

import asyncio
from typing import Final

import pkcs11
from pkcs11.constants import TokenFlag

from bezant import telemetry
from bezant.keys.library import Library, close_library, open_library
from bezant.keys.pkcs11 import TokenPlace
from bezant.keys.port import KeyStoreUnusable
from bezant.secret import Secret

LABEL_BYTES: Final = 32  # CK_TOKEN_INFO: padded with blanks.
PIN_CHARACTERS_MIN: Final = 4
_log = telemetry.log("keys")


async def make_token(place: TokenPlace, so_pin: Secret[str]) -> None:
    """Initialise a free slot as this token. A token of that label that exists is left alone."""
    await asyncio.to_thread(_in_library, place, so_pin)


async def make_token_if_missing(place: TokenPlace, so_pin: Secret[str]) -> None:
    """Make the token unless it is there."""
    await asyncio.to_thread(_in_library, place, so_pin, if_missing=True)


class TokenExists(KeyStoreUnusable):
    """There is a token of this label already; making it anew would erase its keys."""

    code = "token_exists"


def _in_library(place: TokenPlace, so_pin: Secret[str], *, if_missing: bool = False) -> None:
    library = open_library(place.module)
    try:
        if _exists(library, place.label):
            if if_missing:
                return
            raise TokenExists(f"there is a token {place.label}; it stays as it is")
        _make(library, place, so_pin)
    except pkcs11.PKCS11Error as error:
        raise KeyStoreUnusable(f"the token could not be made ({type(error).__name__})") from error
    finally:
        close_library(place.module)


def _exists(library: Library, label: str) -> bool:
    return any(token.label == label for token in library.module.get_tokens())


def _make(library: Library, place: TokenPlace, so_pin: Secret[str]) -> None:
    if min(len(so_pin.reveal()), len(place.pin.reveal())) < PIN_CHARACTERS_MIN:
        raise KeyStoreUnusable(f"a PIN has at least {PIN_CHARACTERS_MIN} characters")
    slot = next(
        (
            token.slot.slot_id
            for token in library.module.get_tokens()
            if not token.flags & TokenFlag.TOKEN_INITIALIZED
        ),
        None,
    )
    if slot is None:
        raise KeyStoreUnusable("no slot of this module is free for a new token")
    library.initialize_token(slot, so_pin, place.label.encode().ljust(LABEL_BYTES))
    made = library.module.get_token(token_label=place.label)
    with made.open(rw=True, so_pin=so_pin.reveal()) as session:
        session.init_pin(place.pin.reveal())
    _log.info("token.made", label=place.label)
