"""Sites, sensors and their readings: windows, pages, resolutions, corrections."""

from datetime import timedelta

import pytest

from models.reading import HOUR_S, Rollup
from models.sensor import Epoch, Sensor
from models.times import iso, to_ms
from tests.models.house import NOW, after
from tests.readings import count_as_moved, put_readings
from tests.webapp.api.program import Program, faults
from tests.webapp.response_world import counted

PATH = "/sensors/tianning/C-07/readings"


def store(program: Program, values: list[float | None], step: timedelta) -> Sensor:
    """Give the gauge one reading per step, the last one at NOW."""
    with program.yard.working() as house:
        sensor = house.sensor("C-07")
        first = NOW - step * (len(values) - 1)
        put_readings(
            house.session,
            [
                {
                    "sensor": sensor.key,
                    "at_ms": to_ms(first + step * number),
                    "value": value,
                    "quality": 1 if value is not None else 9,
                    "raw": None,
                    "arrived_ms": None,
                }
                for number, value in enumerate(values)
            ],
        )
        house.hears(sensor, NOW, values[-1])
        return sensor


def test_a_site_tells_its_buildings_and_zones(program: Program) -> None:
    found = program.get("/sites/tianning").json

    assert (found["code"], found["state"], found["timezone"]) == (
        "tianning",
        "in_use",
        "Asia/Shanghai",
    )
    assert [one["code"] for one in found["buildings"]] == ["jingang"]
    assert [one["code"] for one in found["buildings"][0]["elements"]] == ["ridge"]
    assert [one["code"] for one in found["zones"]] == ["jingang-north"]
    assert program.get(f"/sites/{found['id']}").json == found


def test_a_sensor_tells_what_it_said_and_whether_it_still_speaks(program: Program) -> None:
    store(program, [1.0, 2.0], timedelta(minutes=15))
    fresh = program.get("/sensors/tianning/C-07").json
    program.yard.at(after(hours=1))
    stale = program.get("/sensors/tianning/C-07").json

    assert (fresh["state"], fresh["latest"]["value"], fresh["latest"]["unit"]) == (
        "fresh",
        2.0,
        "mm",
    )
    assert fresh["source"] == {"device": "tn-1", "channel": "C-07", "unit": "mm"}
    assert (fresh["building"], fresh["element"]) == ("jingang", "ridge")
    assert stale["state"] == "stale"
    assert program.get(f"/sensors/{program.yard.house.site.id}/{fresh['id']}").json == stale
    assert program.walk("/sensors", 1, site="tianning") == [stale]


def test_a_silent_sensor_is_unknown(program: Program) -> None:
    with program.yard.working() as house:
        house.silences(house.sensor("C-07"), NOW)

    found = program.get("/sensors/tianning/C-07").json

    assert (found["state"], found["silent_since"]) == ("unknown", "2022-03-21T05:00:00Z")


def test_raw_readings_come_page_by_page_without_gap_or_double(program_everywhere) -> None:
    program = program_everywhere
    values = [float(number) for number in range(40)]
    store(program, values, timedelta(minutes=15))

    found = program.walk(PATH, 7)

    assert [one["value"] for one in found] == values
    assert found[-1] == {
        "time": "2022-03-21T05:00:00Z",
        "value": 39.0,
        "unit": "mm",
        "quality": 1,
        "raw": 39.0,
    }


def test_windows_exclude_their_beginning_and_include_their_end(program: Program) -> None:
    store(program, [1.0, 2.0, 3.0, 4.0], timedelta(minutes=15))

    asked = {"since": iso(after(minutes=-30)), "until": iso(NOW)}
    found = program.get(PATH, **asked).json["items"]

    assert [one["value"] for one in found] == [3.0, 4.0]


def test_pages_stand_still_while_readings_come_in(program: Program) -> None:
    store(program, [1.0, 2.0, 3.0], timedelta(hours=10))
    first = program.get(PATH, limit=1).json  # the last 24 hours, as seen now
    program.yard.at(after(hours=48))

    rest = program.get(PATH, limit=10, cursor=first["next"]).json

    assert [one["value"] for one in first["items"] + rest["items"]] == [1.0, 2.0, 3.0]


def test_what_is_not_believable_is_null(program: Program) -> None:
    store(program, [1.0, None], timedelta(minutes=15))

    assert [one["value"] for one in program.walk(PATH, 5)] == [1.0, None]


def test_an_epochs_offset_is_applied_and_the_raw_value_kept(program: Program) -> None:
    sensor = store(program, [1.0, 2.0], timedelta(minutes=15))
    with program.yard.store.writing() as session:
        session.add(
            Epoch(
                sensor_id=sensor.id, kind="re-zero", since=after(minutes=-5), offset=-2.0, scale=1.0
            )
        )

    found = program.walk(PATH, 5)

    assert [(one["value"], one["raw"]) for one in found] == [(1.0, 1.0), (0.0, 2.0)]
    assert program.get("/sensors/tianning/C-07").json["latest"]["value"] == 0.0


def test_hours_come_by_their_end_with_extremes_and_count(program_everywhere) -> None:
    program = program_everywhere
    sensor = store(program, [1.0, 3.0], timedelta(minutes=15))
    with program.yard.store.writing() as session:
        session.add_all(
            Rollup(
                sensor=sensor.key,
                span_s=HOUR_S,
                end_ms=to_ms(NOW - timedelta(hours=hours)),
                value=hours,
                min=hours - 1,
                max=hours + 1,
                count=4,
                quality=1,
            )
            for hours in range(1, 30)
        )
        count_as_moved(session, to_ms(NOW - timedelta(hours=1)))

    asked = {"resolution": "hour", "since": iso(after(hours=-40))}
    found = program.walk(PATH, 4, **asked)

    assert [one["value"] for one in found] == [*range(29, 0, -1), 2.0]
    assert found[-1] == {
        "time": "2022-03-21T05:00:00Z",
        "value": 2.0,
        "min": 1.0,
        "max": 3.0,
        "count": 2,
        "quality": 1,
    }
    assert program.get(PATH, **asked).headers["Ridgewatch-Resolution"] == "hour"
    days = program.get(PATH, resolution="day", since=iso(after(hours=-40)))
    assert days.headers["Ridgewatch-Resolution"] == "day"


def test_auto_takes_a_resolution_that_fits_the_span(program: Program) -> None:
    store(program, [1.0, 3.0], timedelta(minutes=15))

    spans = {"raw": 1, "hour": 90, "day": 900}
    for resolution, days in spans.items():
        answer = program.get(PATH, resolution="auto", since=iso(after(days=-days)), until=iso(NOW))
        assert answer.headers["Ridgewatch-Resolution"] == resolution, days
        assert answer.json["items"] or resolution == "day"


def test_a_page_of_readings_takes_a_fixed_number_of_queries(program: Program) -> None:
    store(program, [float(number % 7) for number in range(3000)], timedelta(minutes=15))

    for resolution in ("raw", "hour", "day", "auto"):
        asked = {"resolution": resolution, "since": "1990-01-01T00:00:00Z", "limit": 500}
        with counted(program.yard) as sent:  # type: ignore[arg-type]
            answer = program.get(PATH, **asked)
        assert answer.status_code == 200
        assert len(sent) <= 25, (resolution, len(sent))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"since": "yesterday"}, {"since": "api.not_a_moment"}),
        ({"since": "2022-03-21T05:00:00"}, {"since": "api.moment_without_zone"}),
        ({"since": "9999-12-31T23:59:59Z"}, {"since": "api.not_a_moment"}),
        (
            {"since": "2022-03-21T05:00:00Z", "until": "2022-03-21T05:00:00Z"},
            {"since": "api.since_after_until"},
        ),
        ({"resolution": "minute"}, {"resolution": "input.not_one_of"}),
        (
            {"from": "x", "to": "y"},
            {"from": "api.unknown_parameter", "to": "api.unknown_parameter"},
        ),
    ],
)
def test_a_bad_stretch_is_refused_by_name(refused, asked, found) -> None:
    assert faults(refused.get(PATH, **asked)) == found


@pytest.mark.parametrize("path", ["/sensors/tianning/X", "/sensors/moon/C-07", "/sensors/a%00/b"])
def test_a_sensor_that_is_not_there_is_404(refused: Program, path: str) -> None:
    assert refused.get(path).status_code == 404
    assert refused.get(f"{path}/readings").status_code == 404
