"""JSON that two parsers could read differently is refused before either reads it."""

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.http.stand import Stand, note

from bezant.errors import Invalid
from bezant.http.bodies import DEPTH_MAX, MalformedJson, RepeatedKey, TooDeep, check_json

TEXT = '{{"text": {text}, "amount": {{"amount": "1.00", "asset": "EUR"}}}}'
REFUSED = {
    "nothing": b"",
    "half of it": b'{"text": "a"',
    "more than it": b'{"text": "a"} {}',
    "a repeated key": b'{"text": "a", "text": "b", "amount": {"amount": "1", "asset": "EUR"}}',
    "a repeated key inside": b'{"text": "a", "amount": {"amount": "1", "amount": "2"}}',
    "a repeated key by escape": b'{"text": "a", "\\u0074ext": "b"}',
    "NaN": TEXT.format(text="NaN").encode(),
    "Infinity": TEXT.format(text="-Infinity").encode(),
    "half a surrogate pair": TEXT.format(text='"\\ud800 "').encode(),
    "the other half": TEXT.format(text='"\\udc00"').encode(),
    "NUL, escaped": TEXT.format(text='"a\\u0000"').encode(),
    "NUL, after a backslash": TEXT.format(text='"\\\\\\u0000"').encode(),
    "NUL, bare": b'{"text": "\x00"}',
    "a line break in a text": b'{"text": "\n"}',
    "Latin-1": '{"text": "é"}'.encode("latin-1"),
    "UTF-16": '{"text": "a"}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + b'{"text": "a"}',
    "single quotes": b"{'text': 'a'}",
    "a comment": b'{"text": "a"} // fine',
    "a trailing comma": b'{"text": "a",}',
    "depth": b'{"text": ' + b"[" * 200 + b"]" * 200 + b"}",
    "a depth that would end the stack": b"[" * 19_000,
    "depth behind brackets in texts": b'{"]": ' * 40 + b"1" + b"}" * 40,
    "a number of a thousand digits": TEXT.format(text="9" * 5_000).encode(),
    "a number beyond every float": TEXT.format(text="1e999").encode(),
}


@pytest.mark.requirement("S001-7")
@pytest.mark.parametrize("lane", ["/v1/fast", "/v1/ordinary"])
@pytest.mark.parametrize("what", REFUSED)
async def test_both_lanes_refuse(stand: Stand, lane: str, what: str) -> None:
    answer = await stand.post(lane, REFUSED[what])
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert stand.notebook.written == []


@pytest.mark.parametrize("lane", ["/v1/fast", "/v1/ordinary"])
@pytest.mark.parametrize("text", ['"\\ud83d\\ude00"', '"\\\\u0000"', '"é 中 ]]]"', '"a\\u0041"'])
async def test_both_lanes_accept_what_only_looks_odd(stand: Stand, lane: str, text: str) -> None:
    answer = await stand.post(lane, TEXT.format(text=text).encode())
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("lane", ["/v1/fast", "/v1/ordinary"])
@pytest.mark.parametrize(
    "amount", [19.99, 19, 1e3, True, None, [], "1e3", "١", "19,99", " 1", "1.001", "NaN"]
)
async def test_an_amount_is_a_decimal_in_quotes(stand: Stand, lane: str, amount: object) -> None:
    answer = await stand.post(lane, note(amount=amount))
    problem = answer.json()
    assert answer.status_code == 400
    assert problem["field"].startswith("amount")
    if isinstance(amount, float | int) and not isinstance(amount, bool):
        assert problem["code"] == "malformed_amount"
        assert problem["detail"] == 'write the amount as text in quotes, such as "19.99"'
    assert stand.notebook.written == []


@pytest.mark.parametrize("lane", ["/v1/fast", "/v1/ordinary"])
@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ({"amount": "1.00"}, None),
        ({"amount": "1.00", "asset": "XXQ"}, "unknown_asset"),
        ({"amount": "1.00", "asset": "EUR", "more": 1}, None),
        ({"amount": "9" * 60, "asset": "EUR"}, "amount_too_large"),
        ({"amount": "1.001", "asset": "EUR"}, "too_many_decimals"),
        ("1.00 EUR", None),
    ],
)
async def test_an_amount_names_a_known_asset(
    stand: Stand, lane: str, amount: object, code: str | None
) -> None:
    answer = await stand.post(lane, {"text": "a", "amount": amount})
    assert answer.status_code == 400
    assert code is None or answer.json()["code"] == code


@pytest.mark.parametrize("lane", ["/v1/fast", "/v1/ordinary"])
@pytest.mark.parametrize("body", [[], 1, "a", None, {}])
async def test_a_body_is_an_object(stand: Stand, lane: str, body: object) -> None:
    assert (await stand.post(lane, body)).status_code == 400


def test_depth_is_counted_in_objects_and_lists() -> None:
    check_json(b'{"a":' * DEPTH_MAX + b"1" + b"}" * DEPTH_MAX)
    check_json(b"[" * DEPTH_MAX + b"]" * DEPTH_MAX)
    check_json(b"[" + b"[],{}," * 500 + b"1]")
    for deep in (DEPTH_MAX + 1, DEPTH_MAX * 2, 900):
        with pytest.raises(TooDeep):
            check_json(b'{"a":' * deep + b"1" + b"}" * deep)
        with pytest.raises(TooDeep):
            check_json(b"[" * deep + b"]" * deep)


def test_a_key_may_repeat_in_another_object() -> None:
    check_json(b'[{"a": 1}, {"a": 2, "b": {"a": 3}}]')
    with pytest.raises(RepeatedKey):
        check_json(b'[{"a": 1}, {"b": {"a": 3, "a": 3}}]' + b" " * 5)


@given(some.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        check_json(body)
    except (MalformedJson, RepeatedKey, TooDeep) as refused:
        assert isinstance(refused, Invalid)


@given(
    some.recursive(
        some.none()
        | some.booleans()
        | some.integers()
        | some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
        lambda inner: (
            some.lists(inner, max_size=4)
            | some.dictionaries(some.text('ab{}[]"\\', max_size=3), inner, max_size=4)
        ),
        max_leaves=20,
    )
)
def test_what_json_writes_is_accepted(value: object) -> None:
    import json

    check_json(json.dumps(value).encode())
    check_json(json.dumps(value, ensure_ascii=False).encode())
