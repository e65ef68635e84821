"""The names that belong to companies that move money: their keys, secrets and addresses."""

# ruff: noqa: RUF009 - `named` declares a field, as `dataclasses.field` does.

from dataclasses import dataclass

from bezant.secret import Secret
from bezant.settings.texts import WEB, choice, hidden, named, plain


@dataclass(frozen=True, slots=True)
class Providers:
    """Companies that move money. In a demo, who is not named here is emulated."""

    stripe_secret_key: Secret[str] | None = named(
        "STRIPE_SECRET_KEY", "A live key works with --live only.", hidden, None, secret=True
    )
    stripe_webhook_secret: Secret[str] | None = named(
        "STRIPE_WEBHOOK_SECRET",
        "Signs Stripe's events; two by comma while one is replaced.",
        hidden,
        None,
        secret=True,
    )
    paypal_client_id: str = named("PAYPAL_CLIENT_ID", "Name of a PayPal app.", plain, "")
    paypal_client_secret: Secret[str] | None = named(
        "PAYPAL_CLIENT_SECRET", "Its secret.", hidden, None, secret=True
    )
    paypal_webhook_id: str = named(
        "PAYPAL_WEBHOOK_ID", "Id of its webhook; without it events are refused.", plain, ""
    )
    coinbase_api_key: str = named("COINBASE_API_KEY", "Name or id of a CDP API key.", plain, "")
    coinbase_api_secret: Secret[str] | None = named(
        "COINBASE_API_SECRET",
        "Its private half: EC as PEM, or Ed25519 in base64.",
        hidden,
        None,
        secret=True,
    )
    coinbase_api: str = named(
        "COINBASE_API",
        "Which of Coinbase's APIs is spoken; payment-links is the older one.",
        choice("checkouts", "payment-links"),
        "checkouts",
    )
    coinbase_webhook_secret: Secret[str] | None = named(
        "COINBASE_WEBHOOK_SECRET", "Signs Coinbase's events.", hidden, None, secret=True
    )
    commerce_api_key: Secret[str] | None = named(
        "COINBASE_COMMERCE_API_KEY",
        "Key of a Coinbase Commerce account; works with --live only.",
        hidden,
        None,
        secret=True,
    )
    commerce_webhook_secret: Secret[str] | None = named(
        "COINBASE_COMMERCE_WEBHOOK_SECRET", "Signs Commerce's events.", hidden, None, secret=True
    )
    bank_url: Secret[str] | None = named(
        "BANK_API_URL", "Where the bank takes orders and gives statements.", WEB, None
    )
    bank_token: Secret[str] | None = named(
        "BANK_API_TOKEN", "Bearer token for it.", hidden, None, secret=True
    )
    bank_webhook_secret: Secret[str] | None = named(
        "BANK_WEBHOOK_SECRET", "Signs the bank's notifications.", hidden, None, secret=True
    )
    bank_iban: str = named("BANK_IBAN", "The account that payers send money to.", plain, "")
    bank_bic: str = named("BANK_BIC", "Its bank.", plain, "")
    bank_owner: str = named("BANK_OWNER", "Its owner, as payers are shown it.", plain, "")
    plaid_client_id: str = named(
        "PLAID_CLIENT_ID", "Turns on bank-account linking.", plain, "", awaits="bank linking"
    )
    ethereum_rpc_url: Secret[str] | None = named(
        "ETHEREUM_RPC_URL",
        "Turns on the Ethereum watcher and anchor.",
        WEB,
        None,
        secret=True,
        awaits="Ethereum",
    )
