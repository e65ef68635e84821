"""The doctor inside a running platform: one look at a time, and nobody waits for it."""

import threading
from collections.abc import Sequence

from tests.harness.waiting import PATIENCE_SECONDS, until

from bezant.clock import RealClock
from bezant.gateway.findings import Doctor, FindingAnswer, Health, unexamined


class Patient:
    """What is looked at; the look lasts until it is let go."""

    def __init__(self) -> None:
        self.looks = 0
        self.go_on = threading.Event()

    def __call__(self) -> Sequence[FindingAnswer]:
        self.looks += 1
        assert self.go_on.wait(PATIENCE_SECONDS)
        found = f"look {self.looks}"
        return [
            FindingAnswer(
                area="machine", check="disk", health=Health.GOOD, found=found, remedy=""
            )
        ]  # fmt: skip


async def test_who_asks_while_the_doctor_looks_is_told_so_at_once() -> None:
    patient = Patient()
    doctor = Doctor(patient, RealClock())
    told = [doctor.answer() for _ in range(3)]
    assert [(one.looking, one.looked_at, one.findings) for one in told] == [(True, None, [])] * 3
    patient.go_on.set()
    await until(lambda: not doctor.answer().looking, "the doctor has looked")
    seen = doctor.answer()
    assert patient.looks == 1
    assert [one.found for one in seen.findings] == ["look 1"]
    assert seen.looked_at is not None


async def test_what_was_found_long_ago_is_told_while_it_is_looked_at_again() -> None:
    patient = Patient()
    patient.go_on.set()
    doctor = Doctor(patient, RealClock(), fresh_seconds=0.0)
    doctor.answer()
    await until(lambda: doctor.answer().looked_at is not None, "the doctor has looked")
    patient.go_on.clear()
    await until(lambda: not patient.go_on.is_set() and doctor.answer().looking, "it looks again")
    told = doctor.answer()
    assert told.looking
    assert [one.check for one in told.findings] == ["disk"]
    patient.go_on.set()


async def test_a_look_that_fails_is_not_the_last_one() -> None:
    patient = Patient()
    patient.go_on.set()

    def fails_once() -> Sequence[FindingAnswer]:
        found = patient()
        if patient.looks == 1:
            raise OSError
        return found

    doctor = Doctor(fails_once, RealClock(), fresh_seconds=0.0)
    doctor.answer()
    await until(lambda: bool(doctor.answer().findings), "the second look is told")
    assert patient.looks >= 2


async def test_where_nobody_looks_that_is_told_and_not_that_all_is_well() -> None:
    (only,) = unexamined()
    assert only.health is Health.NOTE
    assert "bezant doctor" in only.remedy
