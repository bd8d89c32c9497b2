"""Reads what the payload codec of a radio network made of a device's bytes: any JSON object."""

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from ingest.formats import times
from ingest.formats.about import is_about_the_device
from ingest.formats.decoded import Unreadable, Unusable
from ingest.formats.key_units import unit_in
from ingest.formats.limits import most_rain_mm
from ingest.formats.names import quantity_of
from ingest.formats.numbers import number, plain_id
from ingest.formats.profiles import Profile
from ingest.formats.sensecap_ids import MEASUREMENTS
from ingest.formats.sheet import MOST_RECORDS, Meaning, Sheet, When
from models.reasons import Json

# Where devices put the time of measuring, when it is not that of the uplink.
_TIMES = ("time_stamp", "timestamp", "measured_at", "measurement_time", "Data_time", "data_time")


_LONGEST_KEPT_MS = 366 * 86_400_000


class Leaf(NamedTuple):
    """One field: its path, what stands there, the unit beside it, and when, if it says so."""

    path: str
    raw: Json
    unit: str | None = None
    at: Json = None


def take_object(
    sheet: Sheet,
    device: str,
    fields: Json,
    when: When,
    profile: Profile | None,
    *,
    simulated: bool = False,
    extra: Mapping[str, Meaning] | None = None,
) -> None:
    """Add the measurements of a decoded payload to the sheet. Raises Unreadable.

    A profile decides what it lists. Else a unit beside a value or in its key does; what has
    neither becomes a channel without quantity.
    """
    if not isinstance(fields, dict):
        raise Unreadable("wrong-type")
    if fields.get("errors") and not isinstance(fields["errors"], bool):
        raise Unreadable("decoder-error")
    when = _own_time(sheet, fields, when)
    told = {**(profile.fields if profile else {}), **(extra or {})}
    leaves = list(islice(_leaves(fields, "", whole=told.keys()), MOST_RECORDS + 1))
    if len(leaves) > MOST_RECORDS:
        raise Unreadable("too-many-records", n=MOST_RECORDS)
    self_describing = any(leaf.unit for leaf in leaves)
    for leaf in leaves:
        meaning = told.get(leaf.path) or _meaning_of(leaf, profile, self_describing)
        if meaning is not None and leaf.unit:  # the message's own word goes before a profile's
            meaning = meaning._replace(unit=leaf.unit, scale=1.0)
        if meaning is not None:
            _add(sheet, device, leaf, when, meaning, fields, simulated)


def says_units(fields: Json) -> bool:
    """Does a codec put a unit beside its values?"""
    if not isinstance(fields, dict):
        return False
    return any(leaf.unit for leaf in islice(_leaves(fields, ""), MOST_RECORDS))


def _own_time(sheet: Sheet, fields: Mapping[str, Any], when: When) -> When:
    """Return the time that the device itself noted, where it noted one that can be.

    Many devices send a number there that is no time (seconds since their start, zero without GPS),
    or the date of a clock that was never set; then the network's holds.
    """
    for key in _TIMES:
        if fields.get(key):
            try:
                noted = _noted(sheet, fields[key])
            except Unusable:
                return when
            return noted if when.at_ms - noted.at_ms < _LONGEST_KEPT_MS else when
    return when


def _noted(sheet: Sheet, raw: Json) -> When:
    """Return the instant that stands in a payload, as text or as a number. Raises Unusable."""
    message = sheet.message
    if isinstance(raw, str) and not raw.strip().isdecimal():
        return sheet.when(times.from_iso(raw, message.timezone, message.received_ms))
    return sheet.when(times.from_digits(raw))


def keys_of(fields: Json) -> list[str]:
    """Return the paths of a decoded payload's fields, by which a profile may know its device."""
    if not isinstance(fields, dict):
        return []
    return [*fields, *(leaf.path for leaf in islice(_leaves(fields, ""), MOST_RECORDS))]


def _leaves(
    fields: Mapping[str, Any], prefix: str, at: Json = None, whole: Collection[str] = ()
) -> Iterator[Leaf]:
    """Yield the fields; what stands at a path in `whole` is not taken apart."""
    for key, raw in fields.items():
        path = f"{prefix}{key}"
        if path in whole and not (isinstance(raw, dict) and "value" in raw):
            yield Leaf(path, raw, None, at)
        elif isinstance(raw, dict):
            if "value" in raw:
                unit = raw.get("unit")
                yield Leaf(path, raw["value"], unit if isinstance(unit, str) else None, at)
            elif _has_several(raw):
                yield from _newest(path, raw, at)
            elif path.count("/") < 4:
                yield from _leaves(raw, path + "/", at, whole)
        elif isinstance(raw, list):
            yield from _listed(path, raw, whole)
        else:
            yield Leaf(path, raw, None, at)


def _listed(path: str, raw: list[Json], whole: Collection[str]) -> Iterator[Leaf]:
    for index, item in enumerate(raw):
        if isinstance(item, list):
            yield from _listed(path, item, whole)
        elif isinstance(item, dict) and "measurementId" in item:
            yield Leaf(f"#{item['measurementId']}", item.get("measurementValue"))
        elif isinstance(item, dict) and item.get("type") == "upload_battery":  # SenseCAP's
            yield Leaf("battery", item.get("battery", item.get("Battery(%)")), "%")
        elif isinstance(item, dict) and _time_in(item) is not None:
            yield from _leaves(item, "", _time_in(item), whole)
        elif isinstance(item, dict) and _has_several(item):
            yield from _newest(f"{path}/{index}", item, None)
        elif isinstance(item, dict):
            yield from _leaves(item, f"{path}/{index}/", None, whole)
        else:
            yield Leaf(f"{path}/{index}", item)


def _has_several(item: Mapping[str, Any]) -> bool:
    return isinstance(item.get("unit"), str) and isinstance(item.get("values"), list)


def _newest(path: str, item: Mapping[str, Any], at: Json) -> Iterator[Leaf]:
    """Yield the first of several values: only its time is known to be the uplink's."""
    name, values = item.get("name"), item["values"]
    if values and isinstance(name, str):
        yield Leaf(f"{path}/{name}", values[0], item["unit"], at)
    elif values:
        yield Leaf(path, values[0], item["unit"], at)


def _time_in(item: Mapping[str, Any]) -> Json:
    return next((item[key] for key in (*_TIMES, "time", "ts") if item.get(key)), None)


def _meaning_of(leaf: Leaf, profile: Profile | None, self_describing: bool) -> Meaning | None:
    last = leaf.path.rpartition("/")[2]
    if leaf.path.startswith("#"):
        return MEASUREMENTS.get(leaf.path[1:])
    if leaf.unit:
        return Meaning(unit=leaf.unit)
    if profile and (leaf.path in profile.ignore or last in profile.ignore):
        return None
    if (
        isinstance(leaf.raw, bool)
        or leaf.raw is None
        or last.lower() in ("time", "ts", *_TIMES)
        or is_about_the_device(last)
    ):
        return None
    unit = unit_in(last)
    if unit:
        return Meaning(unit=unit)
    # Beside fields that carry their units, a bare number is about the device.
    return None if self_describing or not _is_numeric(leaf.raw) else Meaning()


def _is_numeric(raw: Json) -> bool:
    if isinstance(raw, float):
        return True  # also NaN: it is a fault of that field, to be told
    try:
        number(raw)
    except Unusable:
        return False
    return True


def _add(
    sheet: Sheet,
    device: str,
    leaf: Leaf,
    when: When,
    meaning: Meaning,
    fields: Mapping[str, Any],
    simulated: bool,
) -> None:
    try:
        channel = plain_id(leaf.path.lstrip("#"))
    except Unusable:
        sheet.fault(leaf.path, "bad-device-id")
        return
    historical = leaf.at is not None
    if historical:
        try:
            when = _noted(sheet, leaf.at)
        except Unusable as refusal:
            sheet.refuse(device, channel, refusal.code, leaf.raw, when, meaning)
            return
    if _rains_too_much(leaf, meaning, fields):
        meaning = meaning._replace(quantity="rain_increment")
        sheet.refuse(device, channel, "out-of-range", leaf.raw, when, meaning)
        return
    sheet.add(device, channel, leaf.raw, when, meaning, historical=historical, simulated=simulated)


def _rains_too_much(leaf: Leaf, meaning: Meaning, fields: Mapping[str, Any]) -> bool:
    """Does an increment exceed what can fall in the interval that stands beside it?"""
    beside = fields.get(leaf.path + "_interval")
    if not isinstance(beside, dict) or beside.get("unit") != "s":
        return False
    if (meaning.quantity or quantity_of(leaf.path, meaning.unit)) != "rain_increment":
        return False
    try:
        return number(leaf.raw)[0] > most_rain_mm(number(beside.get("value"))[0])
    except Unusable:
        return False
