"""Lists: pages to the end, whatever is added meanwhile, in a fixed number of queries."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from models.alert import Alert, Subject, Verdict, take
from models.base import bilingual
from models.closure import Closure
from models.people import machine
from models.reading import Channel, Quarantined
from models.reasons import reason
from models.rulebook import RuleRow, RuleVersion
from tests.models.house import NOW, House
from tests.webapp.api.program import Program, faults
from tests.webapp.response_world import counted
from tests.webapp.yard import standing_scaffold

LISTS = (
    "/sites",
    "/sensors",
    "/alerts",
    "/incidents",
    "/closures",
    "/scaffolds",
    "/tasks",
    "/quarantine",
    "/channels",
    "/rules",
)


def raise_alert(house: House, number: int, severity: str = "high") -> Alert:
    """Return one of many alerts, each of a rule of its own."""
    subject = Subject(f"sensor:tianning/S-{number}", site_id=house.site.id)
    verdict = Verdict(
        f"R{number}", 1, "raised", severity, NOW, 2.1, 2.0, reason("alert.sensor_heard")
    )
    at = NOW + timedelta(seconds=number // 3)  # several at one instant
    found, _ = take(house.session, None, subject, verdict, at, machine("rule"))
    assert found is not None
    return found


def fill(house: House, n: int) -> None:
    """Put `n` rows into every list."""
    session, project = house.session, house.project()
    first = standing_scaffold(house, project)
    for number in range(n):
        house.sensor(f"S-{number}")
        raise_alert(house, number)
        house.incident()
        house.scaffold(project)
        task = house.task(project, scaffold=first)
        if number % 2:
            task.organisation_id, task.state = None, ("permit_ok", "in_progress")[number % 4 // 2]
        house.zone = house.zone.__class__(
            site_id=house.site.id,
            code=f"z-{number}",
            name=bilingual(f"z-{number}"),
            building_ids=[],
            element_ids=[],
            parent_ids=[],
            also_affects=[],
        )
        session.add(house.zone)
        session.flush()
        from models.closing import close_zone

        close_zone(session, house.zone, by=house.duty, now=NOW)
        session.add(
            Quarantined(
                received_at=NOW,
                topic=f"t/{number}",
                payload=b"x" * 3000,
                qos=1,
                retain=False,
                source="receiver",
                reason=reason("alert.sensor_heard").to_json(),
            )
        )
        session.add(
            Channel(
                device="d", channel=f"c-{number}", first_ms=1, last_ms=2, count=1, claimed=False
            )
        )
        rule = RuleRow(code=f"R-{number}")
        rule.versions.append(RuleVersion(number=1, spec={"code": rule.code}, since=NOW))
        session.add(rule)
    session.flush()
    session.execute(update(Closure).values(state="lift_requested"))


@pytest.mark.parametrize("path", LISTS)
def test_an_empty_list_is_a_list(refused: Program, path: str) -> None:
    answer = refused.get(path)

    assert answer.status_code == 200, answer.text
    assert set(answer.json) == {"items", "next"}
    assert answer.json["next"] is None


def test_every_list_goes_to_its_end_and_names_each_thing_once(
    program_everywhere: Program,
) -> None:
    with program_everywhere.yard.working() as house:
        fill(house, 23)

    for path in LISTS:
        whole = [one["code"] for one in program_everywhere.walk(path, 500)]
        for limit in (1, 7, 23):
            assert [one["code"] for one in program_everywhere.walk(path, limit)] == whole, path
        assert len(set(whole)) == len(whole) >= (1 if path == "/sites" else 23), path


def test_what_is_added_meanwhile_moves_nothing(program_everywhere: Program) -> None:
    program = program_everywhere
    with program.yard.working() as house:
        for number in range(10):
            raise_alert(house, number)
    before = [one["code"] for one in program.walk("/alerts", 500)]
    first = program.get("/alerts", limit=4).json
    with program.yard.working() as house:
        for number in range(10, 16):
            raise_alert(house, number)

    rest, cursor = [], first["next"]
    while cursor:
        page = program.get("/alerts", limit=4, cursor=cursor).json
        rest, cursor = rest + page["items"], page["next"]

    assert [one["code"] for one in first["items"] + rest] == before


def test_a_list_of_many_takes_a_fixed_number_of_queries(program: Program) -> None:
    with program.yard.working() as house:
        fill(house, 60)

    for path in LISTS:
        with counted(program.yard) as sent:  # type: ignore[arg-type]
            answer = program.get(path, limit=500, scope="admin")
        assert answer.status_code == 200, answer.text
        assert len(sent) <= 25, (path, len(sent), sent)


@pytest.mark.parametrize(
    ("asked", "where", "code"),
    [
        ({"limit": 0}, "limit", "api.too_small"),
        ({"limit": 501}, "limit", "api.too_large"),
        ({"limit": "many"}, "limit", "api.not_a_whole_number"),
        ({"limit": "9" * 400}, "limit", "api.too_large"),
        ({"cursor": "x"}, "cursor", "api.bad_cursor"),
        ({"cursor": "ééé"}, "cursor", "api.bad_cursor"),
        ({"cursor": "A" * 3000}, "cursor", "api.too_long"),
        ({"colour": "red"}, "colour", "api.unknown_parameter"),
        ({"site": "nowhere"}, "site", "api.nothing_called"),
        ({"site": "a\x00b"}, "site", "api.control_character"),
        ({"severity": "worst"}, "severity", "input.not_one_of"),
        ({"state": "active,sleeping"}, "state", "input.not_one_of"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(refused, asked, where, code) -> None:
    answer = refused.get("/alerts", **asked)

    assert faults(answer) == {where: code}
    assert answer.json["errors"][0]["text"]


def test_a_parameter_given_twice_is_refused(refused: Program) -> None:
    answer = refused.get("/alerts?limit=1&limit=2")

    assert faults(answer) == {"limit": "api.given_twice"}


def test_a_cursor_of_another_list_or_filter_is_refused(program: Program) -> None:
    with program.yard.working() as house:
        for number in range(3):
            raise_alert(house, number)
            house.incident()
    cursor = program.get("/alerts", limit=1, severity="high").json["next"]

    assert program.get("/alerts", limit=2, severity="high", cursor=cursor).status_code == 200
    for path, asked in (("/alerts", {}), ("/alerts", {"severity": "low"}), ("/incidents", {})):
        assert faults(program.get(path, cursor=cursor, **asked)) == {"cursor": "api.bad_cursor"}


def test_faults_come_in_the_readers_language(refused: Program) -> None:
    zh = refused.get("/alerts", language="zh-CN", limit=0).json
    en = refused.get("/alerts", language="en-GB", limit=0).json

    assert zh["errors"][0]["text"] == "过小，最小 1。"
    assert en["errors"][0]["text"] == "This is too small; the least is 1."
    assert {"type", "title", "status", "detail", "code", "values", "errors"} <= set(en)
