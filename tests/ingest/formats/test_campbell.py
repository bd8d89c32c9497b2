"""Campbell Scientific loggers: positional values, units in the head, clocks on standard time."""

from typing import Any

import pytest

from tests.ingest.formats.making import read, told, why

GJ = "cs/v1/data/cr6/9/Wall/gj"
CJ = "cs/v1/data/cr6/9/Wall/cj"
AT = "2026-02-11T06:10:00Z"


def geojson(names: list, rows: dict, logger: Any = "CR6_9") -> dict:
    properties = {"loggerID": logger, "observationNames": names, "observations": rows}
    return {"type": "Feature", "properties": properties}


def csijson(fields: list[tuple[str, str]], *rows: tuple[str, list]) -> dict:
    return {
        "head": {
            "environment": {"model": "CR6", "serial_no": "9", "table_name": "Wall"},
            "fields": [{"name": name, "units": unit} for name, unit in fields],
        },
        "data": [{"time": at, "vals": values} for at, values in rows],
    }


def test_values_stand_in_the_order_of_the_names():
    names = ["Crack_mm", "Rain_mm_Tot", "AirT", "BattV"]
    payload = geojson(names, {"2026-02-11T06:10:00Z": [0.41, 0.2, 5.5, 12.6]})

    assert told(read(payload, GJ)) == [
        "CR6_9/Wall/Crack_mm crack_width 0.41 mm 2026-02-11T06:10:00Z",
        "CR6_9/Wall/Rain_mm_Tot rain_increment 0.2 mm 2026-02-11T06:10:00Z",
        "CR6_9/Wall/AirT None 5.5 None 2026-02-11T06:10:00Z",
        "CR6_9/Wall/BattV battery_voltage 12.6 V 2026-02-11T06:10:00Z",
    ]


def test_the_head_tells_what_a_table_keeps_where_the_names_do_not():
    payload = csijson([("Disp", "mm"), ("Crack", "mm"), ("Rain", "mm")], (AT, [0.1, 0.9, 0.2]))
    for field, process in zip(payload["head"]["fields"], ("Avg", "Max", "Tot"), strict=True):
        field["process"] = process

    assert told(read(payload, CJ)) == [
        "CR6_9/Wall/Disp displacement 0.1 mm 2026-02-11T06:10:00Z",
        "CR6_9/Wall/Rain rain_increment 0.2 mm 2026-02-11T06:10:00Z",
    ]


def test_both_writings_name_the_same_device_and_channel():
    by_head = csijson([("Disp", "cm")], ("2026-02-11T06:10:00Z", [2.5]))

    assert told(read(by_head, CJ)) == ["CR6_9/Wall/Disp displacement 25 mm 2026-02-11T06:10:00Z"]


def test_a_naive_clock_keeps_standard_time_in_summer_too():
    payload = csijson([("Disp", "mm")], ("2025-07-01T12:00:00", [1]))

    decoded = read(payload, CJ, timezone="Europe/Rome")

    assert told(decoded) == ["CR6_9/Wall/Disp displacement 1 mm 2025-07-01T11:00:00Z"]


def test_extremes_and_averages_of_what_is_sampled_are_no_readings():
    names = ["Disp_mm", "Disp_mm_Avg", "Disp_mm_Max", "Disp_mm_Std", "Hum_pct_Avg"]

    decoded = read(geojson(names, {"2026-02-11T06:10:00Z": [1, 2, 3, 4, 50]}), GJ)

    assert [m.channel for m in decoded.measurements] == ["Wall/Disp_mm", "Wall/Hum_pct_Avg"]


@pytest.mark.parametrize(
    ("payload", "outcome"),
    [
        (geojson(["A"], {"2026-02-11T06:10:00Z": ["NAN"]}), "ignore no-measurement"),
        (geojson(["A"], {"2026-02-11T06:10:00Z": [-7999]}), "quarantine sentinel"),
        (geojson(["A"], {"2026-02-11T06:10:00Z": [1, 2]}), "quarantine wrong-type"),
        (geojson(["A"], {"noon": [1]}), "quarantine bad-time"),
        (geojson(["A"], {"2026-02-13T06:10:00Z": [1]}), "quarantine future-time"),
        (geojson(["A"], [1]), "quarantine wrong-type"),
        (geojson(["A"], {}, logger=None), "quarantine bad-device-id"),
        ({"hello": 1}, "quarantine wrong-type"),
    ],
)
def test_a_table_that_is_not_in_order_is_refused(payload: dict, outcome: str):
    assert why(read(payload, GJ)) == outcome


def test_a_bad_row_leaves_the_others():
    rows = {"2026-02-11T06:00:00Z": [1], "noon": [2], "2026-02-11T06:10:00Z": [3]}

    decoded = read(geojson(["Disp_mm"], rows), GJ)

    assert (why(decoded), len(told(decoded))) == ("partial bad-time", 2)
