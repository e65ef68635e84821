"""The seven kinds of error and what every error of the platform has."""

import pytest

from bezant.errors import (
    KINDS,
    BezantError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    OutcomeUnknown,
    Refused,
    SeveralInvalid,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    every_error,
)


def test_there_are_seven_kinds_and_each_answers_its_own_status():
    assert [(kind, kind.status) for kind in KINDS] == [
        (Invalid, 400),
        (Unauthenticated, 401),
        (Forbidden, 403),
        (NotFound, 404),
        (Conflict, 409),
        (Refused, 422),
        (Unavailable, 503),
    ]


def test_an_error_without_words_says_its_first_sentence():
    class LidStuck(Refused):
        """The lid does not open.

        And this is never shown.
        """

        code = "lid_stuck"

    assert LidStuck().detail == "The lid does not open."
    assert str(LidStuck("It is glued.")) == "It is glued."


def test_facts_are_kept_and_are_our_own_copy():
    facts = {"available": "5.00 EUR"}
    error = Refused("no", field="amount", facts=facts, retry_after_seconds=2)
    facts["available"] = "changed"
    assert (error.facts, error.field) == ({"available": "5.00 EUR"}, "amount")
    assert error.retry_after_seconds == 2


def test_every_mistake_of_a_request_is_named():
    mistakes = [Invalid("first", field="amount"), Invalid("second", field="currency")]
    error = SeveralInvalid(mistakes)
    mistakes.clear()
    assert [mistake.field for mistake in error.mistakes] == ["amount", "currency"]
    assert (error.detail, error.field, error.status) == ("first", "amount", 400)


def test_an_unknown_outcome_may_be_asked_again():
    assert issubclass(OutcomeUnknown, Unavailable)
    assert OutcomeUnknown().status == 503
    assert TooManyRequests().status == 429


def test_every_error_yields_parents_before_children():
    order = list(every_error())
    assert order[0] is BezantError
    assert len(order) == len(set(order)) > len(KINDS)
    for error in order[1:]:
        assert order.index(error.__mro__[1]) < order.index(error)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_raised_and_caught_as_one(kind: type[BezantError]):
    with pytest.raises(BezantError) as caught:
        raise kind
    assert caught.value.code == kind.code
