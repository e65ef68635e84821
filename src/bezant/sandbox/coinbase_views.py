"""Coinbase's objects as its APIs show them."""

from typing import Final

from bezant.money import format_minor
from bezant.sandbox.book import Page
from bezant.sandbox.coinbase_objects import (
    Charge,
    Checkout,
    CheckoutRefund,
    RefundStatus,
    Sending,
    Step,
    Subscription,
)
from bezant.sandbox.coinbase_values import (
    CENTS,
    NETWORKS,
    PRICES,
    USDC,
    Coins,
    in_coin,
    instant,
    worth,
)

View = dict[str, object]

BASE_NOTE: Final = "base_url"
"""Under this name the book remembers where payers reach us: links in webhooks need it."""
BASE_ELSE: Final = "https://payments.coinbase.com"
TOKEN_ADDRESS: Final = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"  # noqa: S105 - a public contract
CONFIRMATIONS: Final = 8
_COMMERCE_NAMES: Final = {"USDC": "usdc", "ETH": "ethereum", "BTC": "bitcoin"}


def base(page: Page) -> str:
    """Return where payers reach us."""
    return page.note(BASE_NOTE) or BASE_ELSE


def checkout(page: Page, one: Checkout) -> View:
    """Show a checkout or a payment link."""
    shown: View = {
        "id": one.id,
        "url": f"{base(page)}/payment-links/{one.slug}",
        "amount": one.amount.cents(),
        "currency": USDC,
        "network": "base",
        "address": one.address,
        "tokenAddress": TOKEN_ADDRESS,
        "status": one.status,
        "createdAt": instant(one.created_at),
        "updatedAt": instant(one.updated_at),
        "expiresAt": instant(one.expires_at),
    }
    texts = {
        "description": one.description,
        "successRedirectUrl": one.success_url,
        "failRedirectUrl": one.fail_url,
        "transactionHash": one.transaction,
        "fiatAmount": one.fiat_amount,
        "fiatCurrency": one.fiat_currency,
    }
    shown |= {name: text for name, text in texts.items() if text}
    if one.metadata:
        shown["metadata"] = one.metadata
    if one.fee:
        shown["settlement"] = {
            "totalAmount": one.amount.cents(),
            "feeAmount": Coins(USDC, one.fee).cents(),
            "netAmount": Coins(USDC, one.amount.minor - one.fee).cents(),
            "currency": USDC,
        }
    if one.refunds:
        shown["refundedAmount"] = Coins(USDC, one.refunded).cents()
        shown["refunds"] = [refund(one, each) for each in one.refunds]
    return shown


def refund(one: Checkout, made: CheckoutRefund) -> View:
    """Show a refund of a checkout."""
    shown: View = {
        "id": made.id,
        "checkoutId": one.id,
        "amount": made.amount.cents(),
        "currency": USDC,
        "status": made.status,
    }
    if made.reason:
        shown["reason"] = made.reason
    if one.fiat_currency:
        shown |= {
            "fiatAmount": format_minor(made.fiat_cents, CENTS)
            if made.fiat_cents
            else worth(made.amount, one.fiat_currency),
            "fiatCurrency": one.fiat_currency,
        }
    if made.status is RefundStatus.COMPLETED and made.completed_at is not None:
        shown |= {
            "transactionHash": made.transaction,
            "completedAt": instant(made.completed_at),
        }
    return shown


def subscription(one: Subscription) -> View:
    """Show where events go."""
    return {
        "subscriptionId": one.id,
        "createdAt": instant(one.created_at),
        "description": one.description,
        "eventTypes": list(one.events),
        "isEnabled": True,
        "labels": {},
        "metadata": {"secret": one.secret},
        "secret": one.secret,
        "target": {"url": one.url, "method": "POST"},
    }


def charge(page: Page, one: Charge) -> View:
    """Show a charge of Commerce."""
    shown: View = {
        "id": one.id,
        "resource": "charge",
        "code": one.code,
        "name": one.name,
        "description": one.description,
        "hosted_url": f"{base(page)}/pay/{one.code}",
        "created_at": instant(one.created_at),
        "expires_at": instant(one.expires_at),
        "timeline": [_step(each) for each in one.timeline],
        "metadata": one.metadata,
        "pricing_type": "fixed_price" if one.currency else "no_price",
        "addresses": one.addresses,
        "exchange_rates": {f"{asset}-USD": str(price) for asset, price in PRICES.items()},
        "payments": [_sending(one, each) for each in one.sendings],
    }
    confirmed = [each.detected_at for each in one.sendings if each.confirmed]
    if confirmed:
        shown["confirmed_at"] = instant(confirmed[-1])
    if one.currency:
        local = {"amount": format_minor(one.cents, CENTS), "currency": one.currency}
        shown["pricing"] = {"local": local} | {
            name: _money(in_coin(asset, one.currency, one.cents))
            for asset, name in _COMMERCE_NAMES.items()
        }
    for name, url in (("redirect_url", one.redirect_url), ("cancel_url", one.cancel_url)):
        if url:
            shown[name] = url
    return shown


def _step(step: Step) -> dict[str, str]:
    shown: dict[str, str] = {"time": instant(step.at), "status": step.status}
    return shown | {"context": step.context} if step.context else shown


def _sending(one: Charge, sending: Sending) -> View:
    value: View = {"crypto": _money(sending.coins)}
    if one.currency:
        value["local"] = {
            "amount": worth(sending.coins, one.currency),
            "currency": one.currency,
        }
    return {
        "network": NETWORKS[sending.coins.asset],
        "transaction_id": sending.transaction,
        "status": "CONFIRMED" if sending.confirmed else "PENDING",
        "detected_at": instant(sending.detected_at),
        "value": value,
        "block": {
            "height": sending.height,
            "hash": sending.transaction[::-1],
            "confirmations_accumulated": CONFIRMATIONS if sending.confirmed else 0,
            "confirmations_required": CONFIRMATIONS,
        },
    }


def _money(coins: Coins) -> dict[str, str]:
    return {"amount": coins.written(), "currency": coins.asset}
