"""One token of a PKCS#11 module: found by its label, entered once, its sessions lent to threads.

Two rules of PKCS#11 v2.40 that are easy to break live here: a login holds for the whole process,
and a process that was forked begins anew. When a token goes away or a session dies, the module
(`library.py`) is begun anew, at most once a second; a PIN that is refused is never tried again, for
a token locks itself.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, TypeVar

import pkcs11
from pkcs11.constants import TokenFlag

from bezant import telemetry
from bezant.keys.library import RENEW_EVERY_SECONDS, WAIT_SECONDS, Library
from bezant.keys.port import KeyStoreUnusable
from bezant.secret import Secret

Answer = TypeVar("Answer")
_log = telemetry.log("keys")


class PinRefused(KeyStoreUnusable):
    """The token refused its PIN. It was tried once and will not be tried again."""

    code = "pin_refused"


# What a session or a token says that is no longer there. SoftHSM says little: GeneralError is both
# "the token is gone" and "this ciphertext is not genuine", so whoever decrypts looks twice.
GONE: Final[tuple[type[pkcs11.PKCS11Error], ...]] = (
    pkcs11.DeviceError,
    pkcs11.DeviceMemory,
    pkcs11.DeviceRemoved,
    pkcs11.FunctionFailed,
    pkcs11.GeneralError,
    pkcs11.KeyHandleInvalid,
    pkcs11.NoSuchKey,
    pkcs11.NoSuchToken,
    pkcs11.ObjectHandleInvalid,
    pkcs11.OperationActive,
    pkcs11.SessionClosed,
    pkcs11.SessionHandleInvalid,
    pkcs11.SlotIDInvalid,
    pkcs11.TokenNotPresent,
    pkcs11.TokenNotRecognised,
    pkcs11.UserNotLoggedIn,
)


@dataclass(slots=True)
class Lent:
    """A session, in the hands of one thread, with the objects that were found through it."""

    session: pkcs11.Session
    generation: int
    objects: dict[tuple[str, str, bytes], pkcs11.Object] = field(
        default_factory=dict[tuple[str, str, bytes], pkcs11.Object]
    )


Note = Callable[[str, str], None]
"""Told of every login: which token, and `done` or why not."""


class Token:
    """A token we are logged in to."""

    def __init__(
        self,
        library: Library,
        label: str,
        serial: str,
        pin: Secret[str],
        sessions_max: int,
        note: Note,
    ) -> None:
        self._library = library
        self._label = label
        self._serial = serial
        self._pin = pin
        self._note = note
        self._sessions_max = sessions_max
        self._changed = threading.Condition()
        self._generation = 0
        self._refused = ""
        self._lent = 0
        self._free: list[Lent] = []
        self._found: pkcs11.Token | None = None
        self._master: pkcs11.Session | None = None

    def run(self, work: Callable[[Lent], Answer], *, making: bool = False) -> Answer:
        """Do something with a session; once more with a new one if the first turns out dead.

        `making`: it makes or erases an object.
        """
        generation = self._library.generation
        try:
            return self._attempt(work, making=making)
        except GONE as error:
            if not self._library.renew(generation, type(error).__name__):
                raise self._unusable(error) from error
        except pkcs11.PKCS11Error as error:
            raise self._unusable(error) from error
        try:
            return self._attempt(work, making=making)
        except pkcs11.PKCS11Error as error:
            raise self._unusable(error) from error

    def about(self) -> tuple[str, str, str]:
        """Return what the token says of itself: label, serial number, maker and model."""
        found = self._found
        assert found is not None, "logged in first"
        maker = found.manufacturer_id or self._library.module.manufacturer_id
        return found.label, found.serial.decode(), f"{maker} {found.model}".strip()

    def close(self) -> None:
        """Log out."""
        with self._library.calling() as generation, self._changed:
            sessions = [lent.session for lent in self._free]
            if self._master is not None:
                sessions.append(self._master)
            try:
                for session in sessions if self._generation == generation else ():
                    session.close()
            except pkcs11.PKCS11Error as error:
                _log.info("hsm.gone_already", error=type(error).__name__)
            self._master, self._free, self._generation = None, [], 0

    def _unusable(self, error: pkcs11.PKCS11Error) -> KeyStoreUnusable:
        match error:
            case pkcs11.NoSuchToken():
                said = f"there is no token {self._label}"
            case pkcs11.NoSuchKey():
                said = "the token does not have this key"
            case _:
                said = "the HSM does not answer"
        return KeyStoreUnusable(said, retry_after_seconds=RENEW_EVERY_SECONDS)

    def _attempt(self, work: Callable[[Lent], Answer], *, making: bool) -> Answer:
        with self._library.calling(making=making) as generation:
            lent = self._borrow(generation)
            whole = True
            try:
                return work(lent)
            except GONE:
                whole = False
                raise
            finally:
                self._give_back(lent, whole=whole)

    def _borrow(self, generation: int) -> Lent:
        """Return a session; where the token allows no more of them, wait for one."""
        with self._changed:
            if self._generation != generation:
                self._log_in(generation)
            deadline = monotonic() + WAIT_SECONDS
            while True:
                if self._free:
                    lent = self._free.pop()
                    break
                if self._lent < self._sessions_max:
                    opened = self._open_one(generation)
                    if opened is not None:
                        lent = opened
                        break
                if not self._changed.wait(deadline - monotonic()):
                    raise KeyStoreUnusable(
                        "the HSM has no session free", retry_after_seconds=RENEW_EVERY_SECONDS
                    )
            self._lent += 1
            return lent

    def _open_one(self, generation: int) -> Lent | None:
        assert self._found is not None
        try:
            return Lent(self._found.open(rw=True), generation)
        except pkcs11.SessionCount:
            if self._lent == 0:
                raise KeyStoreUnusable(
                    "the HSM has no session free", retry_after_seconds=RENEW_EVERY_SECONDS
                ) from None
            # So many are all there are: whoever has one will give it back.
            _log.warn("hsm.no_more_sessions", label=self._label, sessions=self._lent)
            return None

    def _give_back(self, lent: Lent, *, whole: bool) -> None:
        with self._changed:
            self._lent -= 1
            if whole and lent.generation == self._generation:
                self._free.append(lent)
            self._changed.notify()

    def _log_in(self, generation: int) -> None:
        """Log in, once for the process; whoever else wants a session waits for that."""
        if self._refused:
            raise PinRefused
        self._free = []
        found = find_token(self._library, self._label, self._serial)
        if found.flags & (TokenFlag.USER_PIN_LOCKED | TokenFlag.USER_PIN_FINAL_TRY):
            self._refuse("locked")
        try:
            self._master = found.open(rw=True, user_pin=self._pin.reveal())
        except pkcs11.UserAlreadyLoggedIn:
            self._master = found.open(rw=True)
        except (
            pkcs11.PinIncorrect, pkcs11.PinInvalid, pkcs11.PinLenRange, pkcs11.PinLocked,
            pkcs11.PinExpired, pkcs11.UserPinNotInitialized,
        ) as error:  # fmt: skip
            self._refuse(type(error).__name__)
        self._found = found
        self._generation = generation
        self._note(self._label, "done")

    def _refuse(self, why: str) -> None:
        self._refused = why
        self._note(self._label, "refused")
        _log.error("hsm.pin_refused", label=self._label, why=why)
        raise PinRefused(
            f"the token {self._label} refused its PIN ({why}); it was tried once. "
            "Correct SOFTHSM_USER_PIN and start again"
        )


def find_token(library: Library, label: str, serial: str) -> pkcs11.Token:
    """Find a token by its label, never by its slot, whose number changes."""
    wanted = serial.encode() if serial else None
    try:
        return library.module.get_token(token_label=label, token_serial=wanted)
    except pkcs11.MultipleTokensReturned:
        raise KeyStoreUnusable(
            f"two tokens are called {label}: name one with PKCS11_TOKEN_SERIAL"
        ) from None
