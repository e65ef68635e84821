"""Every door is contracted: promises in words, plain values, errors with codes that are
documented.
"""

import re
from collections import defaultdict
from collections.abc import Iterable

import pytest
from tests.house import doors
from tests.house.derive import all_errors
from tests.house.tree import Page, Rule, files, module_folders, page, planted, tidy

from bezant.errors import BezantError
from bezant.money import UnknownAsset

CODE = re.compile(r"[a-z]+(_[a-z0-9]+)*\Z")


def ports() -> list[Page]:
    return [page(folder / "port.py") for folder in module_folders()]


def nouns() -> list[Page]:
    """Return the files a port hands on: its own, and the module's files that it imports."""
    found: list[Page] = []
    for port in ports():
        for match in re.finditer(r"^from (bezant\.\w+\.\w+) import", port.text, re.MULTILINE):
            path = f"src/{match[1].replace('.', '/')}.py"
            found += [page(one) for one in files() if one.as_posix() == path]
    return [*ports(), *found]


def thin_doors() -> list[Page]:
    return [page(folder / "__init__.py") for folder in module_folders()]


def test_every_port_promises_in_words():
    assert ports()
    tidy(doors.promises, ports())


def test_what_passes_a_door_is_plain():
    assert len(nouns()) > len(ports())
    tidy(doors.plain_values, nouns())


def test_every_door_only_hands_out_its_port():
    tidy(doors.thin_door, thin_doors())


PORT = "src/bezant/ledger/port.py"
SOUND_PORT = '''
class Ledger(Protocol):
    """The book."""
    async def post(self, command: PostTransfer) -> Transfer:
        """Record a transfer once."""
'''
SOUND_VALUE = "@dataclass(frozen=True, slots=True)\nclass Leg:\n    amount: Money\n"
PLANTED = [
    (doors.promises, SOUND_PORT.replace("Protocol", "ABC")),
    (doors.promises, SOUND_PORT.replace('"""The book."""', "")),
    (doors.promises, SOUND_PORT.replace('"""Record a transfer once."""', "...")),
    (doors.promises, SOUND_PORT.replace("async def", "def")),
    (doors.plain_values, SOUND_VALUE.replace("Money", "dict[str, str]")),
    (doors.plain_values, SOUND_VALUE.replace("Money", "tuple[Any, ...]")),
    (doors.plain_values, SOUND_VALUE.replace(", slots=True", "")),
    (doors.plain_values, SOUND_VALUE.replace("(frozen=True, slots=True)", "")),
    (doors.plain_values, "async def post(legs: list[Leg]) -> None: ..."),
    (doors.plain_values, "async def post() -> dict[str, str]: ..."),
]


@pytest.mark.parametrize(("rule", "text"), PLANTED)
def test_a_planted_breach_is_caught(rule: Rule, text: str):
    assert list(rule(planted(PORT, text)))


def test_a_sound_door_is_left_alone():
    assert list(doors.promises(planted(PORT, SOUND_PORT))) == []
    assert list(doors.plain_values(planted(PORT, SOUND_VALUE))) == []


@pytest.mark.parametrize("line", ["from bezant.ledger.service import x", "import bezant", "x = 1"])
def test_a_door_that_does_more_is_caught(line: str):
    path = "src/bezant/ledger/__init__.py"
    sound = '"""The book."""\nfrom bezant.ledger.port import *\n__all__ = ["Ledger"]\n'
    assert list(doors.thin_door(planted(path, sound))) == []
    assert list(doors.thin_door(planted(path, sound + line)))


def test_every_error_says_in_words_what_it_is():
    silent = [error.__name__ for error in all_errors() if not error.__dict__.get("__doc__")]
    assert silent == []
    assert len(all_errors()) > 30


def test_every_error_has_a_code_of_its_own():
    without = [error.__name__ for error in all_errors() if "code" not in error.__dict__]
    assert without == []
    assert [error.code for error in all_errors() if not CODE.match(error.code)] == []


def test_no_two_errors_share_a_code():
    """Only an error and its own special case may: they are the same to a caller."""
    assert shared_codes(all_errors()) == []


def shared_codes(errors: Iterable[type[BezantError]]) -> list[str]:
    by_code: defaultdict[str, list[type[BezantError]]] = defaultdict(list)
    for error in errors:
        by_code[error.code].append(error)
    return [
        code
        for code, same in by_code.items()
        if not all(issubclass(one, same[0]) or issubclass(same[0], one) for one in same)
    ]


def test_a_planted_double_code_is_caught():
    class LidStuck(BezantError):
        code = "unknown_asset"

    class LidGlued(UnknownAsset):
        code = "unknown_asset"

    assert shared_codes([UnknownAsset, LidGlued]) == []
    assert shared_codes([UnknownAsset, LidStuck]) == ["unknown_asset"]
