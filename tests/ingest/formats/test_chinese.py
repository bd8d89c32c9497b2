"""HJ 212-2017 and SL 651-2014 frames: checksums proven, Beijing time, flags and blanks heeded."""

import pytest

from ingest.formats.hj212_2017 import checksum
from ingest.formats.sl651_2014 import modbus_crc
from tests.ingest.formats.making import read, told, why

DTU = "dtu/1/up"
# The example of HJ 212-2017 annex A, with the checksum that is printed there.
ANNEX = (
    b"##0101QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;"
    b"Flag=5;CP=&&RtdInterval=30&&1C80\r\n"
)


def hj212(fields: str, cn: int = 2011, mn: str = "MN=2019;") -> bytes:
    segment = f"QN=20260211141900000;ST=22;CN={cn};PW=123456;{mn}Flag=5;CP=&&{fields}&&".encode()
    return b"##%04d%s%04X\r\n" % (len(segment), segment, checksum(segment))


def sl651(body: str, function: int = 0x32, station: str = "0040803540") -> bytes:
    content = bytes.fromhex("0001260211141900f1f1" + station + "50" + body)
    head = bytes.fromhex("7e7e01" + station + "0000") + bytes([function])
    frame = head + len(content).to_bytes(2) + b"\x02" + content + b"\x03"
    return frame + modbus_crc(frame).to_bytes(2)


def test_the_checksums_are_those_of_the_standards():
    assert why(read(ANNEX, DTU)) == "ignore no-measurement"
    assert modbus_crc(b"123456789") == 0x4B37


def test_hj212_is_beijing_time_and_only_good_flags_count():
    frame = hj212(
        "DataTime=20260211141900;a01001-Rtd=6.5,a01001-Flag=N;a01002-Rtd=80.1,a01002-Flag=D;"
        "a01006-Rtd=98.7;R01-Rtd=0.2,R01-Flag=N;a99999-Rtd=1"
    )

    decoded = read(frame, DTU)

    assert why(decoded) == "partial bad-flag"
    assert told(decoded) == [
        "2019/a01001 temperature 6.5 degC 2026-02-11T06:19:00Z",
        "2019/a01006 pressure 987 hPa 2026-02-11T06:19:00Z",
        "2019/R01 rain_increment 0.2 mm 2026-02-11T06:19:00Z",
    ]


def test_hj212_gives_means_of_an_hour_and_several_frames_at_once():
    hour = hj212("DataTime=20260211140000;a01001-Min=5,a01001-Avg=6,a01001-Max=7", cn=2061)

    assert told(read(hour + hj212("DataTime=20260211141900;a01001-Rtd=8"), DTU)) == [
        "2019/2061/a01001 temperature 6 degC 2026-02-11T06:00:00Z",
        "2019/a01001 temperature 8 degC 2026-02-11T06:19:00Z",
    ]


@pytest.mark.parametrize(
    ("frame", "outcome"),
    [
        (ANNEX.replace(b"=30", b"=31"), "quarantine bad-crc"),
        (ANNEX[:60], "quarantine malformed-frame"),
        (ANNEX + b"rest", "quarantine malformed-frame"),
        (hj212("DataTime=20261399000000;a01001-Rtd=1"), "quarantine bad-time"),
        (hj212("DataTime=20270211000000;a01001-Rtd=1"), "quarantine future-time"),
        (hj212("DataTime=20260211141900;a01001-Rtd=x"), "quarantine wrong-type"),
        (hj212("DataTime=20260211141900;a01001-Rtd=1", cn=9014), "ignore no-measurement"),
        (hj212("a01001-Rtd=1", mn=""), "quarantine missing-device"),
    ],
)
def test_hj212_has_these_ends(frame: bytes, outcome: str):
    assert why(read(frame, DTU)) == outcome


def test_sl651_elements_are_bcd_with_their_own_length_and_decimals():
    frame = sl651("f0f02602111415" + "2019000002" + "2619013143" + "39230099809938121182")

    assert told(read(frame, DTU)) == [
        "0040803540/20 rain_increment 0.2 mm 2026-02-11T06:15:00Z",
        "0040803540/26 rain_total 1314.3 mm 2026-02-11T06:15:00Z",
        "0040803540/38 battery_voltage 11.82 V 2026-02-11T06:15:00Z",
    ]


def test_sl651_tells_the_rain_of_an_hour_by_five_minutes():
    frame = sl651("f0f02602111400" + "f460" + "00" * 10 + "ff" + "03", function=0x34)

    rain = told(read(frame, DTU))

    assert len(rain) == 11
    assert rain[0] == "0040803540/F4 rain_increment 0 mm 2026-02-11T05:05:00Z"
    assert rain[-1] == "0040803540/F4 rain_increment 0.3 mm 2026-02-11T06:00:00Z"


def test_an_element_that_was_not_measured_is_no_reading():
    decoded = read(sl651("f0f02602111400" + "2019ffffff" + "38121182"), DTU)

    assert [m.channel for m in decoded.measurements if m.value is not None] == ["38"]


def test_a_test_report_is_marked():
    (reading,) = read(sl651("38121182", function=0x30), DTU).measurements

    assert reading.simulated


@pytest.mark.parametrize(
    ("frame", "outcome"),
    [
        (sl651("38121182")[:-1] + b"\x00", "quarantine bad-crc"),
        (sl651("38121182")[:-4], "quarantine malformed-frame"),
        (b"\x7e\x7e\x01", "quarantine malformed-frame"),
        (sl651("2619"), "quarantine malformed-frame"),
        (sl651("f0f0261311140038121182"), "quarantine bad-time"),
        (sl651("38121a82"), "quarantine wrong-type"),
        (sl651("", function=0x2F), "ignore no-measurement"),
    ],
)
def test_sl651_has_these_ends(frame: bytes, outcome: str):
    assert why(read(frame, DTU)) == outcome
