"""The OpenID provider: where it is found, and who looks after it from the start."""

from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from bezant.gateway.profile import load_profile
from bezant.identity.openid import ClientMethod
from bezant.identity.provider.issuer import Issuer, well_formed
from bezant.identity.provider.realm_file import RealmFile, read_realm, sample_realm
from bezant.identity.service import IdentityService
from bezant.settings import Settings

ISSUER_UNIT: Final = "keycloak"
"""The listener that a family calls so is where its issuer is found."""

__all__ = ["ISSUER_UNIT", "RealmFile", "issuer_of", "read_realm", "sample_realm", "start_issuer"]


def issuer_of(settings: Settings) -> Issuer:
    """Return the issuer of this installation."""
    platform, identity = settings.platform, settings.identity
    profile = load_profile(platform.profile)
    own = profile.listener(ISSUER_UNIT)
    port = own.port if own is not None and not own.planned else platform.port
    base = well_formed(identity.issuer_url or f"http://localhost:{port}")
    ports = {platform.port, *(one.port for one in profile.listeners if not one.planned)}
    own_names = {f"http://{name}:{one}" for name in ("localhost", "127.0.0.1") for one in ports}
    named = {_origin(one) for one in (base, platform.api_url) if one}
    return Issuer(
        base,
        access=timedelta(seconds=identity.access_seconds),
        refresh=timedelta(seconds=identity.refresh_seconds),
        identity=timedelta(seconds=identity.identity_seconds),
        origins=frozenset(own_names | named),
        certificates=_certificates(settings),
    )


def _certificates(settings: Settings) -> frozenset[ClientMethod]:
    """Return how clients can prove themselves by a certificate here. A listener of ours believes
    our own authority alone; a proxy may take certificates that nobody vouches for.
    """
    if settings.edge.trusted_proxies:
        return frozenset({ClientMethod.TLS, ClientMethod.SELF_SIGNED_TLS})
    asked = settings.edge.tls_certificate and settings.edge.tls_client_certificates
    return frozenset({ClientMethod.TLS}) if asked else frozenset()


async def start_issuer(service: IdentityService, settings: Settings) -> None:
    """Make what the provider needs, and its administrator where one is named."""
    await service.start_provider()
    name, password = settings.identity.keycloak_admin, settings.identity.keycloak_admin_password
    if name and password is not None:
        await service.first_administrator(name, password)


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
