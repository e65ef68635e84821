"""A secret shows itself to nobody who did not ask by name."""

import copy
import json
import logging
import pickle
from dataclasses import dataclass

import pytest

from bezant.secret import MASK, Secret

VALUE = "sesame-4711"


@dataclass(frozen=True, slots=True)
class Holder:
    name: str
    password: Secret[str]


def shown(secret: Secret[str]) -> list[str]:
    return [
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>40}",
        f"{secret!r}",
        "%s %r" % (secret, secret),  # noqa: UP031
        "{}".format(secret),  # noqa: UP032
        repr([secret]),
        repr({"password": secret}),
        repr(Holder("a", secret)),
        logging.LogRecord("n", 10, "p", 1, "%s", (secret,), None).getMessage(),
        repr(ValueError(secret)),
        str(ValueError(secret)),
    ]


def test_no_way_of_printing_shows_the_value():
    for text in shown(Secret(VALUE)):
        assert VALUE not in text
        assert MASK in text


def test_the_same_ways_show_a_plain_string():
    """The control: were the value not wrapped, every one of these would tell it."""
    plain: Secret[str] = VALUE  # pyright: ignore[reportAssignmentType]
    assert all(VALUE in text for text in shown(plain))


def test_only_reveal_gives_the_value():
    assert Secret(VALUE).reveal() == VALUE
    assert Secret(b"\x00\xff").reveal() == b"\x00\xff"


def test_it_is_compared_by_asking_it():
    assert Secret(VALUE).equals(VALUE)
    assert not Secret(VALUE).equals(VALUE + "x")
    assert Secret("pässwort").equals("pässwort")
    assert Secret(b"key").equals(b"key")
    assert not Secret(b"key").equals(b"")


@pytest.mark.parametrize(
    "send", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, lambda secret: secret.__dict__]
)
def test_it_does_not_travel(send):
    with pytest.raises((TypeError, AttributeError)):
        send(Secret(VALUE))


def test_two_secrets_of_one_value_are_not_equal_by_accident():
    assert Secret(VALUE) != Secret(VALUE)
    assert Secret(VALUE) != VALUE
