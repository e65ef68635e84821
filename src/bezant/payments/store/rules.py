"""The rules of routing, fees and limits as they are stored."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from bezant.actor import Mode
from bezant.db.database import Database, Tx
from bezant.exchange import MethodKind
from bezant.payments.codes import METHOD_NUMBERS, METHODS
from bezant.payments.rule import FeeRule, LimitRule, RoutingRule, Terms
from bezant.payments.rules import tenant_id


@dataclass(frozen=True, slots=True)
class _RoutingRow:
    place: int
    provider: str
    weight: int
    tenant: UUID | None
    asset: str | None
    method: int | None
    country: str | None
    amount_min: Decimal | None
    amount_max: Decimal | None


@dataclass(frozen=True, slots=True)
class _FeeRow:
    percent: Decimal
    fixed: Decimal
    least: Decimal | None
    most: Decimal | None
    tenant: UUID | None
    asset: str | None
    method: int | None
    priority: str


@dataclass(frozen=True, slots=True)
class _LimitRow:
    tenant: UUID | None
    live: bool | None
    asset: str
    method: int | None
    per_payment: Decimal | None
    per_day: Decimal | None
    per_month: Decimal | None


async def terms(database: Database | Tx) -> Terms:
    """Return every rule."""
    return Terms(
        tuple(await routing(database)), tuple(await fees(database)), tuple(await limits(database))
    )


async def routing(database: Database | Tx) -> list[RoutingRule]:
    """Return every routing rule, by place."""
    rows = await database.fetch_all(
        _RoutingRow,
        """
        SELECT place, provider, weight, tenant, asset, method, country, amount_min, amount_max
        FROM payments.routing_rule
        ORDER BY number
        """,
    )
    return [
        RoutingRule(
            row.place,
            row.provider,
            row.weight,
            f"mer_{row.tenant.hex}" if row.tenant else "",
            row.asset or "",
            METHODS[row.method] if row.method else None,
            row.country or "",
            _whole(row.amount_min),
            _whole(row.amount_max),
        )
        for row in rows
    ]


async def fees(database: Database | Tx) -> list[FeeRule]:
    """Return every fee rule."""
    rows = await database.fetch_all(
        _FeeRow,
        """
        SELECT percent, fixed, least, most, tenant, asset, method, priority
        FROM payments.fee_rule
        ORDER BY number
        """,
    )
    return [
        FeeRule(
            row.percent,
            int(row.fixed),
            _whole(row.least),
            _whole(row.most),
            f"mer_{row.tenant.hex}" if row.tenant else "",
            row.asset or "",
            METHODS[row.method] if row.method else None,
            row.priority,
        )
        for row in rows
    ]


async def limits(database: Database | Tx) -> list[LimitRule]:
    """Return every limit."""
    rows = await database.fetch_all(
        _LimitRow,
        """
        SELECT tenant, live, asset, method, per_payment, per_day, per_month
        FROM payments.limit_rule
        ORDER BY number
        """,
    )
    return [
        LimitRule(
            row.asset,
            _whole(row.per_payment),
            _whole(row.per_day),
            _whole(row.per_month),
            f"mer_{row.tenant.hex}" if row.tenant else "",
            None if row.live is None else Mode.LIVE if row.live else Mode.TEST,
            METHODS[row.method] if row.method else None,
        )
        for row in rows
    ]


def _whole(value: Decimal | None) -> int | None:
    return None if value is None else int(value)


async def replace(tx: Tx, terms: Terms) -> None:
    """Replace every rule by these."""
    await tx.execute("DELETE FROM payments.routing_rule")
    await tx.execute("DELETE FROM payments.fee_rule")
    await tx.execute("DELETE FROM payments.limit_rule")
    if terms.routing:
        await tx.execute_many(
            """
            INSERT INTO payments.routing_rule (
                number, place, provider, weight, tenant, asset, method, country, amount_min,
                amount_max
            )
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [
                (
                    number,
                    one.place,
                    one.provider,
                    one.weight,
                    _tenant(one.tenant),
                    one.asset or None,
                    _method(one.method),
                    one.country or None,
                    one.amount_min,
                    one.amount_max,
                )
                for number, one in enumerate(terms.routing)
            ],
        )
    if terms.fees:
        await tx.execute_many(
            """
            INSERT INTO payments.fee_rule (
                number, percent, fixed, least, most, tenant, asset, method, priority
            )
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [
                (
                    number, one.percent, one.fixed, one.least, one.most, _tenant(one.tenant),
                    one.asset or None, _method(one.method), one.priority,
                )
                for number, one in enumerate(terms.fees)
            ],
        )  # fmt: skip
    if terms.limits:
        await tx.execute_many(
            """
            INSERT INTO payments.limit_rule (
                number, tenant, live, asset, method, per_payment, per_day, per_month
            )
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
            """,
            [
                (
                    number, _tenant(one.tenant),
                    None if one.mode is None else one.mode is Mode.LIVE,
                    one.asset, _method(one.method), one.per_payment, one.per_day, one.per_month,
                )
                for number, one in enumerate(terms.limits)
            ],
        )  # fmt: skip


def _tenant(tenant: str) -> UUID | None:
    return tenant_id(tenant) if tenant else None


def _method(method: MethodKind | None) -> int | None:
    return None if method is None else METHOD_NUMBERS[method]
