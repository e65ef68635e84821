"""The authenticator inside a device, as Chromium plays it for one page."""

from typing import Any

from playwright.sync_api import CDPSession, Page


class Telephone:
    """A device that verifies whoever holds it, and keeps their passkeys."""

    def __init__(self, page: Page) -> None:
        self.session: CDPSession = page.context.new_cdp_session(page)
        self.session.send("WebAuthn.enable")
        options = {
            "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
            "hasUserVerification": True, "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }  # fmt: skip
        made = self.session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self.name = made["authenticatorId"]

    def verifies(self, verified: bool) -> None:
        self._send("setUserVerified", isUserVerified=verified)

    def passkeys(self) -> list[dict[str, Any]]:
        return self._send("getCredentials")["credentials"]

    def set_back(self, count: int) -> None:
        """Become a copy that was made when the counter stood so."""
        (one,) = self.passkeys()
        self._send("removeCredential", credentialId=one["credentialId"])
        self._send("addCredential", credential={**one, "signCount": count})

    def holds_only(self, passkey: dict[str, Any]) -> None:
        """Become the device of whoever has this passkey."""
        for one in self.passkeys():
            self._send("removeCredential", credentialId=one["credentialId"])
        self._send("addCredential", credential=passkey)

    def _send(self, what: str, **more: Any) -> dict[str, Any]:
        return self.session.send(f"WebAuthn.{what}", {"authenticatorId": self.name, **more})
