"""A replay file becomes packets; what is wrong with it is told with its line."""

import json
from pathlib import Path

import pytest

from sensors_sim.convert import CRACKMETER, DWD_RAIN, main, registry, replay_rows
from sensors_sim.replay import Binding, ReplayFault, packets, read, rows
from sensors_sim.times import ms

BINDINGS = {
    "zion/C-LO": Binding("zion-logger", "c-lo", "mm"),
    "zion/T-LO": Binding("zion-logger", "t-lo", "degC"),
}
GOOD = """time,sensor,value
2019-11-08T00:30:00Z,zion/C-LO,77.64290
2019-11-08T00:30:00Z,zion/T-LO,16.54
2019-11-08T00:45:00Z,zion/C-LO,
"""


def test_rows_of_one_moment_go_in_one_pack_and_empty_is_null() -> None:
    first, second = packets(rows(GOOD.splitlines()), BINDINGS)

    assert first.at_ms == ms("2019-11-08T00:30:00Z")
    assert first.topic == "ridgewatch/zion/zion-logger/senml"
    assert json.loads(first.payload) == [
        {"bn": "zion-logger:", "bt": 1573173000, "n": "c-lo", "u": "mm", "v": 77.6429},
        {"n": "t-lo", "u": "Cel", "v": 16.54},
    ]
    assert json.loads(second.payload)[0]["v"] is None


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("", "replay.header_missing", 1),
        ("sensor,time,value\n", "replay.header_missing", 1),
        (GOOD + "2019-11-08T01:00:00Z,zion/C-LO\n", "replay.wrong_columns", 5),
        (GOOD + "2019-11-08T01:00:00,zion/C-LO,1\n", "replay.time_unreadable", 5),
        (GOOD + "yesterday,zion/C-LO,1\n", "replay.time_unreadable", 5),
        (GOOD + "2019-11-08T01:00:00Z,C-LO,1\n", "replay.sensor_unreadable", 5),
        (GOOD + "2019-11-08T01:00:00Z,zion/C-LO,wide\n", "replay.value_unreadable", 5),
        (GOOD + "2019-11-08T01:00:00Z,zion/C-LO,nan\n", "replay.value_unreadable", 5),
        (GOOD + "2019-11-08T00:00:00Z,zion/C-LO,1\n", "replay.out_of_order", 5),
        (GOOD + "2019-11-08T01:00:00Z,zion/C-XX,1\n", "replay.sensor_unknown", 5),
    ],
)
def test_a_bad_line_is_named(text: str, code: str, line: int) -> None:
    with pytest.raises(ReplayFault) as caught:
        list(packets(rows(text.splitlines(keepends=True)), BINDINGS))

    assert caught.value.code == code
    assert caught.value.values["line"] == line


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    file = tmp_path / "replay.csv"
    file.write_bytes("time,sensor,value\n".encode("utf-16"))

    with pytest.raises(ReplayFault) as caught:
        list(read(file))

    assert caught.value.code == "replay.not_utf8"


RAIN = "time_utc,rain_mm_DE_02483\n2007-04-22T22:00:00Z,0.30\n2007-04-22T23:00:00Z,999.00\n"


def test_the_no_data_code_of_a_rain_series_stays_visible() -> None:
    assert list(replay_rows(DWD_RAIN, RAIN.splitlines())) == [
        ("2007-04-22T22:00:00Z", "kahler-asten/R-01", "0.30"),
        ("2007-04-22T23:00:00Z", "kahler-asten/R-01", "999.00"),
    ]


def test_a_converted_series_and_its_registry_fit_together(tmp_path: Path) -> None:
    columns = [column.column for column in CRACKMETER.columns]
    series = tmp_path / "series.csv"
    series.write_text(f"time_utc,{','.join(columns)}\n2019-11-08T00:30:00Z,1,2,3,4,,-167.1,7,8\n")
    out, file = tmp_path / "replay.csv", tmp_path / "registry.json"

    assert main(["crackmeter", str(series), "--out", str(out), "--registry", str(file)]) == 0

    (site,) = json.loads(file.read_text())["sites"]
    sensors = {f"{site['code']}/{sensor['code']}": sensor for sensor in site["sensors"]}
    found = {row.sensor: row.value for row in read(out)}
    assert set(found) == set(sensors)
    assert found["zion/T-CT"] == -167.1
    assert found["zion/C-CT"] is None
    assert sensors["zion/C-LO"]["quantity"] == "crack_width"
    assert registry(CRACKMETER)["sites"] == [site]


def test_a_series_without_its_columns_leaves_no_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    series = tmp_path / "series.csv"
    series.write_text("time_utc,something\n")

    assert main(["dwd-rain", str(series), "--out", str(tmp_path / "replay.csv")]) == 2

    assert "rain_mm_DE_02483" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["series.csv"]
