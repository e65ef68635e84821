"""The .proto files say what the code does, and a field number means one thing for ever."""

import re
from dataclasses import make_dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

from bezant.money import Money
from bezant.rpc import numbers, proto, schema
from bezant.rpc.codes import ErrorTold
from bezant.rpc.numbers import NumberChanged
from bezant.rpc.permits import PERMITS
from bezant.rpc.proto import differences, ports, write_protos
from bezant.rpc.wire import contract, derive, message

ROOT = Path(__file__).resolve().parents[2]
WELL_KNOWN = Path(protoc.__file__).parent / "_proto"

pytestmark = pytest.mark.requirement("S001-5", part="rpc")


def test_the_committed_files_are_the_derived_ones():
    assert differences(ROOT / "proto") == ()


def compiled(folder: Path, tmp_path: Path) -> dict[str, FileDescriptorProto]:
    """Read .proto files with protobuf's own compiler, which knows nothing of us."""
    into = tmp_path / "set"
    files = sorted(str(path) for path in (folder / "bezant").glob("*.proto"))
    arguments = ["protoc", f"-I{folder}", f"-I{WELL_KNOWN}", f"--descriptor_set_out={into}", *files]
    assert protoc.main(arguments) == 0
    return {file.name: file for file in FileDescriptorSet.FromString(into.read_bytes()).file}


def plain(file: FileDescriptorProto) -> dict[str, object]:
    """Return a file's messages without what the compiler adds."""
    for found in file.message_type:
        for field in (*found.field, *(each for inner in found.nested_type for each in inner.field)):
            field.ClearField("json_name")
    return {found.name: found for found in file.message_type}


def test_the_compiler_reads_in_them_what_the_code_speaks(tmp_path: Path):
    files = compiled(ROOT / "proto", tmp_path)
    compared = 0
    for port in ports():
        agreed = contract(port)
        for described in schema.describe(agreed.messages):
            written = plain(files[described.name])
            for name, ours in plain(described).items():
                assert written[name] == ours
                compared += 1
        services = {each.name: each for each in files[f"bezant/{agreed.proto}.proto"].service}
        calls = {
            method.name: (method.input_type, method.output_type)
            for method in services[port.__name__].method
        }
        assert calls == {
            method.wire_name: (f".{method.request.full_name}", f".{method.answer.full_name}")
            for method in agreed.methods
        }
    assert compared > 40
    told = plain(schema.describe([message(ErrorTold)])[0])["ErrorTold"]
    assert plain(files["bezant/vocabulary.proto"])["ErrorTold"] == told


def test_every_permitted_port_that_exists_is_described():
    described = {f"{port.__module__.split('.')[1]}.{port.__name__}" for port in ports()}
    assert {"ledger.Ledger", "ledger.LedgerFeed"} <= described <= set(PERMITS)


def book(*fields: tuple[str, Any]) -> type:
    """Make a port whose one command has these fields."""
    command = make_dataclass("Command", fields, frozen=True)

    async def post(self: object, command: object) -> None: ...

    post.__annotations__ = {"command": command, "return": None}
    return type("Book", (Protocol,), {"post": post, "__module__": "book"})  # type: ignore[arg-type]


@pytest.fixture
def written(tmp_path: Path):
    """A described port, and how to describe a changed one."""

    class Written:
        folder = tmp_path / "proto"
        record = tmp_path / "numbers"

        def write(self, port: type) -> tuple[str, ...]:
            self.record.mkdir(exist_ok=True)
            return write_protos(self.folder, [port], self.record)

        def differences(self, port: type) -> tuple[str, ...]:
            return differences(self.folder, [port], self.record)

        def text(self) -> str:
            return (self.folder / "bezant/book.proto").read_text()

        def numbers(self) -> dict[str, int]:
            body = self.text().partition("message Command {")[2].partition("}")[0]
            return {name: int(at) for name, at in re.findall(r"(\w+) = (\d+);", body)}

    made = Written()
    made.write(book(("id", str), ("amount", Money), ("note", str)))
    return made


def test_a_field_keeps_its_number_wherever_it_stands(written: Any):
    assert written.numbers() == {"id": 1, "amount": 2, "note": 3}
    moved = book(("note", str), ("id", str), ("amount", Money))

    assert written.differences(moved) == ()
    assert written.write(moved) == ()
    assert written.numbers() == {"id": 1, "amount": 2, "note": 3}
    found = derive(moved, lambda name: numbers.load(name, written.record)).messages[0]
    assert {each.name: each.number for each in found.fields} == written.numbers()


def test_a_new_field_takes_the_next_number(written: Any):
    grown = book(("id", str), ("first", bool), ("amount", Money), ("note", str))
    assert written.differences(grown)
    written.write(grown)
    assert written.numbers()["first"] == 4


def test_the_number_of_a_field_that_went_is_never_used_again(written: Any):
    written.write(book(("id", str), ("note", str)))
    written.write(book(("id", str), ("note", str), ("later", int)))

    assert written.numbers() == {"id": 1, "note": 3, "later": 4}
    assert "reserved 2;" in written.text()
    assert 'reserved "amount";' in written.text()


def test_a_field_never_changes_its_type(written: Any):
    before = written.text()
    changed = book(("id", str), ("amount", str), ("note", str))

    assert "amount" in written.differences(changed)[0]
    with pytest.raises(NumberChanged, match="amount"):
        written.write(changed)
    assert written.text() == before


def test_a_method_never_changes_what_it_takes(written: Any):
    changed = book(("id", str), ("amount", Money), ("note", str))
    other = make_dataclass("Other", [("id", str)], frozen=True)
    changed.post.__annotations__["command"] = other  # type: ignore[attr-defined]
    with pytest.raises(NumberChanged, match="Post"):
        written.write(changed)


@pytest.mark.parametrize(
    ("old", "new"),
    [("id = 1", "id = 9"), ("string note = 3", "bytes note = 3"), ("note = 3", "remark = 3")],
)
def test_a_text_changed_by_hand_is_noticed(written: Any, old: str, new: str):
    port = book(("id", str), ("amount", Money), ("note", str))
    assert written.differences(port) == ()
    path = written.folder / "bezant/book.proto"
    path.write_text(path.read_text().replace(old, new))
    assert written.differences(port) == ("book.proto",)


def test_a_record_changed_by_hand_is_noticed(written: Any):
    port = book(("id", str), ("amount", Money), ("note", str))
    path = written.record / "book.json"
    path.write_text(path.read_text().replace('"3 string"', '"7 string"'))
    assert written.differences(port) == ("book.proto",)


def test_a_file_of_no_port_is_noticed(written: Any):
    (written.folder / "bezant/old.proto").write_text("")
    port = book(("id", str), ("amount", Money), ("note", str))
    assert written.differences(port) == ("old.proto",)


def test_the_command_tells_differences_by_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(proto, "FOLDER", tmp_path)
    assert proto.main(["--check"]) == 1
    monkeypatch.setattr(proto, "FOLDER", ROOT / "proto")
    assert proto.main(["--check"]) == 0
