"""The provider over HTTP: endpoints for clients, pages for people."""

from bezant.http.routes import Routes
from bezant.identity.openid import OpenIdProvider
from bezant.identity.provider.http.endpoints import add_endpoints
from bezant.identity.provider.http.reading import Cookies
from bezant.identity.provider.http.turning import (
    add_console,
    add_device_pages,
    add_pages,
    add_sign_out,
)
from bezant.identity.provider.issuer import Issuer


def routes(provider: OpenIdProvider, issuer: Issuer) -> Routes:
    """Return every route of the provider."""
    made = Routes("identity", tag="Sign in", guarded=True)
    cookies = Cookies.of(secure=issuer.secure)
    add_endpoints(made, provider, issuer, cookies)
    add_pages(made, provider, cookies)
    add_device_pages(made, provider, cookies)
    add_sign_out(made, provider, cookies)
    add_console(made, provider, issuer, cookies)
    return made
