"""Reads Campbell Scientific loggers over MQTT: GeoJSON and CSIJSON tables."""

import re
from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

from ingest.formats import times
from ingest.formats.decoded import Decoded, Unreadable, Unusable
from ingest.formats.envelope import Envelope
from ingest.formats.key_units import unit_in
from ingest.formats.memory import Memory
from ingest.formats.numbers import as_sent, plain_id
from ingest.formats.profiles import Profile
from ingest.formats.sheet import Meaning, Sheet, When
from models.reasons import Json
from models.times import from_ms

NAME = "campbell_mqtt"

# What a table keeps of its samples; only samples, totals and lone averages are readings.
_PROCESS = re.compile(r"(.+)_(Avg|Tot|Max|Min|Std|TMx|TMn|Smp|Med|WVc)(\(\d+\))?", re.IGNORECASE)
_NOT_A_READING = frozenset({"max", "min", "std", "tmx", "tmn", "med", "wvc"})
_OFFSET = re.compile(r"(Z|[+-]\d\d:?\d\d)$", re.ASCII)


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Is the topic `…/data/{model}/{serial}/{table}/gj|cj`, or the document a logger's table?"""
    if envelope.levels[-1] in ("gj", "cj") and "data" in envelope.levels:
        return True
    if _is_about_the_logger(envelope):
        return True
    if b'"observationNames"' not in envelope.payload and b'"station_name"' not in envelope.payload:
        return False
    document = envelope.document_or_none
    return isinstance(document, dict) and ("properties" in document or "head" in document)


def _is_about_the_logger(envelope: Envelope) -> bool:
    """Is it on a logger's own topics, but no data: its state, its status, a file transfer?"""
    levels = envelope.levels
    return levels[0] == "cs" and len(levels) > 3 and levels[1][:1] == "v" and levels[2] != "data"


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what the rows of a table say. Raises Unreadable."""
    sheet = Sheet(envelope.message, NAME)
    if _is_about_the_logger(envelope):
        return sheet.summed_up()
    document = envelope.object
    if isinstance(document.get("properties"), dict):
        _take_geojson(sheet, memory, envelope, document["properties"])
    elif isinstance(document.get("head"), dict):
        _take_csijson(sheet, memory, document)
    else:
        raise Unreadable("wrong-type")
    return sheet.summed_up()


def _take_geojson(
    sheet: Sheet, memory: Memory, envelope: Envelope, properties: dict[str, Json]
) -> None:
    names, rows = properties.get("observationNames"), properties.get("observations")
    if not isinstance(names, list) or not isinstance(rows, dict):
        raise Unreadable("wrong-type")
    device = sheet.heard(properties.get("loggerID"))
    levels = envelope.levels
    table = levels[-2] if levels[-1] == "gj" and len(levels) > 1 else ""
    profile = memory.profiles.for_device(NAME, "", device)
    columns = list(_columns(table, [(name, None, None) for name in names], profile))
    for written, values in rows.items():
        _take_row(sheet, device, columns, written, values)


def _take_csijson(sheet: Sheet, memory: Memory, document: dict[str, Json]) -> None:
    head, rows = document["head"], document.get("data")
    environment, fields = head.get("environment"), head.get("fields")
    if not isinstance(environment, dict) or not isinstance(fields, list):
        raise Unreadable("wrong-type")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise Unreadable("wrong-type")
    device = sheet.heard(_logger(environment))
    table = str(environment.get("table_name", ""))
    profile = memory.profiles.for_device(NAME, "", device)
    named = [
        (f.get("name"), f.get("units"), f.get("process")) if isinstance(f, dict) else _NOBODY
        for f in fields
    ]
    columns = list(_columns(table, named, profile))
    for row in rows:
        _take_row(sheet, device, columns, row.get("time"), row.get("vals"))


def _logger(environment: dict[str, Json]) -> Json:
    """Return the logger as its GeoJSON would call it, so that both are one device."""
    model, serial = environment.get("model"), environment.get("serial_no")
    return f"{model}_{serial}" if model and serial else environment.get("station_name")


_NOBODY = (None, None, None)
Column = tuple[str, str, Meaning] | None


def _columns(
    table: str, named: list[tuple[Json, Json, Json]], profile: Profile | None
) -> Iterator[Column]:
    """Yield the channel, the name for its quantity, and the meaning of each column; None: none."""
    present = {name for name, _unit, _process in named if isinstance(name, str)}
    for name, unit, told in named:
        try:
            channel = plain_id(f"{table}/{name}" if table else name)
        except Unusable:
            yield None
            continue
        match = _PROCESS.fullmatch(str(name))
        # The name says it by its ending, else the head of a CSIJSON table does.
        stem, process = (match[1], match[2]) if match else (str(name), str(told or ""))
        process = process.lower()
        if process in _NOT_A_READING or (match and process == "avg" and stem in present):
            yield None
            continue
        yield channel, stem, _meaning(stem, process, unit, profile)


def _meaning(stem: str, process: str, unit: Json, profile: Profile | None) -> Meaning:
    told = profile.fields.get(stem) if profile else None
    if told is not None:
        return told
    written = unit if isinstance(unit, str) and unit.strip() else unit_in(stem)
    meaning = Meaning(unit=written)
    is_rain = process == "tot" and re.search("rain|precip|prcp|ppt", stem, re.IGNORECASE)
    if is_rain and written:  # a total is of the table's interval: an increment
        return meaning._replace(quantity="rain_increment")
    return meaning


def _take_row(
    sheet: Sheet, device: str, columns: list[Column], written: Json, values: Json
) -> None:
    if not isinstance(values, list) or len(values) != len(columns):
        sheet.fault(f"row {as_sent(written)}", "wrong-type")
        return
    try:
        when = _when(sheet, written)
    except Unusable as refusal:
        sheet.fault(f"row {as_sent(written)}", refusal.code)
        return
    for column, raw in zip(columns, values, strict=True):
        if column is None:
            continue
        channel, name, meaning = column
        if raw is None or (isinstance(raw, str) and raw.strip().upper() in ("NAN", "INF", "-INF")):
            sheet.missing(device, channel, raw, when)  # the logger's word for no value
        else:
            sheet.add(device, channel, raw, when, meaning, name=name)


def _when(sheet: Sheet, written: Json) -> When:
    message = sheet.message
    at_ms = times.from_iso(written, message.timezone, message.received_ms)
    if not _OFFSET.search(str(written).strip()):
        at_ms = _on_standard_time(at_ms, message.timezone)
    return sheet.when(at_ms)


def _on_standard_time(at_ms: int, timezone: str) -> int:
    """Move a local time that was read with summer time: loggers keep standard time all year."""
    summer = from_ms(at_ms).astimezone(ZoneInfo(timezone)).dst() or timedelta(0)
    return at_ms + summer // timedelta(milliseconds=1)
