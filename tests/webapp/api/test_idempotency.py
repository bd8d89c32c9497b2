"""The same call twice acts once, also at the same moment, on both databases."""

import threading
from datetime import timedelta

import pytest

from models.clock import machine_now
from models.event import Event
from models.idempotency import KEPT_FOR, FirstAnswer, forget_old_answers
from models.incident import Incident
from tests.webapp.api.program import Program, faults

NEW = {"site": "tianning", "title": {"zh": "坍塌", "en": "Collapse"}}


def incidents(program: Program) -> int:
    with program.yard.store.reading() as session:
        return session.query(Incident).count()


def test_a_repeat_gets_the_first_answer_byte_for_byte(program_everywhere: Program) -> None:
    first = program_everywhere.post("/incidents", NEW, key="a-key")
    program_everywhere.post(f"/incidents/{first.json['code']}/move", {"action": "verify"})

    repeat = program_everywhere.post("/incidents", dict(reversed(NEW.items())), key="a-key")

    assert (first.status_code, repeat.status_code) == (201, 201)
    assert repeat.get_data() == first.get_data()
    for name in ("Location", "ETag", "Content-Type"):
        assert repeat.headers[name] == first.headers[name]
    assert repeat.headers["Idempotency-Replayed"] == "true"
    assert incidents(program_everywhere) == 1


def test_the_same_key_with_another_body_is_refused(program: Program) -> None:
    program.post("/incidents", NEW, key="k")

    answer = program.post("/incidents", {**NEW, "severity": "low"}, key="k")

    assert faults(answer) == {"Idempotency-Key": "api.key_of_another_call"}
    assert incidents(program) == 1


def test_a_key_belongs_to_its_token_and_address(program: Program) -> None:
    program.post("/incidents", NEW, key="k")
    program.post("/incidents", NEW, key="k", scope="admin")
    task = program.post("/tasks", NEW, key="k")

    assert task.status_code == 201
    assert incidents(program) == 2


def test_a_refusal_is_a_first_answer_too(program: Program) -> None:
    with program.yard.working() as house:
        alert = house.alert(house.sensor("C-07"))
        alert.acknowledged = True
        code = alert.code
    first = program.post(f"/alerts/{code}/acknowledge", key="k")
    with program.yard.working() as house:
        house.session.get(type(alert), alert.id).acknowledged = False

    repeat = program.post(f"/alerts/{code}/acknowledge", key="k")
    anew = program.post(f"/alerts/{code}/acknowledge", key="k2")

    assert (first.status_code, repeat.status_code, anew.status_code) == (409, 409, 200)
    assert repeat.get_data() == first.get_data()


def test_what_was_not_decided_may_use_its_key_again(program: Program) -> None:
    stale = program.post("/incidents", NEW).json
    path = f"/incidents/{stale['code']}/move"

    answers = [
        program.post("/incidents", {**NEW, "zone": "moon"}, key="k").status_code,
        program.post("/incidents", NEW, key="k").status_code,
        program.post("/incidents/none/move", {"action": "verify"}, key="k").status_code,
        program.post(path, {"action": "verify"}, key="m", version=99).status_code,
        program.post(path, {"action": "verify"}, key="m", version=stale["version"]).status_code,
    ]

    assert answers == [422, 201, 404, 412, 200]


def test_a_repeat_after_success_needs_no_fresh_version(program: Program) -> None:
    made = program.post("/incidents", NEW).json
    path, body = f"/incidents/{made['code']}/move", {"action": "verify"}
    first = program.post(path, body, key="k", version=made["version"])

    repeat = program.post(path, body, key="k", version=made["version"])

    assert (first.status_code, repeat.status_code) == (200, 200)
    assert repeat.get_data() == first.get_data()


def test_many_at_once_make_one(program_everywhere: Program) -> None:
    program, answers = program_everywhere, []
    start = threading.Barrier(8)

    def call() -> None:
        start.wait()
        answers.append(program.post("/incidents", NEW, key="one"))

    run(call, 8)

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.get_data() for answer in answers}) == 1
    assert sum("Idempotency-Replayed" in answer.headers for answer in answers) == 7
    assert incidents(program) == 1


def test_two_acts_at_once_without_a_key_are_one_act_and_refusals(program_everywhere) -> None:
    program, answers = program_everywhere, []
    with program.yard.working() as house:
        code = house.alert(house.sensor("C-07")).code
    start = threading.Barrier(6)

    def call() -> None:
        start.wait()
        answers.append(program.post(f"/alerts/{code}/acknowledge"))

    run(call, 6)

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200, 409, 409, 409, 409, 409], [one.text for one in answers]
    with program.yard.store.reading() as session:
        assert session.query(Event).filter_by(action="acknowledge").count() == 1


def run(call: object, times: int) -> None:
    threads = [threading.Thread(target=call) for _ in range(times)]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("key", ["", "with space", "x" * 256, "schlüssel", "a\tb"])
def test_a_key_that_is_none_is_refused(refused: Program, key: str) -> None:
    assert faults(refused.post("/incidents", NEW, key=key)) == {
        "Idempotency-Key": "api.bad_idempotency_key"
    }


def test_a_version_of_what_is_yet_to_be_made_is_refused(refused: Program) -> None:
    assert faults(refused.post("/incidents", NEW, version=1)) == {"If-Match": "api.no_version_yet"}


def test_a_key_is_forgotten_after_thirty_days(program: Program) -> None:
    program.post("/incidents", NEW, key="k")
    with program.yard.store.writing() as session:
        (kept,) = session.query(FirstAnswer)
        assert "k" not in (kept.call, kept.content) and len(kept.call) == 64
        kept.at = machine_now() - KEPT_FOR - timedelta(seconds=1)

    assert program.post("/incidents", NEW, key="k").status_code == 201
    assert incidents(program) == 2


def test_old_answers_are_tidied_away(program: Program) -> None:
    program.post("/incidents", NEW, key="k")
    with program.yard.store.writing() as session:
        forget_old_answers(session, machine_now())
        assert session.query(FirstAnswer).count() == 1
        forget_old_answers(session, machine_now() + KEPT_FOR)
        assert session.query(FirstAnswer).count() == 0


def test_a_fault_of_ours_keeps_no_answer(program: Program, monkeypatch) -> None:
    from webapp.api import incidents as module

    def break_down(*_: object, **__: object) -> None:
        raise RuntimeError("disk on fire")

    monkeypatch.setattr(module, "open_incident", break_down)
    broken = program.post("/incidents", NEW, key="k")
    monkeypatch.undo()

    assert (broken.status_code, broken.json["code"]) == (500, "error.500")
    assert program.post("/incidents", NEW, key="k").status_code == 201
