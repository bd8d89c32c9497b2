"""Says when a rule would have fired over stored readings, by the state machine that judges live."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from models import stored
from models.errors import Refusal
from models.people import Actor
from models.readings import Correction
from models.reasons import reason
from models.rules import judge
from models.rules.judge import Sample, Step
from models.rules.spec import Combination, Rule, Silence, Threshold
from models.sensor import Epoch, Sensor
from models.times import to_ms
from models.units import NOT_EVALUATED

# The longest memory of a rule: seven days of antecedent rain, with a day to spare.
_LOOKBACK_MS = timedelta(days=8) // timedelta(milliseconds=1)


class Fired(NamedTuple):
    """One step that the rule would have taken for a sensor."""

    sensor: Sensor
    step: Step


def sensors_under(session: Session, rule: Rule, actor: Actor) -> list[Sensor]:
    """Return the sensors that the rule judges and the actor may see.

    Raises Refusal for a rule that is not about readings: silence, or other rules' verdicts.
    """
    if isinstance(rule, Combination | Silence):
        raise Refusal(reason("backtest.readings_only", rule=rule.code, kind=rule.kind))
    rows = session.scalars(
        select(Sensor)
        .where(Sensor.visible_to(actor))
        .options(joinedload(Sensor.site), selectinload(Sensor.epochs))
        .order_by(Sensor.site_id, Sensor.code)
    )
    return [one for one in rows if rule.where.covers(one.quantity, one.site.code, one.code)]


def count_readings(
    session: Session, sensors: Iterable[Sensor], since: datetime, until: datetime
) -> int:
    """Return how many readings lie in `(since, until]`."""
    return stored.count_between(session, [one.key for one in sensors], to_ms(since), to_ms(until))


def would_have_fired(
    session: Session, rule: Rule, sensor: Sensor, since: datetime, until: datetime
) -> Iterator[Fired]:
    """Yield what the rule would have said of one sensor in `(since, until]`, in order.

    It has seen what came before, as far as it remembers: its window, and its baseline's hours. What
    came too late to be judged counts: the question is what the rule says of it.
    """
    state = judge.fresh_state(rule, sensor.quantity)
    begun: Epoch | None = None
    for sample in _samples(session, rule, sensor, to_ms(since), to_ms(until)):
        epoch = _epoch_at(sensor.epochs, sample.at_ms)
        if epoch is not None and begun is not None and epoch is not begun:
            judge.new_epoch(rule, state, to_ms(epoch.since))
        begun = epoch or begun
        for step in judge.on_sample(rule, state, sample):
            if step.at_ms > to_ms(since):
                yield Fired(sensor, step)


def _samples(
    session: Session, rule: Rule, sensor: Sensor, since_ms: int, until_ms: int
) -> Iterator[Sample]:
    begin_ms = since_ms - _LOOKBACK_MS
    if isinstance(rule, Threshold) and rule.of == "change":
        epoch = _epoch_at(sensor.epochs, since_ms)
        first = stored.first_ms(session, sensor.key, to_ms(epoch.since) if epoch else begin_ms)
        if first is not None and first < begin_ms:
            learnt_ms = min(first + rule.baseline.over_ms, begin_ms)
            yield from _stored(session, sensor, first - 1, learnt_ms)
    yield from _stored(session, sensor, begin_ms, until_ms)


def _stored(session: Session, sensor: Sensor, since_ms: int, until_ms: int) -> Iterator[Sample]:
    correct = Correction(sensor)
    for at_ms, value, quality, _, _ in stored.between(session, sensor.key, since_ms, until_ms):
        if quality != NOT_EVALUATED:
            yield Sample(at_ms, correct(at_ms, value), quality, at_ms)


def _epoch_at(epochs: Sequence[Epoch], at_ms: int) -> Epoch | None:
    """Return the epoch with which the baselines of an instant begin."""
    begun = [one for one in epochs if to_ms(one.since) < at_ms]
    while len(begun) > 1 and begun[-1].continues:
        begun.pop()
    return begun[-1] if begun else None
