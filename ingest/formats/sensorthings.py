"""Reads OGC SensorThings observations over MQTT; a Datastream's own entity gives their meaning."""

import re

from ingest.formats import times
from ingest.formats.decoded import Decoded, Unreadable
from ingest.formats.envelope import Envelope
from ingest.formats.memory import Memory
from ingest.formats.numbers import plain_id
from ingest.formats.sheet import UNTOLD, Meaning, Sheet, When
from models.reasons import Json

NAME = "sensorthings"

_TOPIC = re.compile(
    r"(?:.*/)?v1\.[01]/(?:[A-Z]\w+\([^()/]{1,80}\)/)*(Multi)?Datastreams\(([^()/]{1,80})\)(/Observations)?(?:\?.*)?"
)
_ALL = re.compile(
    r"(?:.*/)?v1\.[01]/(?:\S+/)?(Multi)?(Datastreams|Observations)(?:\([^()/]{1,80}\))?(?:\?.*)?"
)
_OTHERS = re.compile(
    r"(?:.*/)?v1\.[01]/(?:\S+/)?(Things|Sensors|Locations|HistoricalLocations|ObservedProperties"
    r"|FeaturesOfInterest)(?:\([^()/]{1,80}\))?(?:\?.*)?"
)
_LINK = re.compile(r"(?:Multi)?Datastreams\(([^()/]{1,80})\)")


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Is the topic a Datastream's, or that of all Datastreams or Observations, in version 1?"""
    return any(pattern.fullmatch(envelope.topic) for pattern in (_TOPIC, _ALL, _OTHERS))


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what an observation says, or learn what a Datastream measures. Raises Unreadable."""
    document = envelope.object
    sheet = Sheet(envelope.message, NAME)
    found = _TOPIC.fullmatch(envelope.topic)
    if not found and _OTHERS.fullmatch(envelope.topic):
        return sheet.summed_up()
    if "result" not in document:
        number = found[2] if found else document.get("@iot.id")
        return _learnt(sheet, plain_id(number), document)
    stream = document.get("Datastream") or document.get("MultiDatastream")
    stream = stream if isinstance(stream, dict) else {}
    number = plain_id(found[2].strip("'") if found else _stream_of(document, stream))
    device = sheet.heard(f"Datastream {number}")
    known = {**(memory.recall(f"sensorthings/{number}") or {}), **_described(stream)}
    profile = memory.profiles.for_device(NAME, "", device)
    told = profile.fields.get("result") if profile else None
    _take(sheet, device, document["result"], _when(sheet, document), known, told)
    return sheet.summed_up()


def _stream_of(document: dict[str, Json], stream: dict[str, Json]) -> Json:
    """Return the Datastream's id where the topic does not tell it. Raises Unreadable."""
    number = stream.get("@iot.id")
    link = _LINK.search(str(document.get("Datastream@iot.navigationLink", "")))
    if number is None and link is None:
        raise Unreadable("missing-device")
    return number if link is None else link[1].strip("'")


def _learnt(sheet: Sheet, number: str, document: dict[str, Json]) -> Decoded:
    described = _described(document)
    if not described:
        return sheet.summed_up()
    sheet.ignored_because = "config-learned"
    return sheet.summed_up(learned={f"sensorthings/{number}": described})


def _described(stream: dict[str, Json]) -> dict[str, Json]:
    """Return the units and the name that a Datastream gives to its results."""
    units = stream.get("unitOfMeasurement", stream.get("unitOfMeasurements"))
    observed = stream.get("ObservedProperty")
    names = [stream.get("name"), observed.get("name") if isinstance(observed, dict) else None]
    name = " ".join(name for name in names if isinstance(name, str))
    rows = units if isinstance(units, list) else [units]
    symbols = [row.get("symbol") if isinstance(row, dict) else None for row in rows]
    if not any(isinstance(symbol, str) for symbol in symbols):
        return {}
    return {"name": name, "units": symbols}


def _when(sheet: Sheet, document: dict[str, Json]) -> When:
    # Only the exact key counts; an interval stands for its end.
    raw = document.get("phenomenonTime") or document.get("resultTime")
    if raw is None:
        return sheet.received
    message = sheet.message
    end = raw.rpartition("/")[2] if isinstance(raw, str) else raw
    return sheet.when(times.from_iso(end, message.timezone, message.received_ms))


def _take(
    sheet: Sheet, device: str, result: Json, when: When, known: dict[str, Json],
    told: Meaning | None,
) -> None:  # fmt: skip
    name, units = known.get("name") or "", known.get("units") or []
    if isinstance(result, dict):
        for key, raw in result.items():
            sheet.add(device, plain_id(key), raw, when)
    elif isinstance(result, list):
        for index, raw in enumerate(result):
            unit = units[index] if index < len(units) else None
            sheet.add(device, str(index), raw, when, Meaning(unit=unit))
    elif isinstance(result, bool) or result is None:
        return
    else:
        meaning = told or (Meaning(unit=units[0]) if units else UNTOLD)
        sheet.add(device, "", result, when, meaning, name=name)
