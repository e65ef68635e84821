"""The one screen after a start: where to look, how to call, how to stop."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bezant.cli.installation import DEMO, Installation, Place, Running
from bezant.cli.screen import show_facts, show_json, show_line
from bezant.cli.status import facts_of

if TYPE_CHECKING:
    from bezant.cli.sample import Sample


@dataclass(frozen=True, slots=True)
class Demo:
    """What a demo shows of itself."""

    sample: "Sample"
    paid: Mapping[str, str]
    """The first order; nothing after the first start."""
    desk: str
    """Where the emulated providers are looked at; empty where there are none."""


def show_welcome(
    place: Place, installation: Installation, running: Running, demo: Demo | None, *, as_json: bool
) -> None:
    """Show the one screen, or the same facts as JSON."""
    if as_json:
        facts = {**facts_of(place, running, "ok"), "key_file": installation.key_file}
        show_json(facts | _demo_json(demo))
        sys.stdout.flush()
        return
    show_facts(
        f"Bezant {running.version}",
        [
            ("Open", f"{running.url}/docs"),
            ("Health", f"{running.url}/health"),
            *_demo_facts(running, demo),
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


def _demo_json(demo: Demo | None) -> dict[str, object]:
    if demo is None:
        return {}
    sample = demo.sample
    told: dict[str, object] = {
        "sample": {
            "merchant": sample.merchant,
            "publishable_key": sample.publishable_key,
            "secret_key": sample.secret_key,
            "email": sample.email,
            "password": sample.password,
            "second_email": sample.second_email,
            "second_password": sample.second_password,
        }
    }
    if demo.desk:
        told["sandbox"] = demo.desk
    if demo.paid:
        told["first_order"] = dict(demo.paid)
    return told


def _demo_facts(running: Running, demo: Demo | None) -> list[tuple[str, str]]:
    if demo is None:
        return []
    desk = [("Sandbox", f"{demo.desk}/   what the emulated providers did")] if demo.desk else []
    return [*desk, *_paid_facts(demo.paid), *_sample_facts(running, demo.sample)]


def _paid_facts(paid: Mapping[str, str]) -> list[tuple[str, str]]:
    if not paid:
        return []
    return [
        ("", ""),
        ("Paid", f"{paid['amount']} by {paid['card']}, fee {paid['fee']}"),
        ("", f"{paid['order']}"),
        ("", f"{paid['payment']} ({paid['provider']})"),
        *_receipt_facts(paid),
    ]


def _receipt_facts(paid: Mapping[str, str]) -> list[tuple[str, str]]:
    if "receipt" not in paid:
        return []
    return [("Receipt", paid["receipt_check"]), ("", paid["receipt_page"])]


def _second_person(sample: "Sample") -> list[tuple[str, str]]:
    if not sample.second_email:
        return []  # A demo of an earlier release has nobody else.
    return [("", f"{sample.second_email}   {sample.second_password}   approves")]


def _sample_facts(running: Running, sample: "Sample") -> list[tuple[str, str]]:
    call = f"curl -H 'x-api-key: {sample.secret_key}' {running.url}/v1/accounts"
    return [
        ("", ""),
        ("Keys", f"{sample.secret_key}   for your server"),
        ("", f"{sample.publishable_key}   for pages"),
        ("Office", f"{running.url}/office"),
        ("Sign in", f"{sample.email}   {sample.password}"),
        *_second_person(sample),
        ("Try", call),
    ]
