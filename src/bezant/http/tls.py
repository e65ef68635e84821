"""Encryption for callers from outside: a certificate from files, which may be replaced any time."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, cast

from bezant.errors import Invalid
from bezant.http.headers import Network, is_trusted
from bezant.http.limits import bucket_of_address
from bezant.telemetry import log

# For clients that do not speak TLS 1.3 yet: only ciphers with forward secrecy that authenticate
# what they encrypt (RFC 9325, 4.2).
CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
HANDSHAKES_MAX: Final = 100
"""Of one address at once. A browser has six in hand; behind one address there may be an office."""
_log = log("http")


class CertificateUnusable(Invalid):
    """The certificate or its key cannot be used; see TLS_CERTIFICATE and TLS_KEY."""

    code = "certificate_unusable"


class Handshakes:
    """How many handshakes each address has in hand: nobody alone takes all the places there are."""

    def __init__(self, each_max: int = HANDSHAKES_MAX, exempt: Sequence[Network] = ()) -> None:
        self._each_max = each_max
        self._exempt = tuple(exempt)
        self._in_hand: Counter[str] = Counter()

    def begin(self, address: str) -> bool:
        """Tell whether an address may begin one more; a proxy of ours comes for many."""
        if is_trusted(address, self._exempt):
            return True
        bucket = bucket_of_address(address)
        if self._in_hand[bucket] >= self._each_max:
            return False
        self._in_hand[bucket] += 1
        return True

    def end(self, address: str) -> None:
        """Note that one that had begun is done, or given up."""
        if is_trusted(address, self._exempt):
            return
        bucket = bucket_of_address(address)
        self._in_hand[bucket] -= 1
        if self._in_hand[bucket] <= 0:
            del self._in_hand[bucket]


class ForCallers(ssl.SSLContext):
    """What callers from outside meet."""

    handshakes: Handshakes


def shown_to(transport: asyncio.BaseTransport) -> bytes | None:
    """Return the certificate that a caller showed with a connection; asked once for all of it."""
    spoken = cast("ssl.SSLObject | None", transport.get_extra_info("ssl_object"))
    if spoken is None or not isinstance(spoken.context, ForCallers):
        return None
    return spoken.getpeercert(binary_form=True)


class Certificate:
    """A certificate and its key, read again when the files have changed."""

    def __init__(self, certificate: Path, key: Path, handshakes: Handshakes | None = None) -> None:
        self._files = certificate, key
        self.context = ForCallers(ssl.PROTOCOL_TLS_SERVER)
        self.context.handshakes = handshakes or Handshakes()
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_ciphers(CIPHERS)
        self.context.options |= ssl.OP_NO_RENEGOTIATION
        self.context.set_alpn_protocols(["http/1.1"])
        self._seen = self._state()
        self._load(self.context)

    def renew(self) -> bool:
        """Take up a new certificate for connections to come; a broken one changes nothing."""
        try:
            seen = self._state()
            if seen == self._seen:
                return False
            # Tried apart first: half of a pair must not get into what is being served.
            self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
            self._load(self.context)
        except CertificateUnusable as failure:
            _log.warn("tls.not_renewed", why=str(failure))
            return False
        self._seen = seen
        _log.info("tls.renewed")
        return True

    def believe(self, authorities: str) -> None:
        """Ask callers for a certificate of these authorities from now on. Who has none may come as
        well; somebody else's ends the handshake.
        """
        self.context.load_verify_locations(cadata=authorities)
        self.context.verify_mode = ssl.CERT_OPTIONAL

    def _load(self, context: ssl.SSLContext) -> None:
        certificate, key = self._files
        try:
            # A key under a password is refused here: at night there is nobody to type it.
            context.load_cert_chain(certificate, key, password=lambda: "")
        except (OSError, ssl.SSLError) as failure:
            why = failure.reason if isinstance(failure, ssl.SSLError) else failure.strerror
            raise CertificateUnusable(f"the certificate cannot be used: {why}") from None

    def _state(self) -> tuple[tuple[int, int], ...]:
        try:
            found = [one.stat() for one in self._files]
        except OSError as failure:
            raise CertificateUnusable(
                f"the certificate cannot be read: {failure.strerror}"
            ) from None
        return tuple((one.st_mtime_ns, one.st_ino) for one in found)


class _Spoken(ssl.SSLObject):
    """A handshake that is not done before who came is welcome: what they say in one piece with
    its end would be read, and answered, before anybody could look at who says it.
    """

    def do_handshake(self) -> None:
        """Go on with the handshake, and end it if somebody else came."""
        context = self.context
        assert isinstance(context, OneOfOurs)
        if context.renew is not None:
            context.renew()
        super().do_handshake()
        shown = self.getpeercert(binary_form=True)
        if shown is None or not context.admits(shown):
            raise ssl.SSLCertVerificationError("this listener is for somebody else")


class OneOfOurs(ssl.SSLContext):
    """What listens for one program of this installation alone; `is_welcome` looks at the
    certificate that was shown, once the handshake has verified it.
    """

    sslobject_class = _Spoken
    is_welcome: Callable[[bytes], bool]
    renew: Callable[[], None] | None = None
    """Takes up papers that were replaced, with every handshake: whoever comes may have theirs of an
    authority that began a moment ago.
    """

    def admits(self, shown: bytes) -> bool:
        """Tell whether whoever shows this may be there; who shows what nobody can read may not."""
        try:
            return self.is_welcome(shown)
        except ValueError:
            return False
