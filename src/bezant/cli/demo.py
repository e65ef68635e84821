"""`bezant demo`: a running demo shown at work: money moves, the book proves itself."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, cast

import typer

from bezant.cli.exits import Exit, Stop

ANSWER_SECONDS_MAX: Final = 30.0
Json = Mapping[str, object]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(demo)


def demo(
    data: Annotated[Path | None, typer.Option(help="Data folder.", show_default=".bezant")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Facts as JSON.")] = False,
) -> None:
    """Move money through the running demo's API and check what the book says."""
    from secrets import token_hex

    from bezant.cli.beside import beside
    from bezant.cli.screen import show_facts, show_json
    from bezant.cli.status import running_or_stop

    here = beside(data)
    if here.live:
        raise Stop("This is a live installation.", "A demo runs in a folder of its own.")
    running = running_or_stop(here.place)
    shop = Shop(running.url, _secret_key(here.place.sample))
    told = _play(shop, token_hex(6))
    if as_json:
        show_json(told)
        return
    show_facts(
        "A payment between two people",
        list(told.items()),
        tag="DEMO",
    )


class Shop:
    """The sample merchant's server: it calls the API with its secret key."""

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self._key = key

    def ask(self, method: str, path: str, body: Json | None = None, key: str = "") -> Json:
        """Call the API and return its answer, or end the command with what it said."""
        from urllib.error import HTTPError
        from urllib.request import Request, urlopen

        request = Request(  # noqa: S310 - our own http address
            self._url + path,
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"x-api-key": self._key, "content-type": "application/json"}
            | ({"idempotency-key": key} if key else {}),
        )
        try:
            with urlopen(request, timeout=ANSWER_SECONDS_MAX) as answer:  # noqa: S310
                return cast("Json", json.loads(answer.read()))
        except HTTPError as refused:
            said = cast("Json", json.loads(refused.read() or b"{}"))
            raise Stop(
                f"{method} {path} answered {refused.code}: {said.get('detail', '')}",
                "Look at bezant logs.",
                Exit.WRONG,
            ) from None


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


def _secret_key(path: Path) -> str:
    try:
        return str(cast("Json", json.loads(path.read_bytes()))["secret_key"])
    except (OSError, ValueError, KeyError):
        raise Stop(f"{path} cannot be read.", "Start a demo in a new folder.", Exit.WRONG) from None
