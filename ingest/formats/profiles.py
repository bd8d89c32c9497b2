"""Reads device profiles: what a device type's fields mean, where its messages don't say so."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ingest.formats.sheet import Meaning
from models.errors import BadInput, Fault
from models.profile_file import profile_faults
from models.reasons import Json, reason

_FOLDER = Path(__file__).parent / "profiles"


@dataclass(frozen=True, slots=True)
class Profile:
    """One device type, or one topic of plain JSON, and the meaning of its fields.

    It applies by `brand` and `models` where the message names them (a model also as the start of
    a network's name for it), by `formats`, by `keys` that all stand in the message, by `topic`, by
    patterns of `devices` (`wall-*`).
    """

    name: str
    fields: Mapping[str, Meaning]
    formats: tuple[str, ...] = ()
    brand: str = ""
    models: tuple[str, ...] = ()
    keys: frozenset[str] = frozenset()
    devices: tuple[str, ...] = ()
    topic: str = ""
    device: str = ""
    time: str = ""
    time_unit: str = ""
    ignore: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Profiles:
    """All profiles of an installation: its own go before those that are shipped."""

    profiles: Sequence[Profile] = field(default_factory=tuple)
    own: Sequence[Profile] = field(default_factory=tuple)

    @cached_property
    def mappings(self) -> tuple[Profile, ...]:
        """The profiles that describe plain JSON on topics of its own."""
        return tuple(p for p in (*self.own, *self.profiles) if p.topic and p.device)

    @cached_property
    def by_pattern(self) -> tuple[Profile, ...]:
        """The profiles that apply to devices by name, whatever their format."""
        return tuple(p for p in (*self.own, *self.profiles) if p.devices)

    @cached_property
    def may_change_senml(self) -> bool:
        """Whether a profile could change what a message on a native topic says."""
        last_levels = {profile.topic.rpartition("/")[2] for profile in self.mappings}
        return bool(self.by_pattern) or bool(last_levels & {"#", "+", "senml"})

    def for_device(
        self, format_name: str, brand: str, model: str, keys: Iterable[str] = ()
    ) -> Profile | None:
        """Return the profile of a device: by its model, by the fields that it sends, by format."""
        asked = (format_name, brand.lower(), model.lower(), frozenset(keys))
        return _best(self.own, *asked) or _best(self.profiles, *asked)

    def with_more(self, more: Iterable[Profile]) -> "Profiles":
        """Return these and more of the installation's own; the later ones win."""
        return Profiles(self.profiles, (*more, *self.own))


def _best(
    profiles: Sequence[Profile], format_name: str, brand: str, model: str, keys: frozenset[str]
) -> Profile | None:
    candidates = [p for p in profiles if not p.formats or format_name in p.formats]
    for profile in candidates:
        if model and _names(profile, brand, model):
            return profile
    for profile in candidates:
        if profile.keys and profile.keys <= keys:
            return profile
    general = (
        p for p in candidates if p.formats and not (p.keys or p.models or p.topic or p.devices)
    )
    return next(general, None)


_BETWEEN = re.compile(r"[\s/,;:()+]+")


def _names(profile: Profile, brand: str, model: str) -> bool:
    if brand and profile.brand and not brand.startswith(profile.brand):
        return False
    # Networks let people name a type: "EM300_TH", "Milesight EM300-TH", "EM300-TH north".
    words = _BETWEEN.split(model.replace("_", "-"))[:2]
    named = any(model == known or model.startswith(known + " ") for known in profile.models)
    return named or any(known in words for known in profile.models)


def load_profile(document: Json, where: str) -> Profile:
    """Return the profile that a JSON document describes. Raises BadInput with all its faults."""
    faults = [
        Fault(f"{where}: {fault.where}" if fault.where else where, fault.reason)
        for fault in profile_faults(document)
    ]
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
        devices=tuple(match.get("devices", ())),
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
