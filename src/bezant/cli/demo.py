"""`bezant demo`: a running demo at work: an order is paid, money moves, the books are even."""

import json
from pathlib import Path
from typing import Annotated, cast

import typer

from bezant.cli.exits import Exit, Stop
from bezant.cli.story import Json, Shop, pay_an_order


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Facts as JSON.")] = False,
) -> None:
    """Take a card payment and move money through the running demo's API, and look at the books."""
    from secrets import token_hex

    from bezant.cli.beside import beside
    from bezant.cli.screen import show_facts, show_json
    from bezant.cli.status import running_or_stop

    here = beside(data)
    if here.live:
        raise Stop("This is a live installation.", "A demo runs in a folder of its own.")
    running = running_or_stop(here.place)
    shop = Shop(running.url, *_keys(here.place.sample))
    chance = token_hex(6)
    paid = pay_an_order(shop, chance, receipts=here.settings.platform.receipts != "none")
    told = _play(shop, chance)
    if as_json:
        show_json({**paid, **told})
        return
    show_facts("An order, paid by card", list(paid.items()), tag="DEMO")
    show_facts("A transfer between two people", list(told.items()), tag="DEMO")


def _play(shop: Shop, chance: str) -> dict[str, str]:
    """Move 2.50 EUR from Ada to Ben, twice under one key, and ask the book."""
    found = cast("list[Json]", shop.ask("GET", "/v1/accounts")["data"])
    accounts = {str(one["owner"]): str(one["id"]) for one in found}
    if not {"ada", "ben"} <= set(accounts):
        raise Stop("The sample accounts are gone.", "Start a demo in a new folder.", Exit.WRONG)
    before = _posted(shop, accounts["ada"])
    amount = {"amount": "2.50", "asset": "EUR"}
    body: Json = {
        "legs": [
            {"account": accounts["ada"], "side": "debit", "amount": amount},
            {"account": accounts["ben"], "side": "credit", "amount": amount},
        ],
        "reference": "demo",
    }
    key = f"demo-{chance}"
    first = shop.ask("POST", "/v1/transfers", body, key)
    again = shop.ask("POST", "/v1/transfers", body, key)
    trial = cast("list[Json]", shop.ask("GET", "/v1/reports/trial-balance")["assets"])
    return {
        "moved": "2.50 EUR from Ada to Ben",
        "transfer": str(first["id"]),
        "repeated": "the same transfer" if again["id"] == first["id"] else "another transfer",
        "before": before,
        "after": _posted(shop, accounts["ada"]),
        "books": ", ".join(_balanced(one) for one in trial),
    }


def _posted(shop: Shop, account: str) -> str:
    return str(cast("Json", shop.ask("GET", f"/v1/accounts/{account}/balance")["posted"])["amount"])


def _balanced(trial: Json) -> str:
    debit, credit = (cast("Json", trial[side])["amount"] for side in ("debits", "credits"))
    verdict = "equal" if debit == credit else "NOT EQUAL"
    return f"debits {debit}, credits {credit} {trial['asset']}: {verdict}"


def _keys(path: Path) -> tuple[str, str]:
    try:
        sample = cast("Json", json.loads(path.read_bytes()))
        return str(sample["secret_key"]), str(sample["publishable_key"])
    except (OSError, ValueError, KeyError):
        raise Stop(f"{path} cannot be read.", "Start a demo in a new folder.", Exit.WRONG) from None
