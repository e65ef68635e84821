"""What can be in the way of a start: a clear sentence, a remedy, and no data touched."""

import json
import os
import socket
from pathlib import Path

import pytest
from tests.cli.running import Nest, wait_until


def state_of(folder: Path) -> dict[str, bytes]:
    found = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "run" not in path.parts and "logs" not in path.parts
    }
    assert found, f"there is nothing in {folder}, so nothing could change"
    return found


def test_a_taken_port_is_named_before_anything_is_started(nest: Nest):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = nest.run("up", "--port", str(port))
    assert refused.code == 3
    assert f"Port {port} on 127.0.0.1 is taken" in refused.err
    assert "--port" in refused.err
    assert not (nest.data / "postgres").exists()


def test_an_address_of_another_machine_is_refused(nest: Nest):
    refused = nest.run("up", "--host", "192.0.2.1", "--port", "0")
    assert refused.code == 3
    assert "192.0.2.1" in refused.err
    assert "--host" in refused.err


def test_a_stale_lock_is_in_nobodys_way(installed: Nest):
    (installed.data / "run" / "up.lock").write_text("1")
    (installed.data / "run" / "up.json").write_text('{"pid": 1, "healthy": true}')
    assert installed.run("status").code == 4
    assert installed.up().url()


def test_low_disk_is_told_in_numbers(nest: Nest, monkeypatch: pytest.MonkeyPatch):
    from bezant.cli import installation
    from bezant.cli.exits import Stop

    monkeypatch.setattr(installation, "FREE_BYTES_MIN", 1 << 60)
    with pytest.raises(Stop) as stop:
        installation.check_room(installation.Place(nest.data))
    assert "MiB are free" in stop.value.sentence
    assert "--data" in stop.value.remedy


def test_data_of_a_newer_version_is_left_alone(installed: Nest):
    state = json.loads((installed.data / "state.json").read_text())
    (installed.data / "state.json").write_text(json.dumps(state | {"data_version": 99}))
    before = state_of(installed.data)
    refused = installed.run("up", "--port", "0")
    assert refused.code == 3
    assert "newer version" in refused.err
    assert state_of(installed.data) == before


def test_a_database_of_another_major_version_is_left_alone(installed: Nest):
    (installed.data / "postgres" / "PG_VERSION").write_text("15\n")
    before = state_of(installed.data)
    refused = installed.run("up", "--port", "0")
    assert refused.code != 0
    assert "PostgreSQL 15" in refused.err
    assert state_of(installed.data) == before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": 1}', '{"mode": "mars"}'])
def test_an_unreadable_state_is_never_replaced(installed: Nest, text: str):
    (installed.data / "state.json").write_text(text)
    before = state_of(installed.data)
    refused = installed.run("up", "--port", "0")
    assert refused.code == 3
    assert "state.json" in refused.err
    assert state_of(installed.data) == before


def test_a_database_without_its_state_is_never_reinitialised(installed: Nest):
    (installed.data / "state.json").unlink()
    before = state_of(installed.data)
    refused = installed.run("up", "--port", "0")
    assert refused.code == 3
    assert "no state.json" in refused.err
    assert state_of(installed.data) == before


def test_somebody_elses_folder_is_not_used(nest: Nest):
    (nest.folder / "photos").mkdir()
    (nest.folder / "photos" / "cat.jpg").write_bytes(b"cat")
    refused = nest.run("up", "--port", "0", "--data", "photos")
    assert refused.code == 3
    assert "not Bezant's" in refused.err
    assert state_of(nest.folder / "photos") == {"cat.jpg": b"cat"}


def key_file(nest: Nest) -> Path:
    return Path(json.loads((nest.data / "state.json").read_text())["key_file"])


def test_the_key_file_lies_outside_the_data_and_belongs_to_its_owner(installed: Nest):
    path = key_file(installed)
    assert path.parent == installed.home / ".config" / "bezant"
    assert (path.stat().st_mode & 0o777, path.stat().st_size) == (0o600, 32)


def test_a_missing_key_file_is_asked_for(installed: Nest):
    path = key_file(installed)
    path.rename(path.with_suffix(".away"))
    refused = installed.run("up", "--port", "0")
    assert refused.code == 3
    assert str(path) in refused.err
    assert "BEZANT_KEY_FILE" in refused.err
    moved = installed.up(BEZANT_KEY_FILE=str(path.with_suffix(".away")))
    assert moved.url()


def beside_the_database(nest: Nest) -> dict[str, bytes]:
    """Return all files but the database's own: its server is started before a key can be tried."""
    files = {name: text for name, text in state_of(nest.data).items() if "postgres/" not in name}
    assert {"state.json", "sample.json"} <= set(files)
    return files


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.chmod(0o644), "others"),
        (lambda path: path.write_bytes(b"short"), "32 bytes"),
        (lambda path: path.write_bytes(os.urandom(32)), "another installation"),
    ],
)
def test_a_key_file_that_is_not_right_opens_nothing(installed: Nest, spoil, words: str):
    path = key_file(installed)
    right = path.read_bytes()
    spoil(path)
    before = beside_the_database(installed)
    refused = installed.run("up", "--port", "0")
    assert refused.code != 0
    assert words in refused.err
    assert beside_the_database(installed) == before

    path.write_bytes(right)
    path.chmod(0o600)
    assert installed.up().url()  # Nothing was sealed anew, nor anything lost.


def test_demo_never_becomes_live(installed: Nest):
    refused = installed.run("up", "--live", "--port", "0")
    assert refused.code == 3
    assert "demo installation" in refused.err
    assert installed.run("up", "--port", "0", NODE_ENV="production").code == 3


def test_live_never_becomes_demo(nest: Nest):
    running = nest.up("--live")
    running.url()
    assert "LIVE" in running.said
    assert "DEMO" not in running.said
    running.stop()
    refused = nest.run("up", "--port", "0")
    assert refused.code == 3
    assert "live installation" in refused.err
    assert "--live" in refused.err


@pytest.mark.requirement("S000-15")
def test_live_refuses_a_well_known_secret_and_makes_nothing(nest: Nest):
    refused = nest.run("up", "--live", "--port", "0", JWT_SECRET="your-jwt-secret-key")
    assert refused.code == 3
    assert "JWT_SECRET is the well-known secret your-jwt-secret-key" in refused.err
    assert not nest.data.exists()


@pytest.mark.requirement("S001-9")
def test_a_far_database_without_verified_tls_is_refused_without_its_password(nest: Nest):
    refused = nest.run("up", "--port", "0", DATABASE_URL="postgresql://u:hunter2@db.example/d")
    assert refused.code == 3
    assert "verified TLS" in refused.err
    assert "hunter2" not in refused.err
    assert not nest.data.exists()


def test_every_wrong_setting_is_named_at_once(nest: Nest):
    (nest.folder / ".env").write_text("LOG_LEVEL=loud\nRATE_LIMIT=many\n")
    refused = nest.run("up", "--port", "0")
    assert refused.code == 3
    assert "LOG_LEVEL (.env)" in refused.err
    assert "RATE_LIMIT (.env)" in refused.err
    assert "loud" not in refused.err
    assert not nest.data.exists()


@pytest.mark.parametrize("text", ["PORT", "=8080", "PORT='80", "a b=c"])
def test_a_line_of_the_settings_file_that_is_none_is_named_by_number(nest: Nest, text: str):
    (nest.folder / ".env").write_text(f"# mine\n{text}\n")
    refused = nest.run("status")
    assert refused.code == 3
    assert "Line 2 of" in refused.err


def test_the_settings_file_is_read_with_quotes_and_comments(nest: Nest):
    from bezant.cli.environment import parse_dotenv

    text = "A=1\nexport B = two # no\nC='x # y' # z\nD=\"q\"\n\n# E=5\nF=a#b\nG=\n"
    assert parse_dotenv(text) == {
        "A": "1",
        "B": "two",
        "C": "x # y",
        "D": "q",
        "F": "a#b",
        "G": "",
    }


def test_a_secret_may_lie_in_a_file_but_not_in_two_places(nest: Nest, tmp_path: Path):
    path = tmp_path / "secret"
    path.write_text("redis-secret\n")
    told = nest.run("doctor", "secrets", "--live", "--json", REDIS_PASSWORD_FILE=str(path))
    assert told.code == 1
    assert told.facts["findings"][0]["check"] == "REDIS_PASSWORD"
    both = nest.run("doctor", "secrets", REDIS_PASSWORD_FILE=str(path), REDIS_PASSWORD="x")
    assert both.code == 3
    assert "both set" in both.err
    missing = nest.run("doctor", "secrets", REDIS_PASSWORD_FILE=str(path) + ".gone")
    assert missing.code == 3
    assert "REDIS_PASSWORD_FILE" in missing.err


def test_a_folder_that_cannot_be_made_is_named(nest: Nest):
    (nest.folder / "file").write_text("")
    refused = nest.run("up", "--port", "0", "--data", "file/inside")
    assert refused.code == 3
    assert "--data" in refused.err


def test_errors_are_objects_where_facts_are(nest: Nest):
    told = nest.run("status", "--json")
    assert told.code == 4
    assert set(told.facts["error"]) == {"sentence", "remedy", "exit_code"}
    assert told.facts["error"]["exit_code"] == 4
    assert told.err == ""


def test_the_lock_frees_itself_when_its_holder_dies(nest: Nest):
    running = nest.up()
    running.wait_for("making the database")
    running.process.kill()
    running.ended()
    wait_until(lambda: nest.run("status").code == 4, "nothing runs")
    assert nest.up().url()
