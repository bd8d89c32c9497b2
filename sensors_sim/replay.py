"""Reads a replay file (CSV: time,sensor,value) and turns it into packets, each at its own time."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from math import isfinite
from pathlib import Path

from sensors_sim import senml
from sensors_sim.packet import Packet
from sensors_sim.times import iso, ms

HEADER = ["time", "sensor", "value"]

SENML_UNITS = {"degC": "Cel", "%RH": "%RH", "%vol": "%vol"}
"""Where SenML spells a unit of the registry differently; all others are spelled alike."""


class ReplayFault(ValueError):
    """A line that can't be used; `code` and `values` say which and why."""

    def __init__(self, code: str, **values: object) -> None:
        self.code, self.values = code, values
        super().__init__(f"{code} " + " ".join(f"{name}={value}" for name, value in values.items()))


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a sensor's value at a moment; None was reported but is not believable."""

    line: int
    at_ms: int
    sensor: str
    value: float | None


@dataclass(frozen=True, slots=True)
class Binding:
    """Where a sensor's values come from: device and channel, and the registry's unit."""

    device: str
    channel: str
    unit: str


def rows(lines: Iterable[str]) -> Iterator[Row]:
    """Yield the rows of a replay file. Raises ReplayFault with the line's number."""
    table = csv.reader(lines)
    if next(table, None) != HEADER:
        raise ReplayFault("replay.header_missing", line=1, header=",".join(HEADER))
    before_ms = None
    for cells in table:
        if not cells:
            continue
        row = _row(cells, table.line_num)
        if before_ms is not None and row.at_ms < before_ms:
            raise ReplayFault(
                "replay.out_of_order", line=row.line, time=iso(row.at_ms), before=iso(before_ms)
            )
        before_ms = row.at_ms
        yield row


def _row(cells: list[str], line: int) -> Row:
    if len(cells) != len(HEADER):
        raise ReplayFault("replay.wrong_columns", line=line, n=len(cells))
    time, sensor, value = (cell.strip() for cell in cells)
    site, slash, code = sensor.partition("/")
    if not (site and slash and code) or "/" in code:
        raise ReplayFault("replay.sensor_unreadable", line=line, sensor=sensor)
    return Row(line, _time(time, line), sensor, _value(value, line))


def _time(text: str, line: int) -> int:
    try:
        return ms(text)
    except (ValueError, OverflowError):
        raise ReplayFault("replay.time_unreadable", line=line, time=text) from None


def _value(text: str, line: int) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        raise ReplayFault("replay.value_unreadable", line=line, value=text) from None
    if not isfinite(value):
        raise ReplayFault("replay.value_unreadable", line=line, value=text)
    return value


def packets(source: Iterable[Row], bindings: Mapping[str, Binding]) -> Iterator[Packet]:
    """Yield SenML packets: what one device measured at one moment goes in one pack.

    `bindings` maps `site/code` to where the sensor's values come from. Raises ReplayFault.
    """
    for at_ms, together in groupby(source, key=lambda row: row.at_ms):
        packs: dict[tuple[str, str], list[senml.Record]] = {}
        for row in together:
            binding = bindings.get(row.sensor)
            if binding is None:
                raise ReplayFault("replay.sensor_unknown", line=row.line, sensor=row.sensor)
            site = row.sensor.partition("/")[0]
            unit = SENML_UNITS.get(binding.unit, binding.unit)
            packs.setdefault((site, binding.device), []).append((binding.channel, unit, row.value))
        for (site, device), records in packs.items():
            yield Packet(at_ms, senml.topic(site, device), senml.pack(device, at_ms, records))


def read(path: Path) -> Iterator[Row]:
    """Yield the rows of a file. Raises ReplayFault, also for text that isn't UTF-8."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            yield from rows(lines)
    except UnicodeDecodeError:
        raise ReplayFault("replay.not_utf8", file=path.name) from None
    except csv.Error as fault:
        raise ReplayFault("replay.not_csv", file=path.name, why=str(fault)) from None
