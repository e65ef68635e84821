"""Stripe's own client, pointed at the emulator."""

from collections.abc import Callable

import stripe
from tests.sandbox.stand import Town

from bezant.sandbox.stripe import EVERYBODY

SECRET = EVERYBODY.webhook_secret.reveal()
CARD = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2030, "cvc": "123"}
Pay = Callable[..., stripe.PaymentIntent]


def client_of(here: Town) -> stripe.StripeClient:
    key, url = EVERYBODY.secret.reveal(), here.urls["stripe"]
    return stripe.StripeClient(key, base_addresses={"api": url}, max_network_retries=0)


def payer(client: stripe.StripeClient) -> Pay:
    """Return a way to make and confirm a payment with one of Stripe's ready-made methods."""

    def paid(method: str = "pm_card_visa", key: str = "k1", **more: object) -> stripe.PaymentIntent:
        params = {
            "amount": 2000,
            "currency": "eur",
            "confirm": True,
            "payment_method": method,
            "payment_method_types": ["card"],
            "metadata": {"payment": f"pay_{key}"},
            **more,
        }
        return client.v1.payment_intents.create(params, {"idempotency_key": key})

    return paid


def bank(client: stripe.StripeClient, number: str, key: str = "k1", **more: object):
    account = {"account_number": number, "routing_number": "110000000"}
    return client.v1.payment_intents.create(
        {
            "amount": 5000,
            "currency": "usd",
            "confirm": True,
            "payment_method_types": ["us_bank_account"],
            "payment_method_data": {
                "type": "us_bank_account",
                "us_bank_account": {**account, "account_holder_type": "individual"},
                "billing_details": {"name": "Ada", "email": "ada@shop.example"},
            },
            "mandate_data": {"customer_acceptance": {"type": "offline"}},
            "payment_method_options": {"us_bank_account": {"verification_method": "skip"}},
            **more,
        },
        {"idempotency_key": key},
    )
