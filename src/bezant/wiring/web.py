"""The pages: where they are found, and whom they ask."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from bezant.gateway.findings import Examine
from bezant.gateway.profile import load_profile
from bezant.http.routes import Routes
from bezant.identity.port import Identity
from bezant.orders.port import Orders
from bezant.payments.port import Payments
from bezant.receipts.port import Receipts
from bezant.settings import Settings
from bezant.vault.port import Vault
from bezant.web.http import Known
from bezant.web.http import routes as web_routes
from bezant.wiring.sandbox import sandbox_page
from bezant.wiring.system import system_page
from bezant.wiring.workbench import Workbench

MODULE: Final = "web"
FRONTEND: Final = "frontend"
"""The listener on which a family has its pages, beside its API."""


def pages_url(settings: Settings) -> str:
    """Return what addresses of pages begin with; nothing is the address that was asked."""
    own = load_profile(settings.platform.profile).listener(FRONTEND)
    if own is not None and not own.planned:
        return f"http://localhost:{own.port}"
    return settings.platform.api_url


def page_origins(settings: Settings) -> tuple[str, ...]:
    """Return where payers' pages may have come from, for whoever else they may call."""
    platform, edge = settings.platform, settings.edge
    told = urlsplit(pages_url(settings))
    if told.netloc:
        return (f"{told.scheme}://{told.netloc}",)
    names = sorted({"localhost", platform.host})
    plain = [f"http://{name}:{platform.port}" for name in names]
    return (*plain, *(f"https://{name}:{edge.tls_port}" for name in names if edge.tls_certificate))


async def page_routes(
    bench: Workbench,
    orders: Orders,
    payments: Payments,
    receipts: Receipts,
    vault: Vault,
    identity: Identity,
    examine: Examine,
) -> Sequence[Routes]:
    """Return the pages, and what they ask beyond the modules."""
    vault_url = bench.settings.platform.vault_url
    known = Known(orders, payments, receipts, vault, identity, bench.clock, vault_url)
    return web_routes(known), await sandbox_page(bench), system_page(bench, examine)
