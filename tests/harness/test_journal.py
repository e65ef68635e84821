"""The judge judged: a checker that finds nothing wrong must be able to find each wrong there is."""

from pathlib import Path

import pytest
from tests.harness.journal import Journal, Word, check, unanswered


def written(folder: Path, *lines: tuple[Word, str]) -> Path:
    with Journal(folder / "client.journal") as journal:
        for word, key in lines:
            journal.write(word, key)
    return folder


SENT, DONE, REFUSED = Word.SENT, Word.ACKNOWLEDGED, Word.REFUSED


def test_kept_promises_are_clean(tmp_path: Path):
    folder = written(tmp_path, (SENT, "a"), (DONE, "a"), (SENT, "b"), (REFUSED, "b"))
    verdict = check(folder, ["a"])
    assert verdict.clean
    assert (verdict.sent, verdict.acknowledged) == (2, 1)


@pytest.mark.parametrize(
    ("lines", "found", "fault"),
    [
        ([(SENT, "a"), (DONE, "a")], [], "lost"),
        ([(SENT, "a"), (DONE, "a")], ["a", "a"], "doubled"),
        ([(SENT, "a")], [], "unresolved"),
        ([(SENT, "a")], ["a"], "unresolved"),
        ([(SENT, "a"), (REFUSED, "a")], ["a"], "undone"),
        ([(SENT, "a"), (DONE, "a")], ["a", "b"], "invented"),
    ],
)
def test_each_broken_promise_is_found(
    tmp_path: Path, lines: list[tuple[Word, str]], found: list[str], fault: str
):
    verdict = check(written(tmp_path, *lines), found)
    assert not verdict.clean
    broken = ("lost", "doubled", "unresolved", "undone", "invented")
    assert [name for name in broken if getattr(verdict, name)] == [fault]


def test_an_answer_in_another_journal_resolves_a_key(tmp_path: Path):
    written(tmp_path, (SENT, "a"), (SENT, "b"))
    assert unanswered(tmp_path) == ["a", "b"]
    with Journal(tmp_path / "resolve.journal") as journal:
        journal.write(DONE, "a")
    assert unanswered(tmp_path) == ["b"]


def test_a_torn_last_line_promises_nothing(tmp_path: Path):
    written(tmp_path, (SENT, "a"))
    with (tmp_path / "client.journal").open("a") as file:
        file.write("acknowledged a")
    assert check(tmp_path, []).lost == ()
    assert unanswered(tmp_path) == ["a"]
