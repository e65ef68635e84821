"""`bezant keys`: what happens to keys by themselves, what happened to them, and who used them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bezant.cli.exits import Exit, Stop
from bezant.cli.keys import AsJson, Data, who, with_keys

if TYPE_CHECKING:
    from bezant.keys.port import Access, KeyPlan

SECONDS_OF_A_DAY = 86_400


def add_to(group: typer.Typer) -> None:
    """Add the commands."""
    group.command()(plan)
    group.command()(history)
    group.command()(access)


def plan(
    name: Annotated[str | None, typer.Argument(help="Which key; without one, show all.")] = None,
    rotate_days: Annotated[
        int | None, typer.Option(min=0, help="Replace a version after so many days; 0: never.")
    ] = None,
    publish_seconds: Annotated[
        int | None, typer.Option(min=0, help="Show a new version for so long before it works.")
    ] = None,
    destroy_days: Annotated[
        int | None, typer.Option(min=0, help="Destroy a replaced version after so many days.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show or change what happens to keys by themselves."""
    from dataclasses import asdict

    from bezant.cli.screen import show_json, show_line
    from bezant.keys.port import KeyPlan, PlanKey

    plans = with_keys(data, lambda keys: keys.plans())
    if name is not None:
        known = next((one for one in plans if one.name == name), None)
        if known is None:
            raise Stop(f"There is no key {name}.", "bezant keys inventory lists them.", Exit.USAGE)
        changed = KeyPlan(
            name,
            known.rotate_days if rotate_days is None else rotate_days,
            known.publish_seconds if publish_seconds is None else publish_seconds,
            known.destroy_days if destroy_days is None else destroy_days,
        )
        if changed != known:
            command = PlanKey(changed, who())
            changed = with_keys(data, lambda keys: keys.plan(command))
        plans = (changed,)
    if as_json:
        show_json([asdict(one) for one in plans])
        return
    for one in plans:
        show_line(f"  {one.name:<28} {_told(one)}")


def history(
    name: Annotated[str, typer.Argument(help="Which key, such as api-key-hash.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show every step in the life of a key: who took it, when and why."""
    from bezant.cli.screen import show_json, show_line

    steps = with_keys(data, lambda keys: keys.history(name))
    if as_json:
        show_json(
            [
                {
                    "kid": step.kid,
                    "before": step.before,
                    "after": step.after,
                    "by": step.by,
                    "reason": step.reason,
                    "occurred_at": step.occurred_at.isoformat(),
                }
                for step in steps
            ]
        )
        return
    for step in steps:
        at = step.occurred_at.strftime("%Y-%m-%d %H:%M")
        show_line(f"  {at}  {step.kid:<40} {step.after:<13} {step.by}: {step.reason}")


def access(
    key: Annotated[str, typer.Option(help="Of this kid only.")] = "",
    caller: Annotated[str, typer.Option(help="Of this module only.")] = "",
    alarms: Annotated[bool, typer.Option("--alarms", help="Refused logins only.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100)] = 20,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show who used which key, newest first."""
    from bezant.cli.screen import show_json, show_line
    from bezant.keys.port import AccessesOf, Outcome, Use

    query = AccessesOf(
        caller,
        key,
        Use.LOGIN if alarms else None,
        Outcome.REFUSED if alarms else None,
        limit=limit,
    )
    page = with_keys(data, lambda keys: keys.accesses(query))
    if as_json:
        show_json([_facts(line) for line in page.accesses])
        return
    for line in page.accesses:
        at = line.last_at.strftime("%Y-%m-%d %H:%M:%S")
        mark = "✓" if line.outcome is Outcome.DONE else "✗"
        show_line(f"  {at} {mark} {line.caller:<10} {line.use:<7} {line.times:>6}  {line.key}")


def rotate_certificates(data: Path | None, *, as_json: bool) -> None:
    """Give every process of this installation a new key and certificate."""
    from bezant.cli.environment import load_settings
    from bezant.cli.installation import place_of, read_installation
    from bezant.cli.screen import show_json, show_line
    from bezant.clock import RealClock
    from bezant.rpc.authority import Authority

    settings = load_settings({"BEZANT_DATA": str(data) if data else None})
    place = place_of(settings.platform.data)
    installation = read_installation(place)
    folder = place.folder / "pki"
    if installation is None or not folder.is_dir():
        raise Stop(
            f"There are no certificates in {folder}.",
            "They are made when a module first runs in a process of its own.",
        )
    modules = Authority(folder, installation.id, RealClock()).rotate()
    if as_json:
        show_json({"modules": modules})
    else:
        show_line(f"  ✓ new certificates: {', '.join(modules) or 'nobody has one'}")


def _told(plan: "KeyPlan") -> str:
    if not plan.rotate_days:
        return "never by itself"
    told = f"every {plan.rotate_days} days"
    if plan.publish_seconds:
        told += f", shown {plan.publish_seconds / SECONDS_OF_A_DAY:g} days before"
    if plan.destroy_days:
        told += f", destroyed after {plan.destroy_days} days"
    return told


def _facts(line: "Access") -> dict[str, object]:
    return {
        "id": line.id,
        "first_at": line.first_at.isoformat(),
        "last_at": line.last_at.isoformat(),
        "process": line.process,
        "caller": line.caller,
        "use": line.use,
        "key": line.key,
        "outcome": line.outcome,
        "times": line.times,
    }
