"""Reads device profiles: what a device type's fields mean, where its messages don't say so."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ingest.formats.sheet import Meaning
from models.errors import BadInput, Fault
from models.reasons import Json, reason
from models.units import QUANTITIES, is_convertible

_FOLDER = Path(__file__).parent / "profiles"


@dataclass(frozen=True, slots=True)
class Profile:
    """One device type, or one topic of plain JSON, and the meaning of its fields.

    It applies by `brand` and `models` where the message names them (a model also as the start of
    a network's name for it), by `formats`, by `keys` that all stand in the message, by `topic`.
    """

    name: str
    fields: Mapping[str, Meaning]
    formats: tuple[str, ...] = ()
    brand: str = ""
    models: tuple[str, ...] = ()
    keys: frozenset[str] = frozenset()
    topic: str = ""
    device: str = ""
    time: str = ""
    time_unit: str = ""
    ignore: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Profiles:
    """All profiles of an installation, the most particular match first."""

    profiles: Sequence[Profile] = field(default_factory=tuple)

    @cached_property
    def mappings(self) -> tuple[Profile, ...]:
        """The profiles that describe plain JSON on topics of its own."""
        return tuple(p for p in self.profiles if p.topic and p.device)

    def for_device(
        self, format_name: str, brand: str, model: str, keys: Iterable[str] = ()
    ) -> Profile | None:
        """Return the profile of a device: by its model, by the fields that it sends, by format."""
        brand, model, present = brand.lower(), model.lower(), frozenset(keys)
        candidates = [p for p in self.profiles if not p.formats or format_name in p.formats]
        for profile in candidates:
            if model and _names(profile, brand, model):
                return profile
        for profile in candidates:
            if profile.keys and profile.keys <= present:
                return profile
        general = (p for p in candidates if p.formats and not (p.keys or p.models or p.topic))
        return next(general, None)

    def with_more(self, more: Iterable[Profile]) -> "Profiles":
        """Return these and more; the later ones win."""
        return Profiles((*more, *self.profiles))


def _names(profile: Profile, brand: str, model: str) -> bool:
    if brand and profile.brand and not brand.startswith(profile.brand):
        return False
    return any(model == known or model.startswith(known + " ") for known in profile.models)


def load_profile(document: Json, where: str) -> Profile:
    """Return the profile that a JSON document describes. Raises BadInput with all its faults."""
    faults = list(_faults(document, where))
    if faults:
        raise BadInput(faults)
    match = document.get("match", {})
    return Profile(
        name=document["name"],
        fields={path: _meaning(entry) for path, entry in document["fields"].items()},
        formats=tuple(match.get("formats", ())),
        brand=match.get("brand", "").lower(),
        models=tuple(model.lower() for model in match.get("models", ())),
        keys=frozenset(match.get("keys", ())),
        topic=match.get("topic", ""),
        device=document.get("device", ""),
        time=document.get("time", {}).get("field", ""),
        time_unit=document.get("time", {}).get("unit", ""),
        ignore=frozenset(document.get("ignore", ())),
    )


def _meaning(entry: Mapping[str, Json]) -> Meaning:
    return Meaning(
        entry["quantity"],
        entry["unit"],
        float(entry.get("scale", 1.0)),
        tuple(float(code) for code in entry.get("sentinels", ())),
    )


_DEVICE = re.compile(r"topic:\d{1,2}|field:.+")
_PARTS: dict[str, type] = {
    "name": str, "fields": dict, "match": dict, "time": dict, "device": str, "ignore": list,
}  # fmt: skip
_TIME_UNITS = ("iso", "s", "ms", "us", "ns")


def _faults(document: Json, where: str) -> Iterable[Fault]:
    if not isinstance(document, dict):
        yield Fault(where, reason("profile.not_an_object"))
        return
    for part in ("name", "fields"):
        if not document.get(part):
            yield Fault(f"{where}: {part}", reason("profile.part_missing", part=part))
    for part, kind in _PARTS.items():
        if not isinstance(document.get(part, kind()), kind):
            yield Fault(f"{where}: {part}", reason("profile.part_missing", part=part))
            return
    device = document.get("device", "")
    if device and not _DEVICE.fullmatch(device):
        yield Fault(f"{where}: device", reason("profile.device_unclear"))
    time = document.get("time", {})
    if time and (not isinstance(time.get("field"), str) or time.get("unit") not in _TIME_UNITS):
        yield Fault(f"{where}: time", reason("profile.time_unclear", units=list(_TIME_UNITS)))
    for path, entry in document.get("fields", {}).items():
        yield from _field_faults(entry, f"{where}: fields/{path}")


def _field_faults(entry: Json, where: str) -> Iterable[Fault]:
    if not isinstance(entry, dict):
        yield Fault(where, reason("profile.not_an_object"))
        return
    quantity, unit = entry.get("quantity"), entry.get("unit")
    if not isinstance(quantity, str) or quantity not in QUANTITIES:
        yield Fault(where, reason("profile.quantity_unknown", quantity=str(quantity)))
    elif not isinstance(unit, str) or not is_convertible(unit, quantity):
        yield Fault(where, reason("profile.unit_unknown", unit=str(unit), quantity=quantity))
    scale, sentinels = entry.get("scale", 1.0), entry.get("sentinels", [])
    if isinstance(scale, bool) or not isinstance(scale, int | float) or scale == 0:
        yield Fault(where, reason("profile.scale_unclear"))
    if not isinstance(sentinels, list) or not all(isinstance(s, int | float) for s in sentinels):
        yield Fault(where, reason("profile.sentinels_unclear"))


def load_profiles(folder: Path) -> list[Profile]:
    """Return the profiles of a folder, in order of file name. Raises BadInput."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            document = json.loads(path.read_text("utf-8"))
        except ValueError:
            raise BadInput([Fault(path.name, reason("profile.not_json"))]) from None
        found.append(load_profile(document, path.name))
    return found


SHIPPED = Profiles(load_profiles(_FOLDER))
