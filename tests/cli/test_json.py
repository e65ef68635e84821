"""Whatever tells facts tells them as JSON."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import typer
from tests.cli.running import Nest

from bezant.cli.main import app

TELL_NO_FACTS = {"completion", "witness serve"}


def commands(group: Any, *path: str) -> Iterator[tuple[str, Any]]:
    inside = getattr(group, "commands", None)
    if inside is None:
        yield " ".join(path), group
        return
    for name, command in inside.items():
        yield from commands(command, *path, name)


def test_every_command_that_tells_facts_takes_json():
    found = dict(commands(typer.main.get_command(app)))
    assert len(found) > 50
    without = {
        name
        for name, command in found.items()
        if not any("--json" in option.opts for option in command.params)
    }
    assert without == TELL_NO_FACTS


def test_what_is_written_as_a_file_is_also_a_fact(demo: Nest):
    assert demo.run("audit", "keys", "--json").facts["origin"]
    told = demo.run("audit", "proof", "0", "--json").facts
    assert told["index"] == 0
    assert told["proof"] == demo.run("audit", "proof", "0").out
    folder = str(demo.folder / "witness")
    named = ("witness", "key", "--name", "example.com/w", "--folder", folder)
    assert demo.run(*named, "--json").facts["key"] == demo.run(*named).out.strip()
    receipt = demo.run("receipts", "list", "--json").facts[0]["id"]
    found = demo.run("receipts", "file", receipt, "--json").facts
    assert found == json.loads(demo.run("receipts", "file", receipt).out)
    assert found["receipt"]["payload"]
    day = datetime.now(UTC).date().isoformat()
    asked = ("sandbox", "settlement", "card", day)
    assert demo.run(*asked, "--json").facts == {
        "provider": "card", "day": day, "file": demo.run(*asked).out,
    }  # fmt: skip
