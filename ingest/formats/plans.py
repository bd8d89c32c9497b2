"""Works out once, per channel name and unit, how its numbers are read; messages repeat them."""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from ingest.formats.limits import range_of
from ingest.formats.names import quantity_of, sounds_like_ours
from ingest.formats.spelling import is_foreign, quantities_in
from models.units import canonical_unit, converter


class Plan(NamedTuple):
    """What a number means: its quantity, canonical unit, conversion, and believable range.

    `fault` refuses it; `ours` is False where it measures nothing that Ridgewatch watches.
    """

    quantity: str | None
    unit: str | None = None
    convert: Callable[[float], float] | None = None
    lowest: float = -1e12
    highest: float = 1e12
    fault: str = ""
    ours: bool = True


@lru_cache(maxsize=16_384)
def plan_for(name: str, unit: str | None, quantity: str | None) -> Plan:
    """Return how to read a number of a channel called `name`; `quantity` is a profile's word."""
    found = quantity or quantity_of(name, unit)
    lowest, highest = range_of(found)
    if unit is None:
        return Plan(found, None, None, lowest, highest)
    possible = quantities_in(unit)
    if possible:
        return _converted(found, unit, possible)
    if is_foreign(unit) or not (quantity or sounds_like_ours(name)):
        return Plan(None, ours=False)
    return Plan(found, fault="unknown-unit")


def _converted(found: str | None, unit: str, possible: tuple[str, ...]) -> Plan:
    """A unit alone decides where all that it can measure has one canonical unit."""
    canonical = {canonical_unit(code) for code in possible}
    basis = found or (possible[0] if len(canonical) == 1 else None)
    lowest, highest = range_of(found)
    if basis is None:
        return Plan(found, None, None, lowest, highest)
    convert = converter(unit, basis)
    if convert is None:  # a unit of ours, but not of this quantity
        return Plan(found, fault="unknown-unit")
    return Plan(found, canonical_unit(basis), convert, lowest, highest)
