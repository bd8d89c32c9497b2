"""Collects what one message says, field by field, and sums it up as its outcome."""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from ingest.formats import limits, numbers, times
from ingest.formats.decoded import (
    ACCEPT,
    BAD,
    GOOD,
    IGNORE,
    MISSING,
    PARTIAL,
    QUARANTINE,
    Count,
    Decoded,
    Measurement,
    Unreadable,
    Unusable,
    ignored,
    quarantined,
)
from ingest.formats.plans import Plan, plan_for
from ingest.message import Message
from models.reasons import Json, Reason


class When(NamedTuple):
    """An instant, who told it ("device", "network" or "receipt"), and its quality."""

    at_ms: int
    source: str
    quality: int = GOOD


class Meaning(NamedTuple):
    """What a profile or a format says about a field, beyond what its sender wrote."""

    quantity: str | None = None
    unit: str | None = None
    scale: float = 1.0
    sentinels: Collection[float] = ()


UNTOLD = Meaning()

MOST_RECORDS = 20_000
"""More in one message is an attack or a fault; a logger's month of minutes is 43,200 in parts."""


class Sheet:
    """One message's measurements and faults. Fields that are refused stay in it, without value."""

    def __init__(self, message: Message, format_name: str) -> None:
        self.message = message
        self.format = format_name
        self.measurements: list[Measurement] = []
        self.devices: dict[str, None] = {}
        self.faults: list[tuple[str, str]] = []
        self.received = When(message.received_ms, "receipt")
        self.ignored_because = "no-measurement"

    def heard(self, device: Json) -> str:
        """Note that a device spoke and return its name. Raises Unusable."""
        name = numbers.plain_id(device)
        self.devices[name] = None
        return name

    def when(self, at_ms: int, source: str = "device") -> When:
        """Return an instant with the quality that it has seen from the receipt. Raises Unusable."""
        return When(at_ms, source, times.quality_at(at_ms, self.message.received_ms))

    def add(
        self,
        device: str,
        channel: str,
        raw: Json,
        when: When,
        meaning: Meaning = UNTOLD,
        *,
        historical: bool = False,
        simulated: bool = False,
        name: str = "",
    ) -> None:
        """Take one field. `name` is what tells its quantity, where that is not the channel."""
        try:
            sent, written_unit = numbers.number(raw)
        except Unusable as refusal:
            self._refuse_as(device, channel, name, refusal.code, raw, when, meaning)
            return
        if written_unit:  # what the message itself says goes before any profile
            meaning = meaning._replace(unit=written_unit, scale=1.0)
        unit = meaning.unit
        plan = plan_for(name or channel, unit, meaning.quantity)
        if not plan.ours:
            return
        scaled = sent * meaning.scale
        value = plan.convert(scaled) if plan.convert else scaled
        fault = plan.fault or why_unbelievable(plan, value, sent, meaning)
        if fault:
            self.refuse(device, channel, fault, raw, when, Meaning(plan.quantity, unit))
            return
        self._keep(
            Measurement(
                device,
                channel,
                plan.quantity,
                value,
                plan.unit,
                when.at_ms,
                numbers.as_sent(raw),
                unit,
                when.source,
                historical,
                simulated,
                when.quality,
            )
        )

    def _refuse_as(
        self,
        device: str,
        channel: str,
        name: str,
        code: str,
        raw: Json,
        when: When,
        meaning: Meaning,
    ) -> None:
        """Refuse what is no number, if it stands where a number of ours should."""
        plan = plan_for(name or channel, meaning.unit, meaning.quantity)
        if plan.ours:
            self.refuse(device, channel, code, raw, when, Meaning(plan.quantity, meaning.unit))

    def refuse(
        self,
        device: str,
        channel: str,
        code: str,
        raw: Json,
        when: When,
        meaning: Meaning = UNTOLD,
    ) -> None:
        """Keep that a channel reported something that can't be believed, and why."""
        self.faults.append((f"{device}/{channel}", code))
        self._keep(
            Measurement(
                device,
                channel,
                meaning.quantity,
                None,
                None,
                when.at_ms,
                numbers.as_sent(raw),
                meaning.unit,
                when.source,
                quality=BAD,
                fault=code,
            )
        )

    def missing(self, device: str, channel: str, raw: Json, when: When) -> None:
        """Keep that a channel reported having no value, in the words its format has for that."""
        self._keep(
            Measurement(
                device,
                channel,
                None,
                None,
                None,
                when.at_ms,
                numbers.as_sent(raw),
                None,
                when.source,
                quality=MISSING,
                fault="null-value",
            )
        )

    def _keep(self, measurement: Measurement) -> None:
        if len(self.measurements) >= MOST_RECORDS:
            raise Unreadable("too-many-records", n=MOST_RECORDS)
        self.measurements.append(measurement)

    def fault(self, where: str, code: str) -> None:
        """Note a part of the message that can't be used and belongs to no channel."""
        self.faults.append((where, code))

    def summed_up(
        self,
        *,
        key: str = "",
        counts: tuple[Count, ...] = (),
        learned: Mapping[str, Json] | None = None,
        gone: tuple[str, ...] = (),
    ) -> Decoded:
        """Return the outcome: readings and no fault accept, both partial, faults quarantine."""
        if self.faults:
            self._doubt_totals()
        good = any(measurement.value is not None for measurement in self.measurements)
        return Decoded(
            self._outcome(good),
            self._reason(good),
            tuple(self.measurements),
            tuple(self.devices),
            self.format,
            key,
            counts,
            gone,
            learned or {},
        )

    def _doubt_totals(self) -> None:
        """Refuse a gauge's total beside an increment that can't be: it jumped by as much."""
        doubtful = {
            m.device
            for m in self.measurements
            if m.quantity == "rain_increment" and m.fault == "out-of-range"
        }
        if not doubtful:
            return
        for index, m in enumerate(self.measurements):
            if m.device in doubtful and m.quantity == "rain_total" and m.value is not None:
                self.measurements[index] = m._replace(value=None, quality=BAD, fault="out-of-range")
                self.faults.append((f"{m.device}/{m.channel}", "out-of-range"))

    def _outcome(self, good: bool) -> str:
        if self.faults:
            return PARTIAL if good else QUARANTINE
        return ACCEPT if good else IGNORE

    def _reason(self, good: bool) -> Reason | None:
        if self.faults:
            where, code = self.faults[0]
            return quarantined(code, field=numbers.as_sent(where), n=len(self.faults))
        return None if good else ignored(self.ignored_because)


def why_unbelievable(plan: Plan, value: float, sent: float, meaning: Meaning) -> str:
    """Return the code of what is wrong with a value, or "" if nothing is."""
    if sent in meaning.sentinels:
        return "sentinel"
    believable = plan.lowest <= value <= plan.highest
    if believable and sent >= 0 and plan.quantity is not None:
        return ""
    if limits.is_no_data(plan.quantity, sent, believable=believable):
        return "sentinel"
    return "" if believable else "out-of-range"
