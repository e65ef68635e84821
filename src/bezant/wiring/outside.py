"""Which issuers of others are trusted: those of the operator's file, and a WSO2 Identity Server."""

from typing import Final
from urllib.parse import urlsplit

from bezant.actor import Mode
from bezant.identity import rules
from bezant.identity.member import Role
from bezant.identity.outside.file import read_trusted, refuse_alike
from bezant.identity.outside.trusted import SAMPLE, MalformedTrust, Trusted, well_formed
from bezant.identity.service import IdentityService
from bezant.ids import MalformedId
from bezant.secret import Secret
from bezant.settings import Outside
from bezant.wiring.issuer import issuer_of
from bezant.wiring.workbench import Workbench

WSO2: Final = "wso2"
WSO2_PATH: Final = "/oauth2/token"
"""A WSO2 Identity Server calls itself by the path of its token endpoint."""


def trust_issuers(bench: Workbench, service: IdentityService) -> None:
    """Let identity trust the issuers that the settings name."""
    found = trusted_of(
        bench.settings.outside, live=bench.site.live, audience=issuer_of(bench.settings).audience
    )
    if found:
        service.trust(found)
        bench.stack.push_async_callback(service.leave_issuers)


def trusted_of(settings: Outside, *, live: bool, audience: str) -> tuple[Trusted, ...]:
    """Return every issuer that the settings name."""
    found: tuple[Trusted, ...] = ()
    if settings.issuers is not None:
        try:
            content = settings.issuers.read_bytes()
        except OSError:
            raise MalformedTrust("OUTSIDE_ISSUERS names a file that cannot be read") from None
        found = read_trusted(content, live=live, read_secret=lambda path: path.read_text("utf-8"))
    if settings.wso2_url is None:
        return found
    if live and not settings.wso2_merchant:
        raise MalformedTrust("WSO2_IS_MERCHANT is missing: say whose people these are")
    return refuse_alike((*found, _wso2(settings, settings.wso2_url, live, audience)))


def _wso2(settings: Outside, url: Secret[str], live: bool, audience: str) -> Trusted:
    address = url.reveal().rstrip("/")
    tenant = SAMPLE
    if settings.wso2_merchant:
        try:
            tenant = rules.tenant_text(rules.tenant_id(settings.wso2_merchant))
        except MalformedId:
            raise MalformedTrust("WSO2_IS_MERCHANT is mer_… or platform") from None
    return well_formed(
        Trusted(
            name=WSO2,
            # Whoever gives a path means an issuer that is called by it, such as Keycloak's.
            issuer=address if urlsplit(address).path else address + WSO2_PATH,
            title="WSO2 Identity Server",
            tenant=tenant,
            mode=Mode.LIVE if live else Mode.TEST,
            audience=settings.wso2_audience or audience,
            roles={role.value: role for role in Role},
            client_id=settings.wso2_client_id,
            client_secret=settings.wso2_client_secret or Secret(""),
        ),
        live=live,
    )
