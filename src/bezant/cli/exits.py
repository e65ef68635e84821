"""How a command ends: exit codes, and the error that says what happened and what to do next."""

from enum import IntEnum


class Exit(IntEnum):
    """What a script may rely on; `docs/reference/cli.md` lists these sentences."""

    DONE = 0, "Done; for a question, the answer is yes."
    WRONG = 1, "Something checked is wrong; the output names it and its remedy."
    USAGE = 2, "The command was written wrongly."
    REFUSED = 3, "Settings or the situation forbid it; nothing was changed."
    NOT_RUNNING = 4, "Nothing runs on this data."
    UNHEALTHY = 5, "It runs or ran, but did not answer in time."
    BUG = 70, "An error that should not happen; BEZANT_DEBUG=1 shows its traceback."
    INTERRUPTED = 130, "Interrupted from the keyboard."

    says: str

    def __new__(cls, code: int, says: str) -> "Exit":
        member = int.__new__(cls, code)
        member._value_ = code
        member.says = says
        return member


class Stop(Exception):
    """Ends a command with a sentence for people, what to do next, and an exit code."""

    def __init__(self, sentence: str, remedy: str = "", exit_code: Exit = Exit.REFUSED) -> None:
        self.sentence = sentence
        self.remedy = remedy
        self.exit_code = exit_code
        super().__init__(sentence)
