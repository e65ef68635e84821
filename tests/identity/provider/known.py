"""A client of every kind, and two customers."""

import hashlib
import json

from tests.identity.provider.signer import Signer, bare
from tests.identity.provider.words import CALLBACK, PARTNER_CALLBACK, PASSWORD, encoded

from bezant.actor import Mode
from bezant.identity.member import Role
from bezant.identity.openid import ClientMethod, NewClient, NewPerson
from bezant.secret import Secret


def clients(partner: Signer, robot: Signer, proxied: bytes, *more: str) -> tuple[NewClient, ...]:
    """Return a client of every kind."""
    mine = encoded(hashlib.sha256(proxied).digest())
    return (
        NewClient(
            "payment-frontend", "Payment Frontend",
            redirect_uris=("http://localhost:3000/*",), logout_uris=("http://localhost:3000/*",),
            default_scopes=(
                "openid", "profile", "email", "roles", "session.read",
                "checkout.read", "checkout.write", "tokens.write",
            ),
            scopes=("offline_access",), asks_consent=False,
        ),
        NewClient(
            "partner", "Partner Shop", ClientMethod.PRIVATE_KEY_JWT,
            redirect_uris=(PARTNER_CALLBACK, "https://partner.example/cb?shop=1", *more),
            logout_uris=("https://partner.example/bye",),
            scopes=("profile", "email", "checkout.read", "session.read"),
            jwks=json.dumps({"keys": [{**bare(partner.public), "kid": "p1"}]}),
        ),
        NewClient(
            "robot", "Robot", ClientMethod.PRIVATE_KEY_JWT, grant_types=("client_credentials",),
            scopes=("payments.read", "orders.read"), default_scopes=("ledger.read",),
            jwks=json.dumps({"keys": [bare(robot.public)]}), role=Role.DEVELOPER, mode=Mode.TEST,
        ),
        NewClient(
            "proxied", "Proxied", ClientMethod.SELF_SIGNED_TLS,
            grant_types=("client_credentials",), default_scopes=("ledger.read", "payments.read"),
            certificates=(mine,), role=Role.DEVELOPER, mode=Mode.TEST, binds_tokens=True,
        ),
        NewClient(
            "named", "Named", ClientMethod.TLS, grant_types=("client_credentials",),
            default_scopes=("ledger.read",), certificates=("robot.partner.example",),
            role=Role.DEVELOPER, mode=Mode.TEST,
        ),
        NewClient(
            "bound", "Bound App", redirect_uris=(CALLBACK,), asks_consent=False,
            default_scopes=("openid", "session.read"), binds_tokens=True,
        ),
        NewClient(
            "pusher", "Pushes First", redirect_uris=(CALLBACK,), asks_consent=False, must_push=True,
        ),
        NewClient(
            "television", "Television", default_scopes=("openid", "session.read"),
            grant_types=("urn:ietf:params:oauth:grant-type:device_code", "refresh_token"),
        ),
    )  # fmt: skip


PEOPLE = (
    NewPerson("customer1", "customer1@example.com", "Sample Customer", Secret(PASSWORD)),
    NewPerson("customer2", "customer2@example.com", "Other Customer", Secret("OtherSecret1!")),
)
