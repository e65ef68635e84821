"""What every connector does, whatever the provider: only an explicit yes is a yes."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.psp.recorded import RECORDED, Shape, answer
from tests.psp.shops import BANK, METHODS, charge_of, step_of
from tests.psp.stories import AMOUNTS

from bezant.exchange import PLACEHOLDERS, Encoding, ProviderAnswer, Sending
from bezant.money import EUR, Money
from bezant.psp.answers import MISMATCH
from bezant.psp.document import BYTES_MAX
from bezant.psp.port import Charge, Connector, FollowUp, NotOfferedByProvider, Result, Verdict
from bezant.psp.registry import NAMES, connector_of

DONE = {
    "charge": Result.CAPTURED,
    "capture": Result.CAPTURED,
    "void": Result.VOIDED,
    "refund": Result.REFUNDED,
}
YES = frozenset(DONE.values()) | {Result.AUTHORIZED}
STEPS = [(name, step) for name, recorded in RECORDED.items() for step in recorded.steps]
SENT = [(name, step) for name, step in STEPS if name != "bank" or step == "refund"]


def connector(provider: str) -> Connector:
    return connector_of(provider, BANK)


def case(provider: str, operation: str) -> Charge | FollowUp:
    """Return a charge, or a step on one."""
    charge = charge_of(provider, AMOUNTS.get(provider, EUR(12_00)))
    if operation == "charge":
        return charge
    known = Verdict(Result.CAPTURED, "ref_1", "part_1", payer={"iban": BANK.iban, "name": "P"})
    return step_of(charge, known)


def read(provider: str, operation: str, it: Charge | FollowUp, said: ProviderAnswer) -> Verdict:
    here = connector(provider)
    if isinstance(it, Charge):
        return here.charged(it, said)
    readers: dict[str, Callable[[FollowUp, ProviderAnswer], Verdict]] = {
        "capture": here.captured,
        "void": here.voided,
        "refund": here.refunded,
    }
    return readers[operation](it, said)


def put(shape: Shape, path: tuple[str | int, ...], value: object) -> Shape:
    """Return the shape with another value at a path."""
    changed = deepcopy(shape)
    at = changed
    for name in path[:-1]:
        at = at[name]
    assert path[-1] in at or isinstance(path[-1], int), "the path leads somewhere"
    at[path[-1]] = value
    return changed


def yes(provider: str, operation: str, it: Charge | FollowUp) -> Shape:
    found = RECORDED[provider].yes(operation, it)
    assert not isinstance(found, bytes)
    return found


def test_every_provider_is_in_the_suite():
    assert set(RECORDED) == set(NAMES) == set(METHODS)


@pytest.mark.requirement("S004-1")
@pytest.mark.parametrize(("provider", "operation"), SENT)
def test_an_explicit_yes_is_a_yes(provider: str, operation: str):
    it = case(provider, operation)
    told = read(provider, operation, it, answer(RECORDED[provider].yes(operation, it)))
    assert told.result is DONE[operation], told
    assert told.amount in {None, it.amount}
    assert told.amount is not None or operation == "void"


@pytest.mark.parametrize(("provider", "operation"), SENT)
@pytest.mark.parametrize(
    ("said", "result"),
    [
        (ProviderAnswer(Sending.NOT_SENT), Result.NOT_SENT),
        (ProviderAnswer(Sending.SILENT), Result.UNKNOWN),
        (answer(b"", 500), Result.UNKNOWN),
        (answer(b"<html>", 502), Result.UNKNOWN),
        (answer(b"", 503, {"Retry-After": "7"}), Result.UNKNOWN),
        (answer(b"", 504), Result.UNKNOWN),
        (answer(b"", 408), Result.UNKNOWN),
        (answer(b"", 301), Result.UNKNOWN),
        (answer(b"", 100), Result.UNKNOWN),
        (answer(b"", 401), Result.OUTAGE),
        (answer(b"", 403), Result.OUTAGE),
        (answer(b"", 429, {"retry-after": "7"}), Result.OUTAGE),
        (answer(b"", 409), Result.PENDING),
        (answer(b"", 200), Result.UNKNOWN),
        (answer(b"null", 200), Result.UNKNOWN),
        (answer(b"[]", 200), Result.UNKNOWN),
        (answer(b"{}", 200), Result.UNKNOWN),
        (answer(b"\xff\xfe{}", 200), Result.UNKNOWN),
        (answer(b"{" * 5_000, 200), Result.UNKNOWN),
        (answer(b'{"id":' + b"1" * 5_000 + b"}", 200), Result.UNKNOWN),
        (answer(b" " * (BYTES_MAX + 1), 200), Result.UNKNOWN),
    ],
    ids=range(21),
)
def test_what_is_no_answer_is_no_yes(
    provider: str, operation: str, said: ProviderAnswer, result: Result
):
    told = read(provider, operation, case(provider, operation), said)
    assert told.result is result
    if said.status == 429:
        assert told.retry_after_seconds == 7


@pytest.mark.parametrize(("provider", "operation"), SENT)
def test_a_yes_that_is_cut_short_or_says_a_thing_twice_is_no_yes(provider: str, operation: str):
    it = case(provider, operation)
    whole = RECORDED[provider].yes(operation, it)
    raw = whole if isinstance(whole, bytes) else json.dumps(whole).encode()
    assert read(provider, operation, it, answer(raw)).result is DONE[operation], "the control"
    for end in range(len(raw) - 1, 0, -37):
        told = read(provider, operation, it, answer(raw[:end]))
        assert told.result is Result.UNKNOWN, end
    if raw.startswith(b"{"):
        twice = b'{"status":"pending","status":"succeeded",' + raw[1:]
        assert read(provider, operation, it, answer(twice)).result is Result.UNKNOWN


@pytest.mark.parametrize(
    ("provider", "operation"), [one for one in SENT if RECORDED[one[0]].statuses]
)
@pytest.mark.parametrize("status", ["", "brand_new_status", "SUCCEEDED_", "succeeded ", "ok"])
def test_a_status_we_do_not_know_is_pending(provider: str, operation: str, status: str):
    it = case(provider, operation)
    path = RECORDED[provider].statuses[operation]
    told = read(provider, operation, it, answer(put(yes(provider, operation, it), path, status)))
    assert told.result in ({Result.PENDING, Result.UNKNOWN} if not status else {Result.PENDING})


@pytest.mark.parametrize(
    ("provider", "operation"), [one for one in SENT if RECORDED[one[0]].amounts]
)
def test_another_amount_or_currency_is_never_our_yes(provider: str, operation: str):
    it = case(provider, operation)
    shape, path = yes(provider, operation, it), RECORDED[provider].amounts[operation]
    for wrong in amounts_near(provider, it.amount):
        told = read(provider, operation, it, answer(put(shape, path, wrong)))
        assert told.result not in YES, wrong
        assert told.result is Result.UNKNOWN, wrong
    text = json.dumps(shape)
    for mine, other in (("EUR", "USD"), ("eur", "usd"), ("USDC", "EURC"), ("USD", "EUR")):
        if f'"{mine}"' in text:
            raw = text.replace(f'"{mine}"', f'"{other}"').encode()
            told = read(provider, operation, it, answer(raw))
            assert (told.result, told.status) in {
                (Result.UNKNOWN, MISMATCH),
                (Result.UNKNOWN, "unreadable"),
            }
            return
    raise AssertionError("no currency stands in the answer")


def amounts_near(provider: str, amount: Money) -> Iterator[object]:
    minor, whole = amount.minor, provider == "stripe"
    yield minor + 1 if whole else (str(minor + 1) if provider == "card" else "12.01")
    yield minor * 100 if whole else (str(minor * 100) if provider == "card" else "1200.00")
    yield 0 if whole else "0"
    yield -minor if whole else "-12.00"
    yield None
    yield float(minor)
    yield [minor]
    yield "" if whole else 12
    yield True


@pytest.mark.parametrize(
    ("provider", "operation"), [(one, step) for one, step in SENT if step in RECORDED[one].keys]
)
def test_an_answer_about_another_payment_is_never_our_yes(provider: str, operation: str):
    it = case(provider, operation)
    path = RECORDED[provider].keys[operation]
    shape = put(yes(provider, operation, it), path, "att_" + "f" * 32)
    told = read(provider, operation, it, answer(shape))
    assert (told.result, told.status) == (Result.UNKNOWN, MISMATCH)


@pytest.mark.parametrize(("provider", "operation"), SENT)
@pytest.mark.parametrize("status", [0, 100, 301, 400, 401, 403, 408, 409, 418, 429, 500, 503])
def test_a_question_that_fails_says_nothing_about_the_work(
    provider: str, operation: str, status: int
):
    it = case(provider, operation)
    step = it if isinstance(it, FollowUp) else step_of(it, Verdict(Result.UNKNOWN, "ref_1"))
    here = connector(provider)
    for said in (
        ProviderAnswer(Sending.NOT_SENT),
        ProviderAnswer(Sending.SILENT),
        answer(b"", status),
        answer(b"{}", 200),
        answer(b"garbage", 200),
    ):
        told = here.asked(operation, step, said)
        assert told.result is Result.UNKNOWN, (said.status, told)


@pytest.mark.parametrize("provider", NAMES)
def test_a_step_a_provider_does_not_offer_is_refused_before_anything_is_sent(provider: str):
    here = connector(provider)
    step = case(provider, "refund")
    assert isinstance(step, FollowUp)
    able = here.capabilities
    for offered, build in ((able.authorize, here.capture), (able.refund, here.refund)):
        if not offered:
            with pytest.raises(NotOfferedByProvider):
                build(step)
        else:
            assert build(replace(step, now=step.now or _noon())).mode is step.mode


@pytest.mark.parametrize("provider", NAMES)
def test_no_request_carries_a_secret_and_only_charges_of_cards_carry_places(provider: str):
    here = connector(provider)
    charge = charge_of(provider, AMOUNTS.get(provider, EUR(12_00)))
    request = here.charge(charge)
    names = {name.lower() for name, _ in request.headers}
    assert not names & {"authorization", "x-cc-api-key", "cookie", "content-type", "host"}
    assert request.key == charge.attempt
    with_card = bool(charge.card)
    assert bool(request.card) is with_card
    for place in PLACEHOLDERS:
        assert (place.encode() in request.body) is with_card
        assert place not in request.path
    if request.encoding is Encoding.JSON:
        json.loads(request.body)


def _noon():
    from tests.make import NOON

    return NOON


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("provider", "operation"), [one for one in SENT if RECORDED[one[0]].statuses]
)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_whatever_a_field_turns_into_nothing_breaks_and_no_other_amount_is_believed(
    provider: str, operation: str, data: st.DataObject
):
    it = case(provider, operation)
    shape = yes(provider, operation, it)
    path = data.draw(st.sampled_from(sorted(paths(shape), key=str)))
    changed = put(shape, path, data.draw(VALUES))
    for told in (
        read(provider, operation, it, answer(changed)),
        connector(provider).asked(
            operation,
            it if isinstance(it, FollowUp) else step_of(it, Verdict(Result.UNKNOWN, "ref_1")),
            answer(changed),
        ),
    ):
        assert isinstance(told, Verdict)
        if told.result in YES and not connector(provider).capabilities.inexact:
            assert told.amount in {None, it.amount}
        assert len(told.status) <= 64


def paths(shape: object, so_far: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path of every value in a shape."""
    if isinstance(shape, dict):
        for name, value in shape.items():
            yield (*so_far, name)
            yield from paths(value, (*so_far, name))
    if isinstance(shape, list):
        for place, value in enumerate(shape):
            yield (*so_far, place)
            yield from paths(value, (*so_far, place))
