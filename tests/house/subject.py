"""The subject of a commit: `room: what it does now`, at most 65 characters, in the present tense.

`python -m tests.house.subject FILE` checks the message in a file, as the commit-msg hook does.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

CHARACTERS_MAX = 65
SUBJECT = re.compile(r"[a-z][a-z0-9_-]*(, [a-z][a-z0-9_-]*)*: [a-z0-9`].*[^.\s]\Z")
# A verb in another tense tells what somebody did; the subject tells what the change does.
PAST = re.compile(
    r": (add|chang|fix|mak|mov|remov|renam|updat|us|writ)(ed|es|s|ing)\b|: (made|wrote|written)\b"
)


def complaints(message: str) -> Iterator[str]:
    """Yield what is wrong with the subject of this message."""
    subject, *rest = message.split("\n")
    if re.match(r"(Merge|Revert) ", subject):
        return
    if len(subject) > CHARACTERS_MAX:
        yield f"the subject has {len(subject)} characters, {CHARACTERS_MAX} are allowed"
    if not SUBJECT.match(subject):
        yield "a subject looks like `ledger: refuse a leg that moves nothing`"
    if PAST.search(subject):
        yield "the subject says what the change does: `fix`, not `fixed` or `fixes`"
    if rest and rest[0].strip():
        yield "the line after the subject is empty"


def main(names: list[str]) -> int:
    """Check the message in each file."""
    found = [complaint for name in names for complaint in complaints(Path(name).read_text())]
    sys.stderr.writelines(f"{complaint}\n" for complaint in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
