"""What goes over the wire comes out the same, or is refused with a word about where."""

from collections.abc import Mapping
from dataclasses import dataclass, make_dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rpc.sample import Colour, Part, Sample, Whole, Wish

from bezant.errors import BezantError, Invalid
from bezant.ledger.port import Ledger, LedgerFeed
from bezant.money import ASSETS, EUR, MINOR_MAX, Money
from bezant.rpc.codes import MessageTooLarge
from bezant.rpc.methods import NotOnTheWire
from bezant.rpc.wire import MESSAGE_BYTES_MAX, Contract, Method, contract
from bezant.secret import Secret

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
moneys = st.builds(
    Money, st.integers(-MINOR_MAX, MINOR_MAX), st.sampled_from(sorted(ASSETS.values(), key=str))
)
instants = st.datetimes(timezones=st.just(UTC))
decimals = st.decimals(-(10**30), 10**30, places=12)
jsons: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
wholes = st.builds(
    Whole,
    text=texts,
    number=st.integers(-(2**63), 2**63 - 1),
    flag=st.booleans(),
    data=st.binary(max_size=40),
    colour=st.sampled_from(Colour),
    money=moneys,
    asset=st.sampled_from(sorted(ASSETS.values(), key=str)),
    at=instants,
    on=st.dates(),
    rate=decimals,
    parts=st.lists(st.builds(Part, texts, moneys), max_size=3).map(tuple),
    days=st.lists(st.dates(), max_size=3).map(tuple),
    names=st.frozensets(texts, max_size=3),
    labels=st.dictionaries(texts, texts, max_size=3),
    facts=st.dictionaries(texts, jsons, max_size=3),
    secret=texts.map(Secret),
    hidden=st.binary(max_size=10).map(Secret),
    perhaps=st.none() | texts,
    perhaps_number=st.none() | st.integers(-5, 5),
    perhaps_money=st.none() | moneys,
    perhaps_at=st.none() | instants,
    perhaps_colour=st.none() | st.sampled_from(Colour),
    limit=st.integers(-5, 5),
    on_by_default=st.booleans(),
    liked=st.sampled_from(Colour),
    note=texts,
    tags=st.dictionaries(texts, texts, max_size=3),
)


def method(name: str, port: type = Sample) -> Method:
    return next(each for each in contract(port).methods if each.name == name)


def field_names(kind: type) -> list[str]:
    return list(kind.__dataclass_fields__)  # type: ignore[attr-defined]


def told(value: object) -> object:
    """Secrets compare by what they hold."""
    return value.reveal() if isinstance(value, Secret) else value


@settings(max_examples=300, deadline=None)
@given(wholes, st.none() | wholes)
def test_a_value_comes_out_as_it_went_in(whole: Whole, inner: Whole | None):
    echo = method("echo")
    sent = Whole(**{n: getattr(whole, n) for n in field_names(Whole) if n != "inner"}, inner=inner)

    (received,) = echo.asked(echo.ask((sent,), {}))

    for name in field_names(Whole):
        if name != "inner":
            assert told(getattr(received, name)) == told(getattr(sent, name)), name
    assert (received.inner is None) == (inner is None)
    assert type(received.colour) is Colour


@pytest.mark.parametrize("minor", [0, 1, -1, 10**30, -(10**30), MINOR_MAX, -MINOR_MAX])
def test_every_amount_fits(minor: int):
    many = method("many")
    parts = (Part("a", Money(minor, ASSETS["ETH"])),)
    assert many.told(many.tell(parts)) == parts


@pytest.mark.parametrize(
    "at",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2026, 3, 1, 0, 0, 0, 1, tzinfo=timezone(timedelta(hours=14))),
    ],
)
def test_an_instant_is_exact_to_the_microsecond(at: datetime):
    assert sent_through(At, At(at)) == At(at)


@dataclass(frozen=True)
class At:
    at: datetime


def sent_through(kind: type, value: object) -> object:
    one = method("send", port_of(kind))
    (received,) = one.asked(one.ask((value,), {}))
    return received


def port_of(annotation: object) -> type:
    """Make a port with one method that takes this."""

    async def send(self: object, command: object) -> None: ...

    send.__annotations__ = {"command": annotation, "return": None}
    # type: ignore[arg-type]
    return type("Made", (Protocol,), {"send": send, "__module__": __name__})


def test_what_is_left_out_means_its_default():
    several = method("several")
    empty = several.request.protobuf(text="a", number=1).SerializeToString()
    assert several.asked(empty) == ("a", 1, Colour.RED)


def test_a_zero_that_was_sent_is_not_the_default():
    echo = method("echo")
    whole = example(limit=0, on_by_default=False)
    (received,) = echo.asked(echo.ask((whole,), {}))
    assert (received.limit, received.on_by_default) == (0, False)


def test_fields_nobody_knows_are_ignored():
    wish = method("wish")
    unknown = b"\xf2\x3f\x03abc" + b"\xf8\x3f\x05"  # Fields 1022 and 1023.
    assert wish.asked(wish.ask((Wish("w", "x", 3),), {}) + unknown) == (Wish("w", "x", 3),)


def example(**other: object) -> Whole:
    values: dict[str, Any] = {
        "text": "t",
        "number": 1,
        "flag": True,
        "data": b"d",
        "colour": Colour.RED,
        "money": EUR(1),
        "asset": EUR,
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "on": date(2026, 1, 1),
        "rate": Decimal("1.5"),
        "parts": (),
        "days": (),
        "names": frozenset[str](),
        "labels": {},
        "facts": {},
        "secret": Secret("s"),
        "hidden": Secret(b"h"),
    }
    return Whole(**{**values, **other})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"colour": "green"}, "colour"),
        ({"colour": ""}, "colour"),
        ({"money": None}, "money"),
        ({"money": {"minor": "19.99", "asset": "EUR"}}, "money.minor"),
        ({"money": {"minor": "1e3", "asset": "EUR"}}, "money.minor"),
        ({"money": {"minor": "", "asset": "EUR"}}, "money.minor"),
        ({"money": {"minor": "٣", "asset": "EUR"}}, "money.minor"),
        ({"money": {"minor": "1", "asset": "XXX"}}, "money.asset"),
        ({"money": {"minor": "9" * 39, "asset": "EUR"}}, "money"),
        ({"asset": "eur"}, "asset"),
        ({"at": None}, "at"),
        ({"at": {"seconds": 0, "nanos": 1}}, "at"),
        ({"at": {"seconds": 0, "nanos": -1_000}}, "at"),
        ({"at": {"seconds": 0, "nanos": 1_000_000_000}}, "at"),
        ({"at": {"seconds": 2**62}}, "at"),
        ({"at": {"seconds": -(2**62)}}, "at"),
        ({"on": "2026-02-30"}, "on"),
        ({"on": "20260228"}, "on"),
        ({"rate": "NaN"}, "rate"),
        ({"rate": "1e9"}, "rate"),
        ({"rate": "1" * 500}, "rate"),
        ({"facts": '{"a": 1.5}'}, "facts"),
        ({"facts": '{"a": NaN}'}, "facts"),
        ({"facts": "[1]"}, "facts"),
        ({"facts": "{"}, "facts"),
        ({"facts": "[" * 100_000}, "facts"),
        ({"facts": '{"a": ' + "9" * 5_000 + "}"}, "facts"),
        ({"parts": [{"name": "a", "amount": {"minor": "1.0", "asset": "EUR"}}]}, None),
    ],
)
def test_what_makes_no_sense_is_refused_and_named(change: Mapping[str, Any], field: str | None):
    echo = method("echo")
    sound = echo.request.encode(example())
    assert echo.asked(echo.request.protobuf(**sound).SerializeToString())  # Without the change.

    written = echo.request.protobuf(**{**sound, **change}).SerializeToString()
    with pytest.raises(Invalid) as refused:
        echo.asked(written)

    assert field is None or refused.value.field == field


@pytest.mark.parametrize(
    "change",
    [
        {"number": 2**63},
        {"number": 1.5},
        {"number": None},
        {"text": "\ud800"},
        {"text": 5},
        {"money": 19.99},
        {"rate": 1.5},
        {"rate": Decimal("NaN")},
        {"rate": Decimal("1E+1000")},
        {"at": datetime(2026, 1, 1)},  # An hour of nowhere.
        {"facts": {"price": 19.99}},
        {"facts": {"what": object()}},
        {"labels": {"a": 5}},
    ],
)
def test_what_does_not_fit_is_refused_before_it_is_sent(change: Mapping[str, Any]):
    with pytest.raises(Invalid):
        method("echo").ask((example(**change),), {})


def test_a_message_has_a_largest_size():
    echo = method("echo")
    with pytest.raises(MessageTooLarge):
        echo.ask((example(data=b"x" * MESSAGE_BYTES_MAX),), {})
    assert echo.ask((example(data=b"x" * (MESSAGE_BYTES_MAX // 2)),), {})


def test_garbage_is_invalid():
    with pytest.raises(Invalid):
        method("echo").asked(b"\xff\xff\xff\xff")


@pytest.mark.parametrize(
    ("annotation", "word"),
    [
        (make_dataclass("A", [("amount", float)], frozen=True), "float"),
        (make_dataclass("A", [("amount", complex)], frozen=True), "float"),
        (make_dataclass("A", [("amount", tuple[float, ...])], frozen=True), "float"),
        (make_dataclass("A", [("amount", dict[str, str])], frozen=True), "no shape"),
        (make_dataclass("A", [("amount", Mapping[str, int])], frozen=True), "no shape"),
        (make_dataclass("A", [("amount", object)], frozen=True), "no shape"),
        (make_dataclass("A", [("amount", str | int)], frozen=True), "no other union"),
        (make_dataclass("A", [("amount", tuple[str, ...] | None)], frozen=True), "absent list"),
        (make_dataclass("A", [("amount", tuple[str | None, ...])], frozen=True), "repeated"),
        (make_dataclass("A", [("amount", tuple[int, int])], frozen=True), "no shape"),
        (make_dataclass("A", [("amount", int)]), "not frozen"),
    ],
)
def test_a_port_that_cannot_travel_is_refused_when_it_is_read(annotation: object, word: str):
    with pytest.raises(NotOnTheWire, match=word):
        contract(port_of(annotation))


def test_a_port_has_asynchronous_methods_only():
    class Blocking(Protocol):
        def now(self) -> int: ...

    with pytest.raises(NotOnTheWire, match="asynchronous"):
        contract(Blocking)


@pytest.mark.parametrize("port", [Ledger, LedgerFeed])
def test_the_ledger_has_a_contract(port: type):
    found: Contract = contract(port)
    assert found.service == f"bezant.ledger.{port.__name__}"
    assert found.methods


def test_an_error_never_repeats_what_was_sent():
    echo = method("echo")
    sound = echo.request.encode(example())
    for change in ({"colour": "4111111111111111"}, {"rate": "4111111111111111x"}):
        with pytest.raises(BezantError) as refused:
            echo.asked(echo.request.protobuf(**{**sound, **change}).SerializeToString())
        assert "4111" not in str(refused.value)
