"""The page of checks: both verdicts in one glance, in both languages, and a look over on demand."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from ingest.doctor.finding import fault, warning
from ingest.torture.checker import Count, Difference, Readings
from ingest.torture.outcome import Blow, Outcome
from ingest.torture.plan import Fault
from ingest.torture.torture import result_of
from models.check_results import keep
from models.clock import machine_now
from models.heartbeat import Heartbeat, beat
from models.job import Job
from models.reasons import reason
from models.times import iso
from tests.webapp.cast import Cast


def outcome(lost: int = 0, took_s: float = 0.8) -> Outcome:
    examples = ("('torture-0', 'count', 1)",) if lost else ()
    readings = Readings(9000, 9000, 9000 - lost, lost=Count(lost, examples))
    blow = Blow(Fault(0.5, ("kill-ingest", "cut"), (0.1, 0.2)), took_s, 5.0, Readings(0, 0, 0))
    return Outcome("receiver", [blow], [], 300, readings, Difference(), True, {}, 0)


def torture(**told: Any) -> dict[str, Any]:
    left = [("disk-full", reason("torture.lacks_root", instead="limit-files"))]
    return result_of([outcome(**told)], left, seed=7, seconds=60, took_s=71)


def doctor(*findings: Any) -> dict[str, Any]:
    return {
        "at": iso(machine_now().replace(microsecond=0)),
        "healthy": not findings,
        "findings": [one.to_json() for one in findings],
        "facts": [reason("doctor.is.sqlite", version="3.51.3").to_json()],
    }


def page(cast: Cast, language: str = "en", role: str = "admin") -> str:
    return cast.signed_in(role).get(f"/checks/?lang={language}").text


def test_before_any_check_it_says_so_and_how(cast: Cast) -> None:
    shown = page(cast)

    assert "Never looked over" in shown
    assert "Never tested" in shown
    assert "ridgewatch torture --record" in shown


def test_a_healthy_installation_that_held_is_green_twice(cast: Cast) -> None:
    keep(cast.store.data_dir, "doctor", doctor())
    keep(cast.store.data_dir, "torture", torture())

    shown = page(cast)

    assert "Nothing wrong" in shown
    assert "Nothing acknowledged was lost" in shown
    assert "kill -9 of the ingester" in shown
    assert "Not done: disk-full" in shown
    assert "一切正常" in page(cast, "zh")
    assert "已确认的数据无一丢失" in page(cast, "zh")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_faults_are_red_with_their_cure(language: str, cast: Cast) -> None:
    keep(cast.store.data_dir, "doctor", doctor(fault("nobody_is_told"), warning("no_admin")))
    keep(cast.store.data_dir, "torture", torture(lost=3, took_s=7.5))

    shown = page(cast, language)

    assert 'class="scaf red"' in shown
    assert "RIDGEWATCH_SMTP_URL" in shown
    assert "torture-0" in shown
    words = {"zh": "3 条读数已确认却未存储", "en": "3 readings were acknowledged and are not"}
    assert words[language] in shown
    assert 'class="overdue"' in shown


def test_each_ingester_is_shown_with_its_share_and_heartbeat(cast: Cast) -> None:
    assert "No ingester has run yet" in page(cast)
    with cast.store.writing() as session:
        for number, role in enumerate(("ingest", "ingest/1")):
            beat(
                session, role, pid=7 + number, facts={"host": "hill", "share": number, "shares": 2}
            )
        session.get_one(Heartbeat, "ingest/1").beat_at -= timedelta(minutes=1)

    shown = page(cast)

    assert "0/2" in shown and "hill 8" in shown
    assert shown.count("No heartbeat") == 1
    assert page(cast, "zh").count("无心跳") == 1


def test_warnings_alone_are_yellow(cast: Cast) -> None:
    keep(cast.store.data_dir, "doctor", doctor(warning("no_admin")))

    assert "Works, with warnings" in page(cast)


def test_a_look_over_is_asked_for_once(cast: Cast) -> None:
    admin = cast.signed_in("admin")

    for _ in range(2):
        assert admin.post("/checks/doctor").status_code == 303

    with cast.store.reading() as session:
        assert [job.kind for job in session.scalars(select(Job))] == ["doctor"]
    assert "Being looked over" in page(cast)


def test_it_is_the_administrators_and_engineers_page(cast: Cast) -> None:
    assert cast.signed_in("engineer").get("/checks/").status_code == 200
    assert cast.signed_in("duty").get("/checks/").status_code == 403
