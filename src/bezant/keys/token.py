"""One token of a PKCS#11 module: found by its label, entered once, its sessions lent to threads.

Three rules of PKCS#11 v2.40 that are easy to break live here. A module used by many threads must be
told so (python-pkcs11 does not, and SoftHSM then crashes). A login holds for the whole process. A
process that was forked begins anew. When a token goes away or a session dies, the module is begun
anew, at most once a second; a PIN that is refused is never tried again, for a token locks itself.
"""

import ctypes
import os
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, TypeVar

import pkcs11
from pkcs11 import _pkcs11
from pkcs11.constants import TokenFlag

from bezant import telemetry
from bezant.keys.port import KeyStoreUnusable
from bezant.secret import Secret

RENEW_EVERY_SECONDS: Final = 1.0
WAIT_SECONDS: Final = 5.0  # For a session, or for calls under way to end.
OS_LOCKING_OK: Final = 0x2
ALREADY_INITIALIZED: Final = 0x191

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


class _InitializeArgs(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("create", "destroy", "lock", "unlock")),
        ("flags", ctypes.c_ulong),
        ("reserved", ctypes.c_void_p),
    )


class _Module(_pkcs11.lib):
    """python-pkcs11's module without its own initialisation, which forbids threads."""

    def initialize(self) -> None:
        """Do nothing: `Library` has initialised the module already."""


class Library:
    """A PKCS#11 module in this process, initialised for many threads."""

    def __init__(self, path: str) -> None:
        self._native = ctypes.CDLL(path)  # It lets other threads go on while it calls.
        self._changed = threading.Condition()
        self._calls = 0
        self._renewing = False
        self._renewed_at = monotonic()
        self.generation = 1
        """How often the module was begun; sessions belong to one generation."""
        self._initialize()
        self.module = _Module(path)

    @contextmanager
    def calling(self) -> Generator[int]:
        """Enter a call; nobody begins the module anew meanwhile. Yields the generation."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._renewing, WAIT_SECONDS):
                raise KeyStoreUnusable("the HSM does not answer")
            self._calls += 1
            generation = self.generation
        try:
            yield generation
        finally:
            with self._changed:
                self._calls -= 1
                self._changed.notify_all()

    def renew(self, seen: int, why: str) -> bool:
        """Begin the module anew unless somebody did so since that generation.

        False if that was tried a moment ago, or cannot be done while calls are stuck in it.
        """
        with self._changed:
            if self.generation != seen or self._renewing:
                return True
            if monotonic() < self._renewed_at + RENEW_EVERY_SECONDS:
                return False
            self._renewing = True
            try:
                if not self._changed.wait_for(lambda: self._calls == 0, WAIT_SECONDS):
                    return False
                self._native.C_Finalize(None)
                self._initialize()
                self.generation += 1
                _log.warn("hsm.begins_anew", why=why, generation=self.generation)
                return True
            finally:
                self._renewed_at = monotonic()
                self._renewing = False
                self._changed.notify_all()

    def initialize_token(self, slot: int, so_pin: Secret[str], label: bytes) -> None:
        """Make a token in a slot; python-pkcs11 has no call for that."""
        pin = so_pin.reveal().encode()
        with self.calling():
            code = self._native.C_InitToken(
                ctypes.c_ulong(slot), pin, ctypes.c_ulong(len(pin)), label
            )
        if code != 0:
            raise KeyStoreUnusable(f"the token could not be made (0x{code:x})")

    def close(self) -> None:
        """Give back everything the module holds."""
        with self._changed:
            self._changed.wait_for(lambda: self._calls == 0, WAIT_SECONDS)
            self._native.C_Finalize(None)

    def _initialize(self) -> None:
        arguments = _InitializeArgs(flags=OS_LOCKING_OK)
        code = self._native.C_Initialize(ctypes.byref(arguments))
        if code == ALREADY_INITIALIZED:  # By the process we were forked from.
            self._native.C_Finalize(None)
            code = self._native.C_Initialize(ctypes.byref(arguments))
        if code != 0:
            raise KeyStoreUnusable(f"the PKCS#11 module does not start (0x{code:x})")


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

    def run(self, work: Callable[[Lent], Answer]) -> Answer:
        """Do something with a session; once more with a new one if the first turns out dead."""
        generation = self._library.generation
        try:
            return self._attempt(work)
        except GONE as error:
            if not self._library.renew(generation, type(error).__name__):
                raise self._unusable(error) from error
        except pkcs11.PKCS11Error as error:
            raise self._unusable(error) from error
        try:
            return self._attempt(work)
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

    def _attempt(self, work: Callable[[Lent], Answer]) -> Answer:
        with self._library.calling() as generation:
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


_open_lock = threading.Lock()
_open: dict[tuple[int, str], tuple[Library, int]] = {}


def open_library(path: str) -> Library:
    """Return the module of this process, shared by everybody who opened it."""
    with _open_lock:
        key = (os.getpid(), path)
        library, users = _open.get(key, (None, 0))
        if library is None:
            try:
                library = Library(path)
            except (OSError, pkcs11.PKCS11Error) as error:
                raise KeyStoreUnusable(f"{path} is no PKCS#11 module: {error}") from None
        _open[key] = (library, users + 1)
        return library


def close_library(path: str) -> None:
    """Give the module back; the last one out ends it."""
    with _open_lock:
        key = (os.getpid(), path)
        library, users = _open.pop(key)
        if users > 1:
            _open[key] = (library, users - 1)
        else:
            library.close()
