"""What operators do: invite the first administrator, back up, restore, show the demo, migrate."""

import json
import re
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from tests.cli.running import Nest


def post(url: str, body: dict[str, str]) -> dict[str, object]:
    request = Request(
        url, data=json.dumps(body).encode(), headers={"content-type": "application/json"}
    )
    with urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


def fill(page: str, fields: dict[str, str]) -> str:
    """Send a form and return the page it leads to, as a browser does."""
    data = urlencode(fields).encode()
    asked = Request(page, data=data, headers={"Sec-Fetch-Site": "same-origin"})
    with urlopen(asked, timeout=30) as answer:
        return answer.read().decode()


def test_the_first_administrator_of_a_live_installation_comes_by_invitation(nest: Nest):
    running = nest.up("--live")
    url = running.url()
    made = nest.run("users", "invite", "first@example.com", "--role", "admin", "--json")
    assert made.code == 0, made
    page, _, code = made.facts["link"].partition("#")
    assert page == f"{url}/join"
    with urlopen(page, timeout=30) as answer:
        assert b'<form method="post" action="/join">' in answer.read()
    password = "a-long-and-quiet-sentence"
    fields = {"invitation": code, "name": "First", "password": password}
    assert "You can sign in now" in fill(page, fields)
    with pytest.raises(HTTPError) as again:
        fill(page, fields)
    assert again.value.code == 401
    again.value.close()
    login = {"email": "first@example.com", "password": password, "deliver": "token"}
    assert post(f"{url}/v1/session", login)["tenant"] == "platform"
    assert code not in running.said
    assert code not in (nest.data / "logs" / "bezant.log").read_text()


def test_an_invitation_is_shown_as_one_link(demo: Nest):
    url = demo.run("status", "--json").facts["url"]
    made = demo.run("users", "invite", "second@example.com", "--role", "auditor")
    assert made.code == 0, made
    assert re.search(rf"{re.escape(url)}/join#bzi_[\w-]{{43}}\b", made.out)
    assert "curl" not in made.out


def test_a_live_installation_starts_without_any_sample(nest: Nest):
    running = nest.up("--live")
    running.url()
    assert "sk_test" not in running.said
    assert not nest.place_of_sample().exists()
    assert nest.run("demo").code == 3


def test_inviting_needs_a_name_and_a_running_platform(nest: Nest, demo: Nest):
    assert nest.run("users", "invite").code == 4
    assert demo.run("users", "invite").code == 2
    assert demo.run("users", "invite", "not-an-address").code == 1


def test_the_demo_s_keys_stay_the_same_and_work(installed: Nest):
    first = installed.up()
    first.url()
    sample = json.loads(installed.place_of_sample().read_text())
    assert sample["secret_key"] in first.said
    assert sample["publishable_key"] in first.said
    assert sample["password"] in first.said
    first.stop()
    second = installed.up()
    url = second.url()
    assert sample["secret_key"] in second.said
    session = post(
        f"{url}/v1/session",
        {"email": sample["email"], "password": sample["password"], "deliver": "token"},
    )
    assert session


def test_the_demo_moves_money_once_and_the_book_agrees(demo: Nest):
    told = demo.run("demo", "--json")
    assert told.code == 0, told
    assert told.facts["repeated"] == "the same transfer"
    before, after = told.facts["before"], told.facts["after"]
    assert float(before) - float(after) == 2.5
    assert demo.run("demo").code == 0


def test_a_backup_restores_into_a_new_folder_with_its_key(installed: Nest, tmp_path: Path):
    installed.up().url()
    installed.run("demo")
    copy = tmp_path / "copy"
    made = installed.run("backup", str(copy), "--json")
    assert made.code == 0, made
    assert not list(copy.rglob("*.key")) or (copy / "keystore").is_dir()
    assert installed.run("backup", str(copy)).code != 0
    balance = installed.run("demo", "--json").facts["before"]
    installed.run("down")

    again = tmp_path / "again"
    refused = installed.run("restore", str(copy), "--data", str(installed.data))
    assert refused.code == 3
    assert "not empty" in refused.err
    restored = installed.run("restore", str(copy), "--data", str(again), "--json")
    assert restored.code == 0, restored
    started = installed.run("up", "-d", "--port", "0", "--data", str(again), "--json")
    try:
        assert started.code == 0, started
        assert installed.run("demo", "--data", str(again), "--json").facts["before"] == balance
    finally:
        installed.run("down", "--data", str(again))


def test_a_folder_that_is_no_backup_is_refused(nest: Nest, tmp_path: Path):
    assert nest.run("restore", str(tmp_path / "nothing")).code == 2


def test_migrations_can_be_read_before_they_are_run(nest: Nest):
    printed = nest.run("migrate", "--print")
    assert printed.code == 0
    assert "CREATE SCHEMA IF NOT EXISTS ledger" in printed.out
    assert "ON_ERROR_STOP" in printed.out
    assert nest.run("migrate").code == 4


@pytest.mark.requirement("S003-4")
def test_a_backup_as_sql_can_be_read_by_anyone_and_old_ones_go(installed: Nest, tmp_path: Path):
    import gzip

    installed.up().url()
    folder = tmp_path / "dumps"
    folder.mkdir()
    old, strange = folder / "backup_20010101_000000.sql.gz", folder / "mine.txt"
    old.write_bytes(b"old")
    strange.write_text("not yours")
    made = installed.run("backup", "--sql", str(folder), "--json")
    assert made.code == 0, made
    (written,) = made.facts["written"]
    assert "CREATE SCHEMA ledger" in gzip.decompress(Path(written).read_bytes()).decode()
    assert made.facts["erased"] == [str(old)]
    assert not old.exists()
    assert strange.exists()
