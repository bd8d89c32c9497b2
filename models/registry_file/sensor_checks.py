"""Checks a file's sensors: what they measure, where they stand, which channel they read."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from models.bars import is_rain
from models.registry_file import walk
from models.registry_file.known import InBuilding, InSite, Known, element_key, source_of
from models.registry_file.retiring import comes_back
from models.registry_file.where import Entry
from models.sensor import Sensor
from models.units import is_convertible


@dataclass(slots=True)
class Facts:
    """A sensor as it will be once the file is loaded; `entry` where the file speaks of it."""

    quantity: str | None
    unit: str | None
    source: tuple[str, str] | None
    retired: bool
    entry: Entry | None = None
    row: Sensor | None = None


class SensorChecks:
    """Looks at every sensor of the file beside those that are known."""

    def __init__(
        self,
        document: Entry,
        known: Known,
        sites: set[str],
        zones: set[InSite],
        elements: set[InBuilding],
        pruned: Collection[InSite],
    ) -> None:
        self.document, self.known = document, known
        self.sites, self.zones, self.elements = sites, zones, elements
        self.facts = {
            key: Facts(
                row.quantity,
                row.unit,
                source_of(row),
                row.retired_at is not None or key in pruned,
                row=row,
            )
            for key, row in known.sensors.items()
        }
        for key, _, entry in walk.placed(document, "sensors"):
            self.facts[key] = _after(entry, self.facts.get(key))

    def run(self, has_readings: Callable[[Sensor], bool]) -> None:
        """Note all faults on the file's places."""
        for key, building, entry in walk.placed(self.document, "sensors"):
            facts = self.facts[key]
            if facts.entry is not entry:
                continue  # given twice, which is said elsewhere
            self._check_measure(entry, facts, has_readings)
            self._check_element(key[0], building, entry)
            self._check_serves(key[0], entry)
            self._check_compensation(key, entry)
        self._check_sources()

    def _check_measure(
        self, entry: Entry, facts: Facts, has_readings: Callable[[Sensor], bool]
    ) -> None:
        for name in ("quantity", "unit"):
            if getattr(facts, name) is None and name not in entry.faulty:
                entry.at.key(name).fault("required", key=name)
        if facts.quantity is None or facts.unit is None:
            return
        if not is_convertible(facts.unit, facts.quantity):
            place = entry.at.key("unit" if "unit" in entry.given else "quantity")
            place.fault("not_convertible", unit=facts.unit, quantity=facts.quantity)
        _check_scale(entry, facts)
        row = facts.row
        if row is not None and row.quantity != facts.quantity and has_readings(row):
            entry.at.key("quantity").fault(
                "quantity_stays", code=entry.code, quantity=row.quantity, asked=facts.quantity
            )

    def _check_element(self, site: str, building: str | None, entry: Entry) -> None:
        reference = entry.given.get("element")
        if reference is None:
            return
        found = element_key(reference, site, building)
        if found is None:
            code = "element_needs_building" if building is None else "element_elsewhere"
            entry.at.key("element").fault(code, code=reference, building=building)
        elif found not in self.elements:
            entry.at.key("element").fault("no_such", kind="element", code=reference)

    def _check_serves(self, site: str, entry: Entry) -> None:
        for index, code in enumerate(entry.given.get("serves") or ()):
            if code not in self.sites and (site, code) not in self.zones:
                entry.at.key("serves").item(index).fault("no_such", kind="place", code=code)

    def _check_compensation(self, key: InSite, entry: Entry) -> None:
        code = entry.given.get("compensate_with")
        if code is None:
            return
        place = entry.at.key("compensate_with")
        other = self.facts.get((key[0], code))
        if other is None:
            # It may come with another file; until then the reading is judged as it is.
            place.warn("compensation_waits", code=code)
        elif code == entry.code:
            place.fault("itself", code=code)
        elif other.quantity not in (None, "temperature"):
            place.fault("no_temperature", code=code, quantity=other.quantity)

    def _check_sources(self) -> None:
        """A channel is one sensor at a time; those of the file are named when they clash."""
        taken: dict[tuple[str, str], InSite] = {}
        for key, facts in sorted(self.facts.items(), key=lambda item: _speaks(item[1].entry)):
            if facts.source is None or facts.retired:
                continue
            other = taken.setdefault(facts.source, key)
            if other != key and facts.entry is not None:
                device, channel = facts.source
                facts.entry.at.key("source").fault(
                    "source_taken", device=device, channel=channel, sensor="/".join(other)
                )


def _check_scale(entry: Entry, facts: Facts) -> None:
    """A gauge of rain with a negative scale would count none, for ever."""
    scale = entry.given.get("scale")
    if scale == 0:
        entry.at.key("scale").fault("no_zero_scale")
    elif scale is not None and scale < 0 and is_rain(facts.quantity or ""):
        entry.at.key("scale").fault("no_negative_rain")


def _speaks(entry: Entry | None) -> int:
    """0: the file is silent about the sensor; 1: about its source; 2: it gives one."""
    return 0 if entry is None else 1 + ("source" in entry.given)


def _after(entry: Entry, before: Facts | None) -> Facts:
    before = before or Facts(None, None, None, False)
    given = entry.given
    source = before.source
    if "source" in given:
        found = given["source"]
        source = None if found is None else (found["device"], found["channel"])
    return Facts(
        given.get("quantity", before.quantity),
        given.get("unit", before.unit),
        source,
        entry.retired or (before.retired and not comes_back(before.row)),
        entry=before.entry or entry,
        row=before.row,
    )
