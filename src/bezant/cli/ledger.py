"""`bezant ledger`: look into the book of a running platform, post to it, and prove it.

These commands enter the database by the ledger's own role, beside whatever runs.
"""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from bezant.cli import ledger_post, ledger_proof
from bezant.cli.exits import Exit
from bezant.cli.ledger_post import AsJson, Data, ModeOption

if TYPE_CHECKING:
    from datetime import datetime

    from bezant.ledger.port import Account, AssetTrial, Balance, StatementLine
    from bezant.money import Money

group = typer.Typer(help="The book: accounts, entries, and their proof.", no_args_is_help=True)


class AxisName(StrEnum):
    """Which of the two times of a transfer counts."""

    RECORDED = "recorded"
    OCCURRED = "occurred"


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group.command("post")(ledger_post.post)
    group.command("verify")(ledger_proof.verify)
    group.command("export")(ledger_proof.export)
    app.add_typer(group, name="ledger")


@group.command()
def accounts(
    asset: Annotated[str | None, typer.Option(help="Only this asset.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only of this owner.")] = None,
    merchant: Annotated[
        str | None, typer.Option(help="Only of this merchant.", show_default="everybody")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many.")] = 50,
    before: Annotated[str | None, typer.Option(help="Go on below this account.")] = None,
    mode: ModeOption = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List accounts with their balances, newest first."""
    from bezant.actor import PLATFORM
    from bezant.cli.ledger_book import Open, with_book
    from bezant.cli.screen import show_json, show_line
    from bezant.ledger.port import AccountsOf, BalanceOf

    async def ask(book: Open) -> "tuple[list[tuple[Account, Balance]], bool]":
        kept = book.mode(mode)
        query = AccountsOf(merchant or PLATFORM, kept, asset, owner, limit=limit, before=before)
        page = await book.ledger.accounts(query)
        return [
            (one, await book.ledger.balance(BalanceOf(PLATFORM, kept, one.id)))
            for one in page.accounts
        ], page.has_more

    found, has_more = with_book(data, ask)
    if as_json:
        show_json([_account_facts(account, balance) for account, balance in found])
        return
    columns = ("account", "of", "owner", "type", "state", ">balance", ">available")
    _show_table(columns, [_account_row(account, balance) for account, balance in found])
    if has_more:
        show_line(f"  more: --before {found[-1][0].id}", style="dim")


@group.command()
def balance(
    account: Annotated[str, typer.Argument(help="Which account.")],
    at: Annotated[str | None, typer.Option(help="As of an instant: 2026-03-01T12:00:00Z.")] = None,
    by: Annotated[AxisName, typer.Option(help="Which time counts.")] = AxisName.RECORDED,
    position: Annotated[str | None, typer.Option(help="Right after this transfer.")] = None,
    mode: ModeOption = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Tell what an account holds: now, at an instant, or right after a transfer."""
    from bezant.actor import PLATFORM
    from bezant.cli.ledger_book import instant, with_book
    from bezant.cli.screen import show_facts, show_json
    from bezant.ledger.port import Axis, BalanceOf

    when = instant(at)
    found = with_book(
        data,
        lambda book: book.ledger.balance(
            BalanceOf(PLATFORM, book.mode(mode), account, when, Axis(by.value), position)
        ),
    )
    facts = _balance_facts(found)
    if as_json:
        show_json(facts)
    else:
        show_facts(
            account, [(name, str(told)) for name, told in facts.items() if name != "account"]
        )


@group.command()
def entries(
    account: Annotated[str, typer.Argument(help="Which account.")],
    limit: Annotated[int, typer.Option(min=1, max=100, help="How many.")] = 50,
    before: Annotated[str | None, typer.Option(help="Go on below this transfer.")] = None,
    mode: ModeOption = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List an account's entries with the running balance, newest first."""
    from bezant.actor import PLATFORM
    from bezant.cli.ledger_book import with_book
    from bezant.cli.screen import show_json, show_line
    from bezant.ledger.port import StatementOf

    found = with_book(
        data,
        lambda book: book.ledger.statement(
            StatementOf(PLATFORM, book.mode(mode), account, limit, before)
        ),
    )
    if as_json:
        show_json([_line_facts(line) for line in found.lines])
        return
    columns = ("recorded", "transfer", "kind", "side", ">amount", ">balance", "reference")
    _show_table(columns, [_line_row(line) for line in found.lines])
    if found.has_more:
        show_line(f"  more: --before {found.lines[-1].transfer}", style="dim")


@group.command("trial-balance")
def trial_balance(
    at: Annotated[str | None, typer.Option(help="As of an instant: 2026-03-01T12:00:00Z.")] = None,
    mode: ModeOption = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Add up every asset; ends with 1 unless debits and credits are equal."""
    from bezant.actor import PLATFORM
    from bezant.cli.ledger_book import instant, with_book
    from bezant.cli.screen import show_json
    from bezant.ledger.port import TrialBalanceOf

    when = instant(at)
    found = with_book(
        data,
        lambda book: book.ledger.trial_balance(TrialBalanceOf(PLATFORM, book.mode(mode), when)),
    )
    if as_json:
        show_json([_trial_facts(one) for one in found])
    else:
        rows = [row for one in found for row in _trial_rows(one)]
        _show_table(("asset", "type", ">accounts", ">debits", ">credits", ">difference"), rows)
    if any(one.difference for one in found):
        raise typer.Exit(Exit.WRONG)


def _show_table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Write a table; a column named `>…` holds numbers and is set to the right."""
    from rich.table import Table
    from rich.text import Text

    from bezant.cli.screen import console

    table = Table(box=None, pad_edge=True, header_style="dim")
    for name in columns:
        side = "right" if name.startswith(">") else "left"
        table.add_column(name.lstrip(">"), justify=side, no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console().print(table)


def _account_row(account: "Account", balance: "Balance") -> tuple[str, ...]:
    return (
        account.id, account.chart or account.tenant[-6:], account.owner, account.type,
        account.state, str(balance.posted), balance.available.decimal(),
    )  # fmt: skip


def _account_facts(account: "Account", balance: "Balance") -> dict[str, object]:
    return {
        **_balance_facts(balance),
        "tenant": account.tenant,
        "asset": account.asset,
        "type": account.type,
        "owner": account.owner,
        "state": account.state,
        "chart": account.chart,
        "group": account.group,
        "opened_at": _told(account.opened_at),
    }


def _balance_facts(balance: "Balance") -> dict[str, object]:
    return {
        "account": balance.account,
        "posted": str(balance.posted),
        "held": str(balance.held),
        "available": str(balance.available),
        "floor": _or_none(balance.floor),
        "position": balance.position,
    }


def _line_row(line: "StatementLine") -> tuple[str, ...]:
    return (
        f"{line.recorded_at:%Y-%m-%d %H:%M:%S}", line.transfer, line.kind, line.side,
        line.amount.decimal(), str(line.balance), line.reference,
    )  # fmt: skip


def _line_facts(line: "StatementLine") -> dict[str, object]:
    return {
        "transfer": line.transfer,
        "kind": line.kind,
        "side": line.side,
        "amount": str(line.amount),
        "balance": str(line.balance),
        "held": str(line.held),
        "recorded_at": _told(line.recorded_at),
        "occurred_at": _told(line.occurred_at),
        "reference": line.reference,
        "reason": line.reason,
    }


def _trial_rows(trial: "AssetTrial") -> list[tuple[str, ...]]:
    rows = [
        (trial.asset, one.type, str(one.accounts), one.debits.decimal(), one.credits.decimal(), "")
        for one in trial.types
    ]
    verdict = "equal" if not trial.difference else trial.difference.decimal()
    total = (trial.debits.decimal(), trial.credits.decimal(), verdict)
    return [*rows, (trial.asset, "all", "", *total)]


def _trial_facts(trial: "AssetTrial") -> dict[str, object]:
    return {
        "asset": trial.asset,
        "debits": str(trial.debits),
        "credits": str(trial.credits),
        "difference": str(trial.difference),
        "equal": not trial.difference,
        "types": [
            {
                "type": one.type,
                "accounts": one.accounts,
                "debits": str(one.debits),
                "credits": str(one.credits),
            }
            for one in trial.types
        ],
    }


def _told(at: "datetime") -> str:
    return at.isoformat()


def _or_none(money: "Money | None") -> str | None:
    return None if money is None else str(money)
