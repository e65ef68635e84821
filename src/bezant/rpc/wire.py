"""A port as protobuf: messages and a service, derived from the Protocol and its types.

    Ledger.post(command: PostTransfer) -> Transfer    rpc Post(PostTransfer) returns (Transfer)
    Ledger.hold(tenant, mode, hold) -> Hold           rpc Hold(LedgerHoldRequest) returns (Hold)
    Ledger.ledgers(mode) -> tuple[LedgerHead, ...]    … returns (LedgerLedgersAnswer): `value`

A field with a default may be left out, and then means its default; one without must be there if its
type can tell (messages, enums); an empty text or a zero that was left out is an empty text or a
zero. Unknown fields are ignored. Everything is derived once per port; what remains for a call is
one function per field.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, make_dataclass
from functools import cache
from typing import Any, Final, get_type_hints

from google.protobuf.message import DecodeError

from bezant.errors import Invalid
from bezant.money import Money
from bezant.rpc import numbers, schema
from bezant.rpc.codes import MessageTooLarge
from bezant.rpc.methods import NotOnTheWire, method_names
from bezant.rpc.shapes import Convert, Shape, shape_of, whole_number

MESSAGE_BYTES_MAX = 16 * 1024 * 1024  # A batch of 1,000 transfers with a hundred legs each fits.

VOCABULARY: Final = "vocabulary"
VOCABULARY_MODULES = frozenset(
    {"bezant.actor", "bezant.events", "bezant.exchange", "bezant.money", "bezant.rpc.codes"}
)
PROTO_NAMES: Mapping[str, str] = {
    "payments": "payment",
    "people": "profile",
    "risk": "rule_engine",
    "wallets": "wallet",
}
"""The names of the .proto files are fixed; where our folder has another name, it stands here."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message."""

    name: str
    number: int
    shape: Shape
    default: Callable[[], object] | None
    """What a left-out field means; None if it may not be left out."""
    tracked: bool
    """Whether the message remembers if the field was set, although its type alone would not."""

    @property
    def tells_presence(self) -> bool:
        """Tell whether one can see that the field was left out."""
        one = not (self.shape.repeated or self.shape.map)
        return one and (self.shape.message or self.tracked)


class Message:
    """A frozen dataclass as a protobuf message."""

    def __init__(self, kind: type, proto: str, package: str) -> None:
        self.kind = kind
        self.proto = proto
        self.package = package
        self.name = kind.__name__
        self.full_name = f"{package}.{self.name}"
        self.fields: tuple[Field, ...] = ()
        self.protobuf: Any = None
        self._writers: tuple[tuple[str, Convert | None, bool], ...] = ()
        self._readers: tuple[tuple[Field, bool, Convert | None], ...] = ()

    def complete(self, found: tuple[Field, ...]) -> None:
        """Take the fields, once all messages they mention exist."""
        self.fields = found
        self._writers = tuple((f.name, f.shape.encode, f.shape.nullable) for f in found)
        self._readers = tuple((f, f.tells_presence, f.shape.decode) for f in found)

    def encode(self, value: object) -> dict[str, object]:
        """Turn a dataclass into what the protobuf message is made of."""
        wire: dict[str, object] = {}
        for name, convert, nullable in self._writers:
            item = getattr(value, name)
            if item is not None:
                wire[name] = item if convert is None else convert(item)
            elif not nullable:
                raise Invalid("this is missing", field=name)
        return wire

    def decode(self, wire: Any) -> Any:
        """Turn a protobuf message into its dataclass."""
        values: dict[str, object] = {}
        name = ""
        try:
            for item, tells, convert in self._readers:
                name = item.name
                if tells and not wire.HasField(name):
                    if item.default is None:
                        raise Invalid("this is missing")
                    values[name] = item.default()
                else:
                    value = getattr(wire, name)
                    values[name] = value if convert is None else convert(value)
        except Invalid as mistake:
            mistake.field = f"{name}.{mistake.field}" if mistake.field else name
            raise
        try:
            return self.kind(**values)
        except (AssertionError, ArithmeticError, TypeError, ValueError) as mistake:
            raise Invalid(f"this is no {self.name}") from mistake

    def to_bytes(self, value: object) -> bytes:
        """Write a dataclass as protobuf bytes."""
        try:
            written: bytes = self.protobuf(**self.encode(value)).SerializeToString()
        except (AttributeError, ArithmeticError, TypeError, ValueError) as mistake:
            raise Invalid(f"a value in {self.name} has the wrong type or size") from mistake
        if len(written) > MESSAGE_BYTES_MAX:
            raise MessageTooLarge(f"a message has at most {MESSAGE_BYTES_MAX} bytes")
        return written

    def from_bytes(self, written: bytes) -> Any:
        """Read a dataclass from protobuf bytes."""
        try:
            wire = self.protobuf.FromString(written)
        except DecodeError:
            raise Invalid(f"this is no {self.name}") from None
        return self.decode(wire)


@dataclass(frozen=True, slots=True)
class Method:
    """One method of a port on the wire."""

    name: str
    request: Message
    answer: Message
    direct: bool
    """Whether the request message is the method's only argument, not a list of arguments."""
    bare: bool
    """Whether the answer message is the method's answer, instead of holding it in `value`."""
    document: str

    @property
    def wire_name(self) -> str:
        """Return the method's name in the gRPC service."""
        return camel(self.name)

    def ask(self, arguments: tuple[object, ...], named: Mapping[str, object]) -> bytes:
        """Write the arguments of a call."""
        if self.direct:
            (command,) = (*arguments, *named.values())
            return self.request.to_bytes(command)
        return self.request.to_bytes(self.request.kind(*arguments, **named))

    def asked(self, written: bytes) -> tuple[object, ...]:
        """Read the arguments of a call, in their order."""
        request = self.request.from_bytes(written)
        if self.direct:
            return (request,)
        return tuple(getattr(request, item.name) for item in self.request.fields)

    def tell(self, answer: object) -> bytes:
        """Write the answer of a call."""
        if self.bare:
            return self.answer.to_bytes(answer)
        return self.answer.to_bytes(self.answer.kind(*([answer] if self.answer.fields else ())))

    def told(self, written: bytes) -> Any:
        """Read the answer of a call."""
        answer = self.answer.from_bytes(written)
        if self.bare:
            return answer
        return answer.value if self.answer.fields else None


@dataclass(frozen=True, slots=True)
class Contract:
    """Everything a port says on the wire."""

    port: type
    proto: str
    service: str
    """The full name of the gRPC service, such as `bezant.ledger.Ledger`."""
    methods: tuple[Method, ...]
    messages: tuple[Message, ...] = field(repr=False)


@cache
def contract(port: type) -> Contract:
    """Derive a port's messages and service, ready to use."""
    derived = derive(port, numbers.recorded)
    schema.load(derived.messages)
    return derived


def derive(port: type, recorded: Callable[[str], numbers.Numbers]) -> Contract:
    """Derive a port's messages and service from its types."""
    reading = _Reading(port, recorded)
    methods = tuple(reading.method(name) for name in method_names(port))
    return Contract(
        port=port,
        proto=reading.proto,
        service=f"{reading.package}.{port.__name__}",
        methods=methods,
        messages=tuple(reading.messages.values()),
    )


def derive_messages(kind: type, recorded: Callable[[str], numbers.Numbers]) -> tuple[Message, ...]:
    """Derive the message of one dataclass, first, and those it mentions."""
    reading = _Reading(kind, recorded)
    reading.message(kind)
    return tuple(reading.messages.values())


@cache
def message(kind: type) -> Message:
    """Derive the message of one dataclass, ready to use, for what travels beside calls."""
    found = derive_messages(kind, numbers.recorded)
    schema.load(found)
    return found[0]


def camel(name: str) -> str:
    """Write a method's name as gRPC services spell it."""
    return "".join(part.capitalize() for part in name.split("_"))


class _Reading:
    """Reads one port."""

    def __init__(self, port: type, recorded: Callable[[str], numbers.Numbers]) -> None:
        home = port.__module__.split(".")
        inside = home[0] == "bezant" and len(home) > 2
        self.port = port
        self.proto = PROTO_NAMES.get(home[1], home[1]) if inside else home[-1]
        self.package = f"bezant.{self.proto}"
        self.messages: dict[type, Message] = {}
        self._recorded = recorded

    def method(self, name: str) -> Method:
        function = getattr(self.port, name)
        hints = get_type_hints(function)
        parameters = list(inspect.signature(function).parameters.values())[1:]
        answer = hints.get("return", type(None))
        only = hints[parameters[0].name] if len(parameters) == 1 else None
        direct, bare = _is_message(only), _is_message(answer)
        label = f"{self.port.__name__}{camel(name)}"
        request = only if direct else _request(label, parameters, hints)
        reply = answer if bare else _answer(label, answer)
        return Method(
            name=name,
            request=self.message(request),
            answer=self.message(reply),
            direct=direct,
            bare=bare,
            document=inspect.getdoc(function) or "",
        )

    def _shape(self, kind: type) -> Shape:
        found = self.message(kind)
        return Shape(found.full_name, found.encode, found.decode, message=True)

    def message(self, kind: Any) -> Message:
        if kind in self.messages:
            return self.messages[kind]
        if not kind.__dataclass_params__.frozen:
            raise NotOnTheWire(f"{kind.__name__} is not frozen: what travels never changes")
        common = kind.__module__ in VOCABULARY_MODULES
        proto, package = (VOCABULARY, "bezant") if common else (self.proto, self.package)
        made = self.messages[kind] = Message(kind, proto, package)
        twins = [other for other in self.messages.values() if other.full_name == made.full_name]
        if len(twins) > 1:
            raise NotOnTheWire(f"two classes are called {made.full_name}")
        hints = get_type_hints(kind)
        shapes = {item.name: shape_of(hints[item.name], self._shape) for item in fields(kind)}
        if kind is Money:
            shapes["minor"] = whole_number()
        signatures = {name: shape.signature for name, shape in shapes.items()}
        assigned = self._recorded(proto).of(made.full_name, signatures)
        defaults = {item.name: _default(item) for item in fields(kind)}
        made.complete(
            tuple(
                _field(name, assigned[name], shape, defaults[name])
                for name, shape in shapes.items()
            )
        )
        return made


def _field(name: str, number: int, shape: Shape, default: Callable[[], object] | None) -> Field:
    value = default() if default is not None else None
    if shape.nullable:
        if value is not None:
            raise NotOnTheWire(f"{name}: left out means None, so its default is None")
        return Field(name, number, shape, lambda: None, tracked=not shape.message)
    if shape.repeated or shape.map:
        if value:
            raise NotOnTheWire(f"{name}: left out means empty, so its default is empty")
        return Field(name, number, shape, default, tracked=False)
    # A default other than the empty one must be told apart from a zero that was sent.
    empty = shape.decode is None and not value
    tracked = default is not None and not empty and not shape.message
    return Field(name, number, shape, default, tracked=tracked)


def _default(item: Any) -> Callable[[], object] | None:
    if item.default is not MISSING:
        value = item.default
        return lambda: value
    return None if item.default_factory is MISSING else item.default_factory


def _is_message(annotation: object) -> bool:
    return isinstance(annotation, type) and is_dataclass(annotation)


def _request(label: str, parameters: list[inspect.Parameter], hints: dict[str, Any]) -> type:
    made: list[tuple[str, Any, Any]] = []
    for parameter in parameters:
        if parameter.kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD:
            raise NotOnTheWire(f"{label}: {parameter.name} is not a plain parameter")
        empty = parameter.default is inspect.Parameter.empty
        made.append(
            (
                parameter.name,
                hints[parameter.name],
                field() if empty else field(default=parameter.default),
            )
        )
    return make_dataclass(f"{label}Request", made, frozen=True)


def _answer(label: str, annotation: Any) -> type:
    made = [] if annotation is type(None) else [("value", annotation)]
    return make_dataclass(f"{label}Answer", made, frozen=True)
