"""Checks a device profile: what a device type's fields mean, and to which devices it applies."""

import re
from collections.abc import Iterator, Mapping

from models.errors import BadInput, Fault
from models.reasons import Json, reason
from models.registry_file.positions import parse, with_lines
from models.units import QUANTITIES, is_convertible

LARGEST_BYTES = 256 * 1024
TIME_UNITS = ("iso", "s", "ms", "us", "ns")
LISTS = ("models", "formats", "keys", "devices")  # of `match`
TEXTS = ("brand", "topic")
_DEVICE = re.compile(r"topic:\d{1,2}|field:.+")
_PARTS: dict[str, type] = {
    "name": str, "fields": dict, "match": dict, "time": dict, "device": str, "ignore": list,
}  # fmt: skip


def read_profile(text: str | bytes) -> dict[str, Json]:
    """Return the document of a profile's text. Raises BadInput with line and path of each fault."""
    document = parse(text)
    faults = [*profile_faults(document), *_applies_nowhere(document)]
    if faults:
        raise BadInput(with_lines(faults, text))
    read: dict[str, Json] = document
    return read


def profile_faults(document: Json) -> Iterator[Fault]:
    """Yield what is wrong with a document, each with its path: `fields.ch1.unit`."""
    if not isinstance(document, dict):
        yield Fault("", reason("profile.not_an_object"))
        return
    for part in ("name", "fields"):
        if not document.get(part):
            yield Fault(part, reason("profile.part_missing", part=part))
    for part, kind in _PARTS.items():
        if not isinstance(document.get(part, kind()), kind):
            yield Fault(part, reason("profile.part_missing", part=part))
            return
    yield from _match_faults(document.get("match", {}))
    device = document.get("device", "")
    if device and not _DEVICE.fullmatch(device):
        yield Fault("device", reason("profile.device_unclear"))
    time = document.get("time", {})
    if time and (not isinstance(time.get("field"), str) or time.get("unit") not in TIME_UNITS):
        yield Fault("time", reason("profile.time_unclear", units=list(TIME_UNITS)))
    for path, entry in document.get("fields", {}).items():
        yield from _field_faults(entry, f"fields.{path}")


def _match_faults(match: Mapping[str, Json]) -> Iterator[Fault]:
    for part in LISTS:
        listed = match.get(part, [])
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            yield Fault(f"match.{part}", reason("profile.not_a_list", part=part))
    for part in TEXTS:
        if not isinstance(match.get(part, ""), str):
            yield Fault(f"match.{part}", reason("profile.part_missing", part=part))
    for part in match.keys() - {*LISTS, *TEXTS}:
        yield Fault(f"match.{part}", reason("profile.match_unknown", part=part[:40]))


def _applies_nowhere(document: Json) -> Iterator[Fault]:
    match = document.get("match") if isinstance(document, dict) else None
    if isinstance(document, dict) and not any((match or {}).get(one) for one in (*LISTS, "topic")):
        yield Fault("match", reason("profile.matches_nothing"))


def _field_faults(entry: Json, where: str) -> Iterator[Fault]:
    if not isinstance(entry, dict):
        yield Fault(where, reason("profile.not_an_object"))
        return
    quantity, unit = entry.get("quantity"), entry.get("unit")
    if not isinstance(quantity, str) or quantity not in QUANTITIES:
        why = reason("profile.quantity_unknown", quantity=str(quantity))
        yield Fault(f"{where}.quantity", why)
    elif not isinstance(unit, str) or not is_convertible(unit, quantity):
        why = reason("profile.unit_unknown", unit=str(unit), quantity=quantity)
        yield Fault(f"{where}.unit", why)
    scale, sentinels = entry.get("scale", 1.0), entry.get("sentinels", [])
    if isinstance(scale, bool) or not isinstance(scale, int | float) or scale == 0:
        yield Fault(f"{where}.scale", reason("profile.scale_unclear"))
    if not isinstance(sentinels, list) or not all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in sentinels
    ):
        yield Fault(f"{where}.sentinels", reason("profile.sentinels_unclear"))
