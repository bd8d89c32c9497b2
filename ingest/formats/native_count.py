"""Reads the running number that a native node may put into its SenML packs: `seq`, and `boot`."""

from collections.abc import Mapping, Sequence

from ingest.formats.decoded import Count, counted
from models.reasons import Json

# docs/mqtt.md: {"n": "seq", "u": "count", "v": 17} counts the node's packs from 1 on; `boot`
# (text or number) names the run in which it does.
SEQUENCE, BOOT = "seq", "boot"
_NO_MEASURE = (None, "count")


def is_count(name: str, unit: str | None) -> bool:
    """Whether a record is the node's own count and no measurement."""
    return name in (SEQUENCE, BOOT) and unit in _NO_MEASURE


def read_count(pack: Sequence[Json]) -> tuple[Count, ...]:
    """Return the count of a pack; nothing where it has none that can be used."""
    device, number, boot, at_ms = "", None, "", 0
    for record in pack:
        if not isinstance(record, dict):
            return ()
        device = str(record.get("bn") or device)
        at_ms = _ms(record.get("bt")) or at_ms
        name, value = record.get("n"), record.get("v")
        if name == SEQUENCE and record.get("u") in _NO_MEASURE:
            number = _whole(value)
        elif name == BOOT and record.get("u") in _NO_MEASURE:
            boot = _name(record, value)
    return counted(device.rstrip(":/"), number, boot, first=1, at_ms=at_ms) if device else ()


def _name(record: Mapping[str, Json], value: Json) -> str:
    named = record.get("vs", value)
    return str(named) if isinstance(named, str | int | float) else ""


def _whole(value: Json) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if type(value) is int else None


def _ms(seconds: Json) -> int:
    """Return an absolute base time in milliseconds; relative ones tell nothing of the making."""
    absolute = type(seconds) in (int, float) and 2**28 <= seconds < 1e12
    return round(seconds * 1000) if absolute else 0
