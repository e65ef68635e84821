"""All that lies in identity's tables, as text."""

from dataclasses import dataclass
from typing import Any, cast

from tests.identity.people.conftest import Hall

TABLES = (
    "member", "password", "session", "sign_up", "passkey", "totp", "recovery_code", "ceremony",
    "half_login", "forgotten", "mail",
    "interaction", "delegation", "refresh_token", "authorization_code",
)  # fmt: skip


@dataclass
class Line:
    told: str


async def everything_in(hall: Hall) -> str:
    """Return every row; bytes are told in hex, as PostgreSQL tells them."""
    database: Any = cast("Any", hall.service)._database
    lines: list[str] = []
    for table in TABLES:
        query = f"SELECT one::text AS told FROM identity.{table} AS one"
        async with database.transaction() as tx:
            lines += [row.told for row in await tx.fetch_all(Line, query)]
    return "\n".join(lines)
