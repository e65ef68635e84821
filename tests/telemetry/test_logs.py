"""Log lines: events with fields, written aside, with nothing secret in them."""

import io
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bezant import telemetry
from bezant.secret import MASK, Secret
from bezant.telemetry import logs
from bezant.telemetry.scrub import passes_luhn, scrub, scrub_fields

CARDS = [
    "4242424242424242",
    "4242 4242 4242 4242",
    "4242-4242-4242-4242",
    "378282246310005",
    "6011000990139424",
]


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    telemetry.shut()


def _read(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.requirement("S002-8", "S003-6", "S001-7")
def test_a_line_is_an_event_with_fields(tmp_path: Path) -> None:
    file = tmp_path / "bezant.log"
    telemetry.configure(telemetry.Level.INFO, file=file)
    telemetry.log("payments").info(
        "payment.created", payment="pay_1", amount="19.99 EUR", customer="cus_1"
    )
    telemetry.shut()
    (line,) = _read(file)
    assert str(line.pop("ts")).endswith("Z")
    assert line == {
        "level": "INFO",
        "log": "payments",
        "event": "payment.created",
        "payment": "pay_1",
        "amount": "19.99 EUR",
        "customer": "cus_1",
    }


@pytest.mark.requirement("S003-5", "S002-8")
@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("ERROR", ["ERROR"]),
        ("warn", ["WARN", "ERROR"]),
        ("INFO", ["INFO", "WARN", "ERROR"]),
        ("debug", ["DEBUG", "INFO", "WARN", "ERROR"]),
    ],
)
def test_levels_and_the_file_of_errors(tmp_path: Path, level: str, written: list[str]) -> None:
    file = tmp_path / "logs" / "bezant.log"
    telemetry.configure(telemetry.Level.of(level), file=file)
    log = telemetry.log("a")
    log.debug("e")
    log.info("e")
    log.warn("e")
    log.error("e")
    telemetry.shut()
    assert [line["level"] for line in _read(file)] == written
    assert [line["level"] for line in _read(file.with_name("error.log"))] == ["ERROR"]


@pytest.mark.requirement("S003-5")
def test_a_further_file_has_every_line_too_and_its_own_errors(tmp_path: Path) -> None:
    unit, further = tmp_path / "unit" / "bezant.log", tmp_path / "chosen" / "app.log"
    telemetry.configure(file=unit, further=further)
    log = telemetry.log("a")
    log.info("e")
    log.error("e")
    telemetry.shut()
    telemetry.configure(file=unit, further=unit.with_name("app.log"))
    log.error("e")
    telemetry.shut()
    assert [line["level"] for line in _read(further)] == ["INFO", "ERROR"]
    assert [line["level"] for line in _read(further.with_name("error.log"))] == ["ERROR"]
    assert [line["level"] for line in _read(unit.with_name("error.log"))] == ["ERROR", "ERROR"]


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="ERROR, WARN, INFO or DEBUG"):
        telemetry.Level.of("loud")


def test_request_and_trace_are_in_every_line() -> None:
    told = io.StringIO()
    telemetry.configure(stream=told)
    request = telemetry.REQUEST_ID.set("req_1")
    trace = telemetry.TRACE_ID.set("ab" * 16)
    telemetry.log("a").info("e", request_id="forged")
    telemetry.REQUEST_ID.reset(request)
    telemetry.TRACE_ID.reset(trace)
    telemetry.log("a").info("e")
    telemetry.shut()
    first, second = (json.loads(line) for line in told.getvalue().splitlines())
    assert (first["request_id"], first["trace_id"]) == ("req_1", "ab" * 16)
    assert "request_id" not in second


@pytest.mark.requirement("S003-7", "S000-15")
@pytest.mark.catalogue("T80")
@pytest.mark.parametrize("card", CARDS)
def test_a_card_number_reaches_no_line_however_it_comes(card: str) -> None:
    told = io.StringIO()
    telemetry.configure(telemetry.Level.DEBUG, stream=told)
    log = telemetry.log("a")
    bare = int(card.replace(" ", "").replace("-", ""))
    log.info("e", text=f"paid with {card}.", deep={"a": [{"b": card}]}, whole=bare, **{card: 1})
    log.info("e", value=[card, bare], exception=ValueError(card), body=card.encode())
    try:
        raise ValueError(f"no card {card}")
    except ValueError as failure:
        log.error("e", failure)  # noqa: TRY400, PLE1205 - our own log, not the library's
    logging.getLogger("library").error("refused %s", card)
    telemetry.shut()
    text = told.getvalue()
    assert len(text.splitlines()) == 4
    assert card not in text
    assert str(bare) not in text
    assert str(bare)[4:12] not in text
    assert "paid with" in text


def test_what_is_no_card_number_stays() -> None:
    kept = [
        "4242424242424241",
        "acct_4242424242424242",
        "0199c2e7b1d94242424242424242c201",
        "1000000000000000000",
        "4242",
        "tr_0000000000004242",
        "2026-11-20T12:00:00.000Z",
    ]
    assert [scrub(text) for text in kept] == kept
    assert scrub("4242424242424242") == MASK


@given(some.text("0123456789", min_size=12, max_size=18).map(lambda tail: "4" + tail))
def test_every_number_with_the_check_digit_of_a_card_is_masked(digits: str) -> None:
    assert (digits in scrub(f"a {digits} b")) is not passes_luhn(digits)


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("cvc=123", "123"),
        ('{"cvv2": "1234"}', "1234"),
        ("Authorization: Bearer abcdefghijk", "abcdefghijk"),
        ("key sk_test_abcDEF123", "abcDEF123"),
        ("rk_live_abcDEF123 used", "abcDEF123"),
        ("whsec_c2VjcmV0c2VjcmV0", "c2VjcmV0"),
        ("basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    ],
)
def test_codes_and_keys_are_masked(text: str, hidden: str) -> None:
    assert hidden not in scrub(text)
    assert MASK in scrub(text)


def test_secret_types_and_secret_names_are_masked() -> None:
    fields = scrub_fields(
        {"a": Secret("hunter2"), "password": "hunter2", "in": {"CVC": "123", "Token": ["hunter2"]}}
    )
    assert fields == {"a": MASK, "password": MASK, "in": {"CVC": MASK, "Token": MASK}}


@given(
    some.dictionaries(
        some.text(max_size=5),
        some.recursive(
            some.none() | some.integers() | some.text() | some.binary() | some.floats(),
            lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
        ),
    )
)
def test_whatever_the_fields_a_line_is_one_line_of_json(fields: dict[str, object]) -> None:
    line = telemetry.line_of(telemetry.Level.INFO, "a", "e", fields)
    assert line.count(b"\n") == 1
    assert json.loads(line)["event"] == "e"


def test_people_read_the_same_lines() -> None:
    told = io.StringIO()
    telemetry.configure(stream=told, human=True)
    telemetry.log("ledger").info("transfer.posted", transfer="tr_1")
    try:
        raise KeyError("gone")
    except KeyError as failure:
        telemetry.log("ledger").error("http.failed", failure)
    telemetry.shut()
    first, second, *rest = told.getvalue().splitlines()
    assert "INFO  ledger     transfer.posted" in first
    assert first.endswith("transfer=tr_1")
    assert "ERROR" in second
    assert any("KeyError" in line for line in rest)
    assert "\x1b" not in told.getvalue()


def test_a_file_that_was_rotated_away_is_opened_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "REOPEN_SECONDS", -1.0)
    file = tmp_path / "bezant.log"
    writer = telemetry.configure(file=file)
    telemetry.log("a").info("first")
    writer.flush()
    file.rename(tmp_path / "bezant.log.1")
    telemetry.log("a").info("second")
    writer.flush()
    telemetry.shut()
    assert [line["event"] for line in _read(tmp_path / "bezant.log.1")] == ["first"]
    assert [line["event"] for line in _read(file)] == ["second"]


def test_a_full_disk_stops_nobody_and_is_counted(tmp_path: Path) -> None:
    full = tmp_path / "bezant.log"
    full.symlink_to("/dev/full")
    told = io.StringIO()
    writer = telemetry.configure(stream=told, file=full)
    telemetry.log("a").info("e")
    writer.flush()
    assert writer.dropped == 1
    assert "e" in told.getvalue()


def test_a_flood_is_bounded_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LINES_MAX", 10)
    monkeypatch.setattr(logs, "FLUSH_SECONDS", 3600)
    told = io.StringIO()
    writer = telemetry.configure(stream=told)
    for _ in range(25):
        telemetry.log("a").info("e")
    writer.flush()
    assert writer.dropped == 15
    assert len(told.getvalue().splitlines()) == 10


def test_lines_of_many_threads_are_all_written_and_whole() -> None:
    told = io.StringIO()
    telemetry.configure(stream=told)

    def tell(name: str) -> None:
        for number in range(500):
            telemetry.log(name).info("e", number=number, text="x" * 200)

    threads = [threading.Thread(target=tell, args=(str(one),)) for one in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    telemetry.shut()
    assert len([json.loads(line) for line in told.getvalue().splitlines()]) == 4_000


def test_before_logs_are_configured_only_what_matters_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    telemetry.log("a").info("quiet")
    telemetry.log("a").warn("heard")
    told = capsys.readouterr().err
    assert "heard" in told
    assert "quiet" not in told
