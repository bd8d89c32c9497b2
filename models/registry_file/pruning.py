"""Retires what a file lacks; nothing is ever deleted, and drawings and companies stay."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.registry_file import walk
from models.registry_file.known import InBuilding, InSite, Known
from models.registry_file.ledger import Ledger
from models.registry_file.retiring import retire
from models.registry_file.rules import Given, switch
from models.registry_file.where import Entry


@dataclass(frozen=True, slots=True)
class Lacking:
    """What is in service and not in the file."""

    sites: tuple[str, ...] = ()
    buildings: tuple[InSite, ...] = ()
    elements: tuple[InBuilding, ...] = ()
    zones: tuple[InSite, ...] = ()
    sensors: tuple[InSite, ...] = ()


def lacking(document: Entry, known: Known) -> Lacking:
    """Return what the file lacks; a file without `sites` says nothing about them."""
    if "sites" not in document.given:
        return Lacking()
    buildings = {key for key, _ in walk.in_sites(document, "buildings")}
    sensors = {key for key, _, _ in walk.placed(document, "sensors")}
    return Lacking(
        _unnamed(known.sites, {code for code, _ in walk.sites(document)}),
        _unnamed(known.buildings, buildings),
        _unnamed(known.elements, {place for place, _ in walk.elements(document)}),
        _unnamed(known.zones, {key for key, _ in walk.in_sites(document, "zones")}),
        tuple(
            key for key, row in known.sensors.items() if key not in sensors and not row.retired_at
        ),
    )


def _unnamed(known: Mapping[Any, Any], named: set[Any]) -> tuple[Any, ...]:
    return tuple(key for key, row in known.items() if key not in named and not row.retired)


def prune(ledger: Ledger, lacks: Lacking, known: Known) -> None:
    """Retire it."""
    for found in lacks.sensors:
        retire(ledger, known.sensors[found], found)
    for key in lacks.zones:
        ledger.put(known.zones[key], f"zone:{'/'.join(key)}", {"retired": True})
    for place in lacks.elements:
        ledger.put(known.elements[place], f"element:{'/'.join(place)}", {"retired": True})
    for key in lacks.buildings:
        ledger.put(known.buildings[key], f"building:{'/'.join(key)}", {"retired": True})
    for code in lacks.sites:
        ledger.put(known.sites[code], f"site:{code}", {"retired": True})


def prune_rules(ledger: Ledger, document: Entry, given: list[Given], known: Known) -> None:
    """Switch off the rules that a file's `rules` lack; without `rules` all stay as they are."""
    named = {each.rule.code for each in given}
    for code, row in known.rules.items():
        if "rules" in document.given and code not in named and row.off_at is None:
            switch(ledger, row, off=True)
