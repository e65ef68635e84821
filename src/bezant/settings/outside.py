"""Issuers of others that are trusted, and who we are there."""

# ruff: noqa: RUF009 - `named` declares a field, as `dataclasses.field` does.

from dataclasses import dataclass
from pathlib import Path

from bezant.secret import Secret
from bezant.settings.texts import WEB, hidden, named, path, plain


@dataclass(frozen=True, slots=True)
class Outside:
    """Whose word about people counts here beside our own."""

    issuers: Path | None = named(
        "OUTSIDE_ISSUERS",
        "File of issuers to trust: their tokens at our edge, and signing in there.",
        path,
        None,
    )
    wso2_url: Secret[str] | None = named(
        "WSO2_IS_URL", "A WSO2 Identity Server to trust, by OIDC discovery.", WEB, None
    )
    wso2_merchant: str = named(
        "WSO2_IS_MERCHANT",
        "Whose people it vouches for: `mer_…` or `platform`; in a demo the sample merchant.",
        plain,
        "",
    )
    wso2_audience: str = named(
        "WSO2_IS_AUDIENCE",
        "For whom its access tokens must be; our own issuer's address if not set.",
        plain,
        "",
    )
    wso2_client_id: str = named(
        "WSO2_IS_CLIENT_ID", "Who we are there; without it nobody signs in through it.", plain, ""
    )
    wso2_client_secret: Secret[str] | None = named(
        "WSO2_IS_CLIENT_SECRET", "That client's secret.", hidden, None, secret=True
    )
