"""The one screen after a start: where to look, how to call, how to stop."""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bezant.cli.installation import DEMO, Installation, Place, Running
from bezant.cli.screen import show_facts, show_json, show_line
from bezant.cli.status import facts_of

if TYPE_CHECKING:
    from bezant.cli.sample import Sample


def show_welcome(
    place: Place,
    installation: Installation,
    running: Running,
    sample: "Sample | None",
    paid: Mapping[str, str],
    desk: str,
    *,
    as_json: bool,
) -> None:
    """Show the one screen, or the same facts as JSON.

    `paid` tells of the first order, if any; `desk` is where the emulators are looked at.
    """
    if as_json:
        facts = {**facts_of(place, running, "ok"), "key_file": installation.key_file}
        if sample is not None:
            facts["sample"] = {
                "merchant": sample.merchant,
                "publishable_key": sample.publishable_key,
                "secret_key": sample.secret_key,
                "email": sample.email,
                "password": sample.password,
            }
        if desk:
            facts["sandbox"] = desk
        if paid:
            facts["first_order"] = dict(paid)
        show_json(facts)
        sys.stdout.flush()
        return
    show_facts(
        f"Bezant {running.version}",
        [
            ("Open", f"{running.url}/docs"),
            ("Health", f"{running.url}/health"),
            *([("Sandbox", f"{desk}/   what the emulated providers did")] if desk else []),
            *_paid_facts(paid),
            *_sample_facts(running, sample),
            ("", ""),
            ("Data", str(place.folder)),
            ("Key file", installation.key_file),
            ("Stop", "Ctrl-C"),
        ],
        tag="DEMO" if installation.mode == DEMO else "LIVE",
    )
    if installation.mode == DEMO:
        show_line(
            "    This is a demo: its money is none, and its keys stand on this screen.", style="dim"
        )
        show_line("    A live installation: bezant up --live --data DIR", style="dim")
    else:
        show_line(
            "    Invite the first administrator: bezant users invite --role admin", style="dim"
        )
    show_line()


def _paid_facts(paid: Mapping[str, str]) -> list[tuple[str, str]]:
    if not paid:
        return []
    return [
        ("", ""),
        ("Paid", f"{paid['amount']} by {paid['card']}, fee {paid['fee']}"),
        ("", f"{paid['order']}"),
        ("", f"{paid['payment']} ({paid['provider']})"),
    ]


def _sample_facts(running: Running, sample: "Sample | None") -> list[tuple[str, str]]:
    if sample is None:
        return []
    call = f"curl -H 'x-api-key: {sample.secret_key}' {running.url}/v1/accounts"
    return [
        ("", ""),
        ("Keys", f"{sample.secret_key}   for your server"),
        ("", f"{sample.publishable_key}   for pages"),
        ("Sign in", f"{sample.email}   {sample.password}"),
        ("Try", call),
    ]
