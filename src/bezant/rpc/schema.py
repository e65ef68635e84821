"""Messages as protobuf descriptors, made known to the protobuf runtime without its compiler."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from google.protobuf import timestamp_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from bezant.rpc.shapes import TIMESTAMP

if TYPE_CHECKING:
    from bezant.rpc.wire import Field, Message

_SCALARS = {
    "string": FieldDescriptorProto.TYPE_STRING,
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
}
_TIMESTAMP_FILE = "google/protobuf/timestamp.proto"


def load(messages: Iterable["Message"]) -> None:
    """Give every message its protobuf class, all from one pool of their own."""
    found = tuple(messages)
    pool = DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    for description in describe(found):
        pool.AddSerializedFile(description.SerializeToString())
    for message in found:
        message.protobuf = GetMessageClass(pool.FindMessageTypeByName(message.full_name))


def describe(messages: Iterable["Message"]) -> tuple[FileDescriptorProto, ...]:
    """Describe messages as .proto files, those that others import first."""
    files: dict[str, FileDescriptorProto] = {}
    for message in sorted(messages, key=lambda message: message.full_name):
        file = files.setdefault(
            message.proto,
            FileDescriptorProto(
                name=file_name(message.proto), package=message.package, syntax="proto3"
            ),
        )
        _describe_message(file.message_type.add(), message)
        for needed in imports(message):
            if needed not in file.dependency:
                file.dependency.append(needed)
    for file in files.values():
        file.dependency.sort()
    return tuple(sorted(files.values(), key=lambda file: len(file.package)))


def file_name(proto: str) -> str:
    """Return the path of a .proto file as others import it."""
    return f"bezant/{proto}.proto"


def imports(message: "Message") -> Iterable[str]:
    """Name the .proto files that a message's fields come from."""
    for field in message.fields:
        if field.shape.type == TIMESTAMP:
            yield _TIMESTAMP_FILE
        elif field.shape.message and field.shape.type.startswith("bezant."):
            package = field.shape.type.rpartition(".")[0]
            if package != message.package:
                yield file_name("vocabulary")


def _describe_message(into: DescriptorProto, message: "Message") -> None:
    into.name = message.name
    for field in sorted(message.fields, key=lambda field: field.number):
        described = into.field.add(name=field.name, number=field.number)
        described.label = (
            FieldDescriptorProto.LABEL_REPEATED
            if field.shape.repeated or field.shape.map
            else FieldDescriptorProto.LABEL_OPTIONAL
        )
        if field.shape.map:
            _describe_map(into, described, message)
        elif field.shape.message:
            described.type = FieldDescriptorProto.TYPE_MESSAGE
            described.type_name = f".{field.shape.type}"
        else:
            described.type = _SCALARS[field.shape.type]
        if field.tracked:
            _describe_presence(into, described, field)


def _describe_map(
    into: DescriptorProto, described: FieldDescriptorProto, message: "Message"
) -> None:
    entry = into.nested_type.add(name=f"{_camel(described.name)}Entry")
    entry.options.map_entry = True
    for number, name in enumerate(("key", "value"), start=1):
        entry.field.add(
            name=name,
            number=number,
            label=FieldDescriptorProto.LABEL_OPTIONAL,
            type=FieldDescriptorProto.TYPE_STRING,
        )
    described.type = FieldDescriptorProto.TYPE_MESSAGE
    described.type_name = f".{message.full_name}.{entry.name}"


def _describe_presence(
    into: DescriptorProto, described: FieldDescriptorProto, field: "Field"
) -> None:
    described.proto3_optional = True
    described.oneof_index = len(into.oneof_decl)
    into.oneof_decl.add(name=f"_{field.name}")


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
