"""Reads measurements once more by the profile that an installation has for devices of that name."""

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from ingest.formats import numbers
from ingest.formats.decoded import (
    ACCEPT,
    BAD,
    IGNORE,
    PARTIAL,
    QUARANTINE,
    Decoded,
    Measurement,
    Unusable,
    quarantined,
)
from ingest.formats.plans import plan_for
from ingest.formats.profiles import Profile
from ingest.formats.sheet import Meaning, why_unbelievable
from models.units import is_convertible


def retold(decoded: Decoded, profiles: Sequence[Profile]) -> Decoded:
    """Return the outcome as the devices' own profiles tell it; formats need not know of them."""
    told, changed = [], False
    for measurement in decoded.measurements:
        profile = profile_of(measurement.device, profiles)
        meaning = profile.fields.get(measurement.channel) if profile else None
        if profile is not None and measurement.channel in profile.ignore:
            changed = True
        elif meaning is not None:
            changed = True
            told.append(_again(measurement, meaning))
        else:
            told.append(measurement)
    return _summed_up(decoded, told) if changed else decoded


def profile_of(device: str, profiles: Sequence[Profile]) -> Profile | None:
    """Return the first profile of which a pattern fits the device's name."""
    for profile in profiles:
        if any(fnmatchcase(device, pattern) for pattern in profile.devices):
            return profile
    return None


def _again(measurement: Measurement, meaning: Meaning) -> Measurement:
    """Read the number as it was sent; a unit that stands in the message goes before any profile."""
    quantity, unit, scale = meaning.quantity, meaning.unit, meaning.scale
    if measurement.raw_unit and is_convertible(measurement.raw_unit, quantity or ""):
        unit, scale = measurement.raw_unit, 1.0
    try:
        sent, _ = numbers.number(measurement.raw_value)
    except Unusable as refusal:
        return _refused(measurement, quantity, refusal.code)
    plan = plan_for(measurement.channel, unit, quantity)
    value = plan.convert(sent * scale) if plan.convert else sent * scale
    fault = plan.fault or why_unbelievable(plan, value, sent, meaning)
    if fault:
        return _refused(measurement, quantity, fault)
    quality = measurement.quality if measurement.value is not None else 1
    return measurement._replace(
        quantity=plan.quantity, value=value, unit=plan.unit, quality=quality, fault=""
    )


def _refused(measurement: Measurement, quantity: str | None, code: str) -> Measurement:
    return measurement._replace(quantity=quantity, value=None, unit=None, quality=BAD, fault=code)


def _summed_up(decoded: Decoded, told: Sequence[Measurement]) -> Decoded:
    """Judge the message anew; a fault that belongs to no measurement stays."""
    blamed = sum(bool(one.fault) for one in decoded.measurements)
    counted = (decoded.reason.values.get("n") if decoded.reason else 0) or 0
    others = isinstance(counted, int) and counted > blamed
    faulty = [one for one in told if one.fault]
    good = any(one.value is not None for one in told)
    outcome, why = (ACCEPT if good else IGNORE), (None if good else decoded.reason)
    if faulty:
        where = f"{faulty[0].device}/{faulty[0].channel}"
        why = quarantined(faulty[0].fault, field=where, n=len(faulty))
    elif others:
        why = decoded.reason
    if faulty or others:
        outcome = PARTIAL if good else QUARANTINE
    return replace(decoded, outcome=outcome, reason=why, measurements=tuple(told))
