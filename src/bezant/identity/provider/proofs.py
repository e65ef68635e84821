"""DPoP (RFC 9449): proofs are checked, spent once, and told which nonce to carry.

A nonce is a keyed hash of the time it is told in, so that every process knows every other's.
"""

from typing import Final

from bezant.identity.oauth import InvalidProof, ProofNeedsNonce
from bezant.identity.openid import ClientMethod, ShownProof
from bezant.identity.provider.checks import client_certificate, proof
from bezant.identity.provider.clients import Clients, Request
from bezant.identity.provider.issuer import Endpoint
from bezant.identity.provider.jose import encoded
from bezant.keys.port import DeclareKey, KeySpec, Purpose

NONCE_KEY: Final = "token-nonce"
NONCE_SECONDS: Final = 120  # The one before is still taken: a nonce lives two to four minutes.
NONCE_BYTES: Final = 18
BY_KEY: Final = "jkt:"
BY_CERTIFICATE: Final = "x5t:"


class Proofs(Clients):
    """The part of the provider that checks what tokens are bound to."""

    _nonces_told: tuple[int, tuple[str, ...]] = (-1, ())

    async def _start_proofs(self) -> None:
        await self._keys.declare(DeclareKey(NONCE_KEY, Purpose.MAC, KeySpec.HMAC256, by="identity"))

    async def check_proof(self, shown: ShownProof) -> None:
        """Return if whoever shows a bound token at our API holds its key."""
        origin = "/".join(shown.address.split("/")[:3])
        if origin not in self._issuer.origins:
            raise InvalidProof
        token = shown.token.reveal()
        mark = await self._proved(shown.proof.reveal(), shown.method, shown.address, token)
        if mark != shown.thumbprint:
            raise InvalidProof

    async def _binding(self, request: Request, endpoint: Endpoint) -> str:
        """Return what the tokens of this request are bound to, or nothing."""
        asked, client = request.asked, request.client
        if asked.proof.reveal():
            address = self._issuer.address(endpoint, asked.realm)
            return BY_KEY + await self._proved(asked.proof.reveal(), "POST", address)
        by_certificate = client.method in (ClientMethod.TLS, ClientMethod.SELF_SIGNED_TLS)
        if client.binds_tokens and by_certificate:
            return BY_CERTIFICATE + client_certificate.thumbprint(asked.certificate)
        if client.binds_tokens:
            raise InvalidProof("this client's tokens are bound to a key: send a DPoP proof")
        return ""

    async def _proved(self, text: str, method: str, address: str, token: str = "") -> str:
        """Return the thumbprint of the key behind a proof, which is spent by that."""
        nonces = await self._nonces()
        try:
            held = proof.holds(text, method, address, nonces, self._clock.now(), token)
        except ProofNeedsNonce:
            raise ProofNeedsNonce(facts={"nonce": nonces[0]}) from None
        if not await self._spend(f"proof {held.name}", held.spent_until):
            raise InvalidProof
        return held.thumbprint

    async def _nonces(self) -> tuple[str, ...]:
        """Return the nonce to tell now, then the others that are taken."""
        slot = int(self._clock.now().timestamp()) // NONCE_SECONDS
        if self._nonces_told[0] != slot:
            found: list[str] = []
            for one in (slot, slot - 1):
                macs = await self._keys.macs(NONCE_KEY, b"dpop %d" % one)
                found += [encoded(mac.value[:NONCE_BYTES]) for mac in macs]
            self._nonces_told = slot, tuple(found)
        return self._nonces_told[1]
