"""House rules about doors: what a port may hold, and what an error must say."""

import ast
from collections.abc import Iterator

from tests.house.substance import dotted
from tests.house.tree import Page

PROTOCOLS = {"Protocol", "Feed"}
NEVER_ACROSS = {"Any", "dict", "list", "set", "bytearray"}


def promises(page: Page) -> Iterator[str]:
    """A port holds a Protocol, and every method of it is a promise in words."""
    protocols = [
        node
        for node in page.syntax.body
        if isinstance(node, ast.ClassDef) and PROTOCOLS & {dotted(base) for base in node.bases}
    ]
    if not protocols:
        yield page.at(1, "a door without a Protocol")
    for protocol in protocols:
        if not ast.get_docstring(protocol):
            yield page.at(protocol.lineno, f"{protocol.name} does not say what it is")
        for method in protocol.body:
            if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from _promise(page, protocol, method)


def _promise(
    page: Page, protocol: ast.ClassDef, method: ast.FunctionDef | ast.AsyncFunctionDef
) -> Iterator[str]:
    name = f"{protocol.name}.{method.name}"
    if not ast.get_docstring(method):
        yield page.at(method.lineno, f"{name} promises nothing in words")
    is_property = "property" in map(dotted, method.decorator_list)
    # A connector is pure and works in the process of whoever asks: it is never far.
    never_far = page.below("src/bezant/psp")
    if isinstance(method, ast.FunctionDef) and not is_property and not never_far:
        yield page.at(method.lineno, f"{name} is not async: it could not be far")


def plain_values(page: Page) -> Iterator[str]:
    """What passes a door is typed to the end: no Any, no dict, and nothing that can change."""
    for node in ast.walk(page.syntax):
        for annotation in _annotations(node):
            for name in NEVER_ACROSS & {dotted(below) for below in ast.walk(annotation)}:
                yield page.at(annotation.lineno, f"{name} across a door")
        if isinstance(node, ast.ClassDef):
            for decorator in node.decorator_list:
                if _is_dataclass(decorator) and not _is_frozen(decorator):
                    yield page.at(node.lineno, f"{node.name} is not frozen and slotted")


def _annotations(node: ast.AST) -> list[ast.expr]:
    """Return what a field, an argument or an answer is typed as."""
    match node:
        case ast.ClassDef(body=body):
            return [field.annotation for field in body if isinstance(field, ast.AnnAssign)]
        case ast.FunctionDef(returns=returns) | ast.AsyncFunctionDef(returns=returns):
            return [returns] if returns else []
        case ast.arg(annotation=annotation):
            return [annotation] if annotation else []
        case _:
            return []


def _is_dataclass(node: ast.AST) -> bool:
    called = node.func if isinstance(node, ast.Call) else node
    return dotted(called) in {"dataclass", "dataclasses.dataclass"}


def _is_frozen(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    given = {
        keyword.arg
        for keyword in node.keywords
        if isinstance(keyword.value, ast.Constant) and keyword.value.value is True
    }
    return {"frozen", "slots"} <= given


def thin_door(page: Page) -> Iterator[str]:
    """A module's `__init__` hands out its port and imports nothing else."""
    allowed = page.path.parent.relative_to("src").as_posix().replace("/", ".") + ".port"
    for node in page.syntax.body:
        if isinstance(node, ast.Expr) or _is_all(node):
            continue
        if not (isinstance(node, ast.ImportFrom) and node.module == allowed):
            yield page.at(node.lineno, "the door only hands out the port")


def _is_all(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and [dotted(target) for target in node.targets] == [
        "__all__"
    ]
