"""How people get in: passkeys, signing up, and the letters about it."""

# ruff: noqa: RUF009 - `named` declares a field, as `dataclasses.field` does.

from dataclasses import dataclass

from bezant.secret import Secret
from bezant.settings.texts import items, named, plain, url

MAIL_SERVER = url("smtp", "smtps")


@dataclass(frozen=True, slots=True)
class People:
    """How people get in."""

    relying_party: str = named(
        "RP_ID", "Domain of passkeys; the issuer's host if not set.", plain, ""
    )
    expected_origins: tuple[str, ...] = named(
        "EXPECTED_ORIGIN",
        "Origins of the pages that ask for passkeys, by comma; our own if not set.",
        items,
        (),
    )
    sign_up_merchant: str = named(
        "SIGN_UP_MERCHANT",
        "Whose customers people become who sign up; in a demo the sample merchant's.",
        plain,
        "",
    )
    mail_server: Secret[str] | None = named(
        "SMTP_URL",
        "Mail server for letters to people: smtp://name:password@host:587 or smtps://…",
        MAIL_SERVER,
        None,
        secret=True,
    )
    mail_sender: str = named("MAIL_FROM", "Whose letters they are: an address.", plain, "")
