"""No network while a transaction is open: every way out of the process asks here first.

The mark is a context variable, so it follows a task and the tasks it starts. What it holds is the
transaction itself, which forgets to be open when it ends: a task started inside a transaction is
held back while that transaction lives and is free afterwards.
"""

from contextvars import ContextVar
from typing import Final, Protocol


class OpenTransaction(Protocol):
    """A transaction as the guard sees it."""

    @property
    def name(self) -> str: ...

    @property
    def is_open(self) -> bool: ...


class TransactionOpen(AssertionError):
    """Something reached out of the process, or opened another transaction, inside one."""


current: Final[ContextVar[OpenTransaction | None]] = ContextVar("transaction", default=None)


def no_open_transaction() -> None:
    """Assert that this task has no transaction open; called before anything leaves the process."""
    transaction = current.get()
    if transaction is not None and transaction.is_open:
        raise TransactionOpen(f"a transaction of {transaction.name} is still open in this task")
