"""People over HTTP: JSON for our own pages and for programs, and pages that need no script."""

from bezant.http.routes import Routes
from bezant.identity.openid import OpenIdProvider
from bezant.identity.people.http.api import add_consents, add_factors, add_logins, add_sign_up
from bezant.identity.people.http.family import family_routes
from bezant.identity.people.http.forgotten import add_forgotten
from bezant.identity.people.http.pages import add_pages
from bezant.identity.person import People
from bezant.identity.port import Identity
from bezant.identity.provider.http.reading import Cookies
from bezant.identity.provider.issuer import Issuer


def routes(
    people: People, provider: OpenIdProvider, identity: Identity, issuer: Issuer
) -> list[Routes]:
    """Return every route of people: for everybody, and for the family that names its own."""
    made = Routes("identity", tag="People", guarded=True)
    cookies = Cookies.of(secure=issuer.secure)
    add_logins(made, people)
    add_factors(made, people)
    add_consents(made, people)
    add_sign_up(made, people)
    add_forgotten(made, people)
    add_pages(made, people, provider, identity, issuer, cookies)
    return [made, family_routes(people, provider)]
