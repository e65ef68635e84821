"""House rules about what stands in a file: SQL, floats, time and chance, unfinished work, tests."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator

from tests.house.tree import Page

STATEMENT = re.compile(
    r"\b(SELECT\s[\s\S]+\sFROM\s|INSERT\s+INTO\s|UPDATE\s+[\w.\"]+\s+SET\s|DELETE\s+FROM\s"
    r"|(CREATE|ALTER|DROP)\s+(OR\s+REPLACE\s+)?"
    r"(TABLE|VIEW|SCHEMA|ROLE|INDEX|FUNCTION|TRIGGER|TYPE|DATABASE|SEQUENCE|POLICY)\s"
    r"|GRANT\s+\w+|REVOKE\s+\w+|TRUNCATE\s|SET\s+ROLE\s)"
)
TIME_UNITS = ("seconds", "_seconds_max", "_seconds_min", "_ms", "_ratio")
# Rooms where no amount ever is, and what their floats measure.
FLOATS_WITHOUT_MONEY = {
    "src/bezant/db": "waits, deadlines and sizes of the database",
    "src/bezant/telemetry": "durations, sizes, buckets and sampling",
    "src/bezant/http/limits.py": "tokens that flow back over time",
    "src/bezant/http/joint_limits.py": "the same tokens, shared",
    "src/bezant/http/redis_buckets.py": "the same tokens, in Redis",
    "src/bezant/http/usher.py": "when an instance was asked how it is",
    "src/bezant/http/handshake.py": "how long a handshake may take",
    "src/bezant/http/protocol.py": "how long a connection may be idle",
    "src/bezant/http/serve.py": "how long a stop may take",
    "src/bezant/gateway/health.py": "how long an answer is fresh",
    "src/bezant/gateway/profile.py": "windows of rate limits",
    "src/bezant/identity/callers.py": "tokens that flow back over time",
    "src/bezant/rpc": "deadlines, pauses, shares of failures; its shapes refuse floats",
    "src/bezant/cli/listening.py": "how long to wait for an answer",
}
UNFINISHED = re.compile(r"\b(TODO|FIXME|HACK|NotImplementedError)\b")
UNFINISHED_SAMPLES = ("tests/house/substance.py", "tests/house/test_substance.py")

# What tells the time or draws lots, and the only files that may: the real ones live in the
# vocabulary's two classes and on the command line, everybody else is handed a Clock or Ids.
TIME_AND_CHANCE = {
    "datetime.now",
    "datetime.utcnow",
    "datetime.today",
    "datetime.datetime.now",
    "date.today",
    "time.time",
    "time.time_ns",
    "uuid.uuid1",
    "uuid.uuid4",
    "uuid1",
    "uuid4",
}
TIME_AND_CHANCE_MODULES = {"random"}
TIME_AND_CHANCE_HOMES = {
    "src/bezant/clock.py": "the real clock is defined here",
    "src/bezant/ids.py": "real chance is defined here",
    "src/bezant/cli": "real clock and chance are handed out here",
    "src/bezant/telemetry/logs.py": "a log line tells the machine's time",
}
ENVIRONMENT = {"os.environ", "os.getenv", "environ", "getenv"}
ENVIRONMENT_HOMES = {
    "src/bezant/settings": "settings are made of it",
    "src/bezant/cli": "the command line is where the process begins",
    "src/bezant/db/binaries.py": "a child process is given PATH and nothing else",
    "src/bezant/db/data_folder.py": "XDG_RUNTIME_DIR names the user's place for sockets",
    "src/bezant/rpc/__init__.py": "gRPC takes its list of ciphers from nowhere else",
}


def dotted(node: ast.AST) -> str:
    """Write `a.b.c` for a chain of attributes, or nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        front = dotted(node.value)
        return f"{front}.{node.attr}" if front else ""
    return ""


def _lives_in(page: Page, homes: Iterable[str]) -> bool:
    return any(page.path.as_posix() == home or page.below(home) for home in homes)


def documentation(tree: ast.Module) -> set[int]:
    """Return the strings that stand alone as a statement: docstrings, also below a field."""
    return {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def sql_in_its_place(page: Page) -> Iterator[str]:
    """SQL stands in stores, in migrations and in the db room only."""
    if page.below("src/bezant/db") or page.path.stem == "store" or "store" in page.path.parts:
        return
    told = documentation(page.syntax)
    for node in ast.walk(page.syntax):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and id(node) not in told and STATEMENT.search(text):
            yield page.at(node.lineno, "SQL belongs in store.py, a migration or db")


def floats(page: Page) -> Iterator[str]:
    """A float is a length of time or a ratio, and its name says so; nothing else is one."""
    if _lives_in(page, FLOATS_WITHOUT_MONEY):
        return
    excused = _time_spans(page.syntax) | _refusals(page.syntax)
    for node in ast.walk(page.syntax):
        literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
        named = isinstance(node, ast.Name) and node.id == "float"
        if (literal or named) and id(node) not in excused:
            yield page.at(node.lineno, "a float; amounts are Money, rates are Decimal")


def _time_spans(tree: ast.Module) -> set[int]:
    """Return every node below a value, a default or an annotation whose name ends in a unit."""
    excused: set[int] = set()

    def excuse(name: str | None, *nodes: ast.AST | None) -> None:
        if name and name.lower().endswith(TIME_UNITS):
            excused.update(id(below) for node in nodes if node for below in ast.walk(node))

    for node in ast.walk(tree):
        match node:
            case ast.AnnAssign(target=target, annotation=annotation, value=value):
                excuse(_last_name(target), annotation, value)
            case ast.Assign(targets=[target], value=value):
                excuse(_last_name(target), value)
            case ast.keyword(arg=name, value=value):
                excuse(name, value)
            case ast.arg(arg=name, annotation=annotation):
                excuse(name, annotation)
            case ast.FunctionDef(name=name, returns=returns):
                excuse(name, returns, *node.body)
            case ast.arguments():
                _excuse_defaults(node, excuse)
            case _:
                pass
    return excused


def _refusals(tree: ast.Module) -> set[int]:
    """Return the names in `isinstance(x, float)` and `x is float`: that is how one is refused."""
    asked: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func) in {"isinstance", "issubclass"}:
            asked += node.args[1:]
        if isinstance(node, ast.Compare):
            asked += node.comparators
    return {id(below) for node in asked for below in ast.walk(node) if isinstance(below, ast.Name)}


def _excuse_defaults(node: ast.arguments, excuse: Callable[[str, ast.AST | None], None]) -> None:
    positional = [*node.posonlyargs, *node.args]
    for argument, default in zip(reversed(positional), reversed(node.defaults), strict=False):
        excuse(argument.arg, default)
    for argument, default in zip(node.kwonlyargs, node.kw_defaults, strict=True):
        excuse(argument.arg, default)


def _last_name(node: ast.AST) -> str:
    return dotted(node).rpartition(".")[2]


def time_and_chance(page: Page) -> Iterator[str]:
    """Time and chance come in as arguments; only the command line owns the real ones."""
    if _lives_in(page, TIME_AND_CHANCE_HOMES):
        return
    for node in ast.walk(page.syntax):
        if isinstance(node, ast.Attribute | ast.Name) and dotted(node) in TIME_AND_CHANCE:
            yield page.at(node.lineno, f"{dotted(node)} is not handed in")
        if isinstance(node, ast.Import):
            drawn = TIME_AND_CHANCE_MODULES & {alias.name for alias in node.names}
            yield from (page.at(node.lineno, f"{name} is not handed in") for name in drawn)
        if isinstance(node, ast.ImportFrom) and node.module in TIME_AND_CHANCE_MODULES:
            yield page.at(node.lineno, f"{node.module} is not handed in")


def environment(page: Page) -> Iterator[str]:
    """The environment is read by the settings, once."""
    if _lives_in(page, ENVIRONMENT_HOMES):
        return
    for node in ast.walk(page.syntax):
        if isinstance(node, ast.Attribute | ast.Name) and dotted(node) in ENVIRONMENT:
            yield page.at(node.lineno, f"{dotted(node)} is read by the settings only")


def unfinished(page: Page) -> Iterator[str]:
    """What stands on main is finished."""
    if _lives_in(page, UNFINISHED_SAMPLES):
        return
    for number, line in enumerate(page.lines, start=1):
        if found := UNFINISHED.search(line):
            yield page.at(number, f"{found[0]}: finish it or leave it out")


def skipped_tests(page: Page) -> Iterator[str]:
    """No test is skipped or expected to fail: it would show nothing."""
    for node in ast.walk(page.syntax):
        name = dotted(node) if isinstance(node, ast.Attribute) else ""
        if re.fullmatch(r"(pytest\.)?(mark\.)?(skip|skipif|xfail|importorskip)", name):
            yield page.at(getattr(node, "lineno", 1), f"{name}: a test that is not run")


def checking_names(found: list[Page]) -> frozenset[str]:
    """Return the names of functions that check something, themselves or through another one."""
    functions = [
        node
        for page in found
        for node in ast.walk(page.syntax)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    names: set[str] = set()
    while True:
        more = {node.name for node in functions if node.name not in names and checks(node, names)}
        if not more:
            return frozenset(names)
        names |= more


# Called for what they raise: pytest's own words, and functions whose name says that they check.
CHECKING = re.compile(r"(raises|fail|warns)\Z|(check|verify|refuse|demand)(_|\Z)")


def checks(function: ast.AST, names: set[str] | frozenset[str]) -> bool:
    """Tell whether a function can fail because of what it found."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert | ast.Raise):
            return True
        if isinstance(node, ast.Call):
            called = _last_name(node.func)
            if called in names or CHECKING.match(called):
                return True
    return False


def silent_tests(page: Page, names: frozenset[str]) -> Iterator[str]:
    """A test that checks nothing cannot fail."""
    for node in ast.walk(page.syntax):
        function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if function and node.name.startswith("test_") and not checks(node, names - {node.name}):
            yield page.at(node.lineno, f"{node.name} checks nothing")
