"""The ports as .proto files, for other languages: derived, committed, compared in a test.

    python -m bezant.rpc.proto            write proto/bezant/*.proto and record new field numbers
    python -m bezant.rpc.proto --check    only tell what is different

The ports are those of the table of permits: what nobody may call is not described.
"""

import importlib
import pkgutil
import sys
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import bezant
from bezant.rpc import numbers
from bezant.rpc.codes import ErrorTold
from bezant.rpc.numbers import Numbers
from bezant.rpc.permits import PERMITS
from bezant.rpc.schema import file_name, imports
from bezant.rpc.wire import Contract, Field, Message, derive, derive_messages

HEADER = "// Derived from the ports by `make proto`; changed by hand, it is only wrong.\n"
COMMENT_WIDTH = 94
FOLDER = Path("proto")  # Where `make proto` is called from, it is here.


@dataclass(slots=True)
class ProtoFile:
    """One .proto file in the making."""

    name: str
    package: str
    contracts: list[Contract] = field(default_factory=list["Contract"])
    messages: dict[str, Message] = field(default_factory=dict[str, "Message"])


def ports() -> tuple[type, ...]:
    """Find every port of the table of permits among the modules that exist."""
    here = {info.name for info in pkgutil.iter_modules(bezant.__path__) if info.ispkg}
    found: list[type] = []
    for name in sorted(PERMITS):
        module, _, port = name.partition(".")
        if module in here:
            found.append(getattr(importlib.import_module(f"bezant.{module}.port"), port))
    return tuple(found)


def write_protos(
    folder: Path,
    described: Iterable[type] | None = None,
    record: Path = numbers.RECORD,
) -> tuple[str, ...]:
    """Record new field numbers and write the .proto files; returns the names of changed files.

    Raises `NumberChanged`, and writes nothing, if a recorded field or method would mean something
    else.
    """
    texts = _texts(folder, ports() if described is None else described, record)
    changed: list[str] = []
    for path, text in texts.items():
        if not path.exists() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            changed.append(path.name)
    numbers.recorded.cache_clear()
    return tuple(changed)


def differences(
    folder: Path,
    described: Iterable[type] | None = None,
    record: Path = numbers.RECORD,
) -> tuple[str, ...]:
    """Name what `write_protos` would change or refuse; nothing, if text, record and code agree."""
    try:
        texts = _texts(folder, ports() if described is None else described, record)
    except numbers.NumberChanged as change:
        return (str(change),)
    known = {path for path in texts if path.exists() and path.read_text() == texts[path]}
    stray = {path for path in (folder / "bezant").glob("*.proto") if path not in texts}
    return tuple(sorted(path.name for path in stray | (set(texts) - known)))


def _texts(folder: Path, described: Iterable[type], record: Path) -> dict[Path, str]:
    """Return the content of every file that must exist, records included."""
    chosen = tuple(described)
    files = _files(chosen, lambda proto: numbers.load(proto, record))
    kept = {name: _recorded(file, numbers.load(name, record)) for name, file in files.items()}
    texts: dict[Path, str] = {}
    for name, file in files.items():
        texts[folder / file_name(name)] = proto_text(file, kept[name])
        texts[record / f"{name}.json"] = kept[name].text()
    return texts


def _files(chosen: Iterable[type], load: Callable[[str], Numbers]) -> dict[str, ProtoFile]:
    contracts = [derive(port, load) for port in chosen]
    files: dict[str, ProtoFile] = {}
    for found in (derive_messages(ErrorTold, load), *(each.messages for each in contracts)):
        for message in found:
            file = files.setdefault(message.proto, ProtoFile(message.proto, message.package))
            file.messages[message.full_name] = message
    for contract in contracts:
        files[contract.proto].contracts.append(contract)
    return files


def _recorded(file: ProtoFile, record: Numbers) -> Numbers:
    for message in file.messages.values():
        wanted = {item.name: item.shape.signature for item in message.fields}
        record = record.with_message(message.full_name, wanted)
    for contract in file.contracts:
        for method in contract.methods:
            signature = f"{method.request.full_name} -> {method.answer.full_name}"
            record = record.with_call(contract.service, method.wire_name, signature)
    return record


def proto_text(file: ProtoFile, record: Numbers) -> str:
    """Write one .proto file."""
    needed = sorted({name for message in file.messages.values() for name in imports(message)})
    parts = [HEADER, 'syntax = "proto3";\n', f"package {file.package};\n"]
    if needed:
        parts.append("".join(f'import "{name}";\n' for name in needed))
    parts.extend(_service_text(contract) for contract in file.contracts)
    parts.extend(_message_text(file.messages[name], record) for name in sorted(file.messages))
    return "\n".join(parts)


def _service_text(contract: Contract) -> str:
    lines = [*_comment(contract.port.__doc__), f"service {contract.port.__name__} {{"]
    for method in contract.methods:
        lines.extend(_comment(method.document, "  "))
        # With a dot in front, for a method may have the name of a message.
        asked, told = method.request.full_name, method.answer.full_name
        lines.append(f"  rpc {method.wire_name}(.{asked}) returns (.{told});")
    return "\n".join([*lines, "}", ""])


def _message_text(message: Message, record: Numbers) -> str:
    document = message.kind.__doc__ or ""
    ours = not document.startswith(f"{message.name}(")  # What a dataclass without words says.
    lines = [*_comment(document if ours else ""), f"message {message.name} {{"]
    present = {item.name: item.shape.signature for item in message.fields}
    gone = record.gone(message.full_name, present)
    if gone:
        lines.append(f"  reserved {', '.join(str(number) for number in sorted(gone.values()))};")
        names = ", ".join(f'"{name}"' for name in sorted(gone))
        lines.append(f"  reserved {names};")
    numbered = sorted(message.fields, key=lambda item: item.number)
    lines.extend(_field_text(item, message.package) for item in numbered)
    return "\n".join([*lines, "}", ""])


def _field_text(item: Field, package: str) -> str:
    label = "optional " if item.tracked else ""
    kind = item.shape.signature
    written = kind if item.shape.map else _label_and_type(kind, package)
    note = f"  // {item.shape.note}" if item.shape.note else ""
    return f"  {label}{written} {item.name} = {item.number};{note}"


def _label_and_type(signature: str, package: str) -> str:
    label, _, kind = signature.rpartition(" ")
    home, _, short = kind.rpartition(".")
    written = short if home == package else kind
    return f"{label} {written}" if label else written


def _comment(document: str | None, indent: str = "") -> list[str]:
    text = " ".join((document or "").strip().split("\n\n")[0].split())
    return [f"{indent}// {line}" for line in textwrap.wrap(text, COMMENT_WIDTH - len(indent))]


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` tell what is different."""
    if "--check" in arguments:
        different = differences(FOLDER)
        for name in different:
            sys.stdout.write(f"different: {name}\n")
        return 1 if different else 0
    for name in write_protos(FOLDER):
        sys.stdout.write(f"written: {name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
