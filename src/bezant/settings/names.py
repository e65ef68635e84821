"""Every name the platform understands, once, with its type, default and sentence.

`.env.example` and `docs/reference/settings.md` are written from these fields.
"""

# ruff: noqa: RUF009 - `named` declares a field, as `dataclasses.field` does.

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

from bezant.money import Money
from bezant.secret import Secret
from bezant.settings.edge import Edge
from bezant.settings.providers import Providers
from bezant.settings.texts import (
    POSTGRES,
    REDIS,
    WEB,
    amounts,
    choice,
    hidden,
    items,
    named,
    path,
    perhaps,
    plain,
    whole,
    yes,
)

PORT_MAX: Final = 65_535


@dataclass(frozen=True, slots=True)
class Platform:
    """Where and how the platform runs."""

    host: str = named("BEZANT_HOST", "Address to listen on.", plain, "127.0.0.1")
    port: int = named("PORT", "Port to listen on.", whole(0, PORT_MAX), 8080)
    sandbox_port: int | None = named(
        "SANDBOX_PORT",
        "First port of the providers' emulators; ten above `PORT` if not set, 0 for none.",
        perhaps(whole(0, PORT_MAX - 5)),
        None,
    )
    metrics_port: int | None = named(
        "METRICS_PORT",
        "Port on 127.0.0.1 where a module in a process of its own answers /health and /metrics.",
        perhaps(whole(0, PORT_MAX)),
        None,
    )
    sandbox_apart: bool = named(
        "SANDBOX_APART",
        "The emulators run in a process of their own (`bezant serve sandbox`).",
        yes,
        False,
    )
    vault_port: int | None = named(
        "VAULT_PORT",
        "Port of the vault's own listener; nine above the main one if not set.",
        perhaps(whole(0, PORT_MAX)),
        None,
    )
    vault_url: str = named(
        "VAULT_URL",
        "Where payers' browsers reach the vault's own listener; through the gateway if not set.",
        plain,
        "",
    )
    data: Path | None = named(
        "BEZANT_DATA", "Data folder; `.bezant` of the working folder if not set.", path, None
    )
    key_file: Path | None = named(
        "BEZANT_KEY_FILE",
        "File of the 32-byte installation key; outside the data folder if not set.",
        path,
        None,
    )
    profile: str = named(
        "BEZANT_PROFILE",
        "Which ports and paths are open.",
        choice("default", "poc", "platform", "peopletrust", "merchant"),
        "default",
    )
    live: bool = named("BEZANT_LIVE", "Start without demo data and well-known secrets.", yes, False)
    node_environment: str = named("NODE_ENV", "`production` means the same as `--live`.", plain, "")
    api_url: str = named("API_URL", "Public address of the API, for links.", plain, "")
    audit_origin: str = named(
        "AUDIT_ORIGIN",
        "Name under which the transparency log signs, kept from its first start on.",
        plain,
        "",
    )
    audit_witnesses: tuple[str, ...] = named(
        "AUDIT_WITNESSES",
        "Witnesses of the transparency log by comma: address, space, name+id+key.",
        items,
        (),
    )
    receipts: str = named(
        "RECEIPTS",
        "What signs a receipt itself: compact, full (ML-DSA-87 too), or none to issue none.",
        choice("compact", "full", "none"),
        "compact",
    )
    peers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where modules in processes of their own listen for the others: `<MODULE>_GRPC`."""


@dataclass(frozen=True, slots=True)
class Logs:
    """What is written down about the work."""

    level: str = named(
        "LOG_LEVEL",
        "From which level on lines are written: error, warn, info, debug.",
        choice("error", "warn", "info", "debug", warning="warn"),
        "info",
    )
    format: str = named(
        "LOG_FORMAT", "Lines for people or as JSON.", choice("human", "json"), "human"
    )
    file: Path | None = named(
        "LOG_FILE",
        "A further file for all lines; errors also go to error.log beside it.",
        path,
        None,
    )
    sentry_dsn: Secret[str] | None = named(
        "SENTRY_DSN", "Where errors are reported.", WEB, None, secret=True, awaits="error reporting"
    )
    otlp_endpoint: Secret[str] | None = named(
        "OTEL_EXPORTER_OTLP_ENDPOINT", "Where traces are sent (OTLP over HTTP).", WEB, None
    )


@dataclass(frozen=True, slots=True)
class Database:
    """A database of one's own. Nothing set: the embedded PostgreSQL is started."""

    url: Secret[str] | None = named(
        "DATABASE_URL", "PostgreSQL 15 to 18; beats DB_*.", POSTGRES, None, secret=True
    )
    host: str = named("DB_HOST", "Host of the database.", plain, "")
    port: int = named("DB_PORT", "Its port.", whole(1, PORT_MAX), 5432)
    name: str = named("DB_NAME", "Name of the database.", plain, "PeopleTrustPay")
    user: str = named("DB_USER", "User that may create roles and schemas.", plain, "PeopleTrustPay")
    password: Secret[str] | None = named(
        "DB_PASSWORD", "That user's password.", hidden, None, secret=True
    )
    tls: str = named(
        "DB_SSLMODE",
        "How the connection is protected; another host needs verify-full or verify-ca.",
        choice("disable", "prefer", "require", "verify-ca", "verify-full"),
        "prefer",
    )
    tls_root: Path | None = named(
        "DB_SSLROOTCERT", "Certificates that may vouch for the database.", path, None
    )
    connections_max: int = named(
        "DB_CONNECTIONS_MAX", "Most connections a module keeps open.", whole(1, 500), 10
    )
    modules: Mapping[str, Secret[str]] = field(default_factory=dict[str, Secret[str]])
    """A database of its own for a module: `<MODULE>_DATABASE_URL`."""

    def address(self) -> Secret[str] | None:
        """Return the one URL to connect to, or nothing when the embedded server is meant."""
        if self.url is not None or not self.host:
            return self.url
        secret = f":{quote(self.password.reveal(), safe='')}" if self.password else ""
        root = f"&sslrootcert={quote(str(self.tls_root), safe='')}" if self.tls_root else ""
        host = quote(self.host, safe="") if self.host.startswith("/") else self.host
        host = f"[{host}]" if ":" in host else host
        return Secret(
            f"postgresql://{quote(self.user, safe='')}{secret}@{host}:{self.port}"
            f"/{quote(self.name, safe='')}?sslmode={self.tls}{root}"
        )


@dataclass(frozen=True, slots=True)
class Identity:
    """Who people are."""

    jwt_secret: Secret[str] | None = named(
        "JWT_SECRET",
        "Derives the key that wraps token-signing keys.",
        hidden,
        None,
        secret=True,
    )
    issuer_url: str = named(
        "ISSUER_URL",
        "Where people's browsers find the issuer; the main listener on localhost if not set.",
        plain,
        "",
    )
    access_seconds: int = named(
        "ACCESS_TOKEN_SECONDS", "How long an access token lives.", whole(60, 86_400), 3_600
    )
    refresh_seconds: int = named(
        "REFRESH_TOKEN_SECONDS",
        "How long somebody stays signed in to a client.",
        whole(300, 365 * 86_400),
        30 * 86_400,
    )
    identity_seconds: int = named(
        "ID_TOKEN_SECONDS", "How long an ID token lives.", whole(60, 86_400), 3_600
    )
    keycloak_admin: str = named(
        "KEYCLOAK_ADMIN",
        "Name of the issuer's administrator, who is made at the first start.",
        plain,
        "",
    )
    keycloak_admin_password: Secret[str] | None = named(
        "KEYCLOAK_ADMIN_PASSWORD",
        "That administrator's password.",
        hidden,
        None,
        secret=True,
    )


@dataclass(frozen=True, slots=True)
class Keys:
    """Where keys live."""

    softhsm_module: Path | None = named(
        "SOFTHSM_MODULE",
        "PKCS#11 library; without one, keys lie in encrypted files.",
        path,
        None,
        aliases=("PKCS11_MODULE",),
    )
    softhsm_user_pin: Secret[str] | None = named(
        "SOFTHSM_USER_PIN",
        "PIN of the token's user.",
        hidden,
        None,
        aliases=("PKCS11_USER_PIN",),
        secret=True,
    )
    softhsm_so_pin: Secret[str] | None = named(
        "SOFTHSM_SO_PIN",
        "PIN of the token's security officer; only to make a token.",
        hidden,
        None,
        secret=True,
    )
    pkcs11_token: str = named("PKCS11_TOKEN", "Label of the token.", plain, "payment-hsm")
    pkcs11_token_serial: str = named(
        "PKCS11_TOKEN_SERIAL", "Its serial number, where two tokens have one label.", plain, ""
    )
    pkcs11_certificate: str = named(
        "PKCS11_CERTIFICATE",
        "What to print as the module's certificate; nobody checks it.",
        plain,
        "",
    )


@dataclass(frozen=True, slots=True)
class Messages:
    """Brokers, caches and webhooks."""

    redis_url: Secret[str] | None = named(
        "REDIS_URL",
        "Where gateways share their limits; beats REDIS_HOST and the others.",
        REDIS,
        None,
        secret=True,
    )
    redis_host: str = named("REDIS_HOST", "Host of Redis.", plain, "")
    redis_port: int = named("REDIS_PORT", "Its port.", whole(1, PORT_MAX), 6379)
    redis_password: Secret[str] | None = named(
        "REDIS_PASSWORD", "Its password.", hidden, None, secret=True
    )
    kafka: tuple[str, ...] = named(
        "KAFKA_BOOTSTRAP_SERVERS",
        "host:port by comma; events are published there.",
        items,
        (),
        awaits="the Kafka bridge",
    )
    webhook_retry_max: int | None = named(
        "WEBHOOK_RETRY_MAX",
        "Retries of a delivery; not set: the schedule of days.",
        perhaps(whole(0, 100)),
        None,
    )
    webhook_timeout_milliseconds: int = named(
        "WEBHOOK_TIMEOUT",
        "How long a delivery waits, in milliseconds.",
        whole(100, 60_000),
        5_000,
    )
    webhook_signature_version: str = named(
        "WEBHOOK_SIGNATURE_VERSION",
        "`sha256` also sends X-Webhook-Signature.",
        choice("", "sha256"),
        "",
    )

    def redis(self) -> Secret[str] | None:
        """Return the one address of Redis, or nothing."""
        if self.redis_url is not None or not self.redis_host:
            return self.redis_url
        secret = f":{quote(self.redis_password.reveal(), safe='')}@" if self.redis_password else ""
        return Secret(f"redis://{secret}{self.redis_host}:{self.redis_port}/0")


@dataclass(frozen=True, slots=True)
class Orders:
    """What is paid, and what for."""

    window_seconds: int = named(
        "ORDER_WINDOW",
        "How long money may wait for the order it names, in seconds; then it is given back.",
        whole(60, 30 * 86_400),
        900,
    )
    required: bool = named(
        "ORDERS_REQUIRED",
        "Every payment needs an order, not only those that name one of ours (`ord_…`).",
        yes,
        False,
    )
    refund_approval_above: tuple[Money, ...] = named(
        "REFUND_APPROVAL_ABOVE",
        "Refunds above these amounts need a second person, such as `500 EUR, 80000 JPY`.",
        amounts,
        (),
    )


GROUPS: Final = (Platform, Logs, Database, Edge, Identity, Keys, Providers, Messages, Orders)
