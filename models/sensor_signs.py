"""Signs that a sensor needs a hand: silent, clock off, battery low, stuck, or out of range."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.orm import Session, aliased, joinedload, selectinload

from models import stored
from models.heartbeat import DEAD_AFTER, LISTENING_SINCE, ingesters
from models.maintenance import LEFT_ALONE, LIVE, Maintenance
from models.reading import HOUR_S, Channel, Rollup, SensorState
from models.reasons import Reason, reason
from models.rules.silence import silence_due_ms
from models.sensor import Epoch, Sensor
from models.times import from_ms, iso, to_ms
from models.units import BAD, RAIN

MOST = 500  # at one look; the rest is found at the next

# domain.md §5.4. A cell of 3.6 V is empty at 3.3; at less than 10 % readings are questionable.
LOW_V, LOW_PERCENT, VERY_LOW_PERCENT = 3.3, 20.0, 10.0
FLAT_FOR = {
    "crack_width": timedelta(hours=24),
    "displacement": timedelta(hours=24),
    "moisture_content": timedelta(days=7),
    "moisture_vwc": timedelta(days=7),
    "moisture_rel": timedelta(days=7),
    "moisture_tension": timedelta(days=7),
}
FEWEST_FLAT = 4  # readings: fewer say nothing of a value that stands still
RAIN_HOURS, NEIGHBOUR_MM = 6, 5.0  # a gauge that counts nothing of this is blocked
# Who catches up after days without a network tells of now before that.
BEHIND_FOR = timedelta(hours=3)
FEWEST_BAD, BAD_WITHIN = 3, timedelta(hours=24)


class Sign(NamedTuple):
    """What was found at a sensor."""

    sensor: Sensor
    kind: str
    since: datetime
    severity: str
    reason: Reason


def signs(session: Session, now: datetime, machine_now: datetime) -> list[Sign]:
    """Return what is not on the list yet; a fixed number of queries, nothing is changed."""
    found = [
        *_silent(session, now, machine_now),
        *_clocks_off(session, now),
        *_low_batteries(session, now),
        *_flat(session, now),
        *_blocked_gauges(session, now),
        *_out_of_range(session, now),
    ]
    return found[:MOST]


def _sensors(kind: str, now: datetime) -> Select[Sensor]:
    """Sensors in service of which this kind is neither open nor was lately found needless."""
    listed = exists().where(
        Maintenance.sensor_id == Sensor.id,
        Maintenance.kind == kind,
        or_(
            Maintenance.state.in_(LIVE),
            and_(Maintenance.state == "not_needed", Maintenance.closed_at > now - LEFT_ALONE),
        ),
    )
    return (
        select(Sensor)
        .where(Sensor.retired_at.is_(None), ~listed)
        .options(joinedload(Sensor.site), selectinload(Sensor.epochs))
        .order_by(Sensor.key)
        .limit(MOST)
    )


def _begun_ms(sensor: Sensor) -> int:
    """Return since when the sensor is as it is: what was before its epoch is mended."""
    return to_ms(sensor.epochs[-1].since) if sensor.epochs else 0


def _silent(session: Session, now: datetime, machine_now: datetime) -> Iterator[Sign]:
    """Those not heard for three intervals while somebody listened; a deaf ingester tells none."""
    beats = ingesters(session)
    if not beats or any(machine_now - beat.beat_at > DEAD_AFTER for beat in beats):
        return
    listening_ms = max(int((beat.facts or {}).get(LISTENING_SINCE) or 0) for beat in beats)
    state = SensorState
    rows = session.execute(
        _sensors("silent", now)
        .join(state, state.sensor == Sensor.key)
        .where(state.silent_since_ms.is_not(None))
        .add_columns(state.silent_since_ms)
    )
    for sensor, silent_ms in rows:
        since_ms = max(silent_ms, _begun_ms(sensor))
        if silence_due_ms(sensor.interval_s, max(since_ms, listening_ms)) <= to_ms(now):
            since = from_ms(since_ms)
            why = reason("maintenance.silent", sensor=sensor.code, since=iso(since))
            yield Sign(sensor, "silent", since, "low", why)


def _clocks_off(session: Session, now: datetime) -> Iterator[Sign]:
    """One sensor for each device that has told nothing of the last day for hours of speaking."""
    state = SensorState
    rows: Sequence[Any] = session.execute(
        select(Epoch.device, state.behind_since_ms, state.heard_ms, Sensor.id)
        .join(Sensor, Epoch.sensor_id == Sensor.id)
        .join(state, state.sensor == Sensor.key)
        .where(state.behind_since_ms.is_not(None), state.silent_since_ms.is_(None), _reads_now())
        .where(Epoch.device.not_in(_devices_listed("clock_off")))
        .order_by(Epoch.device, Sensor.key)
    ).all()
    behind_ms = BEHIND_FOR // timedelta(milliseconds=1)
    first: dict[str, tuple[int, int, Any]] = {}
    for device, since_ms, heard_ms, sensor_id in rows:
        if heard_ms - since_ms >= behind_ms:
            first.setdefault(device, (since_ms, heard_ms, sensor_id))
    if not first:
        return
    by_id = {sensor_id: (since_ms, heard_ms) for since_ms, heard_ms, sensor_id in first.values()}
    for sensor in session.scalars(_sensors("clock_off", now).where(Sensor.id.in_(list(by_id)))):
        began_ms, heard_ms = by_id[sensor.id]
        since_ms = max(began_ms, _begun_ms(sensor))
        if heard_ms - since_ms >= behind_ms:
            since = from_ms(since_ms)
            why = reason("maintenance.clock_off", sensor=sensor.code, since=iso(since))
            yield Sign(sensor, "clock_off", since, "low", why)


def _devices_listed(kind: str) -> Select[str | None]:
    listed = select(Maintenance.sensor_id).where(
        Maintenance.kind == kind, Maintenance.state.in_(LIVE)
    )
    own = aliased(Epoch)
    return select(own.device).where(own.device.is_not(None), own.sensor_id.in_(listed))


def right_clocks(session: Session) -> list[Maintenance]:
    """Return the work at clocks that have been right since."""
    mine = (
        select(Maintenance)
        .join(Maintenance.sensor)
        .join(SensorState, SensorState.sensor == Sensor.key)
        .where(Maintenance.kind == "clock_off", Maintenance.state.in_(LIVE))
    )
    return list(session.scalars(mine.where(SensorState.behind_since_ms.is_(None))))


def _low_batteries(session: Session, now: datetime) -> Iterator[Sign]:
    """One sensor for each device whose battery is low: that which measures it, else the first."""
    first: dict[str, tuple[str, float, int, Any]] = {}
    for rows in (_own_batteries(session), _device_batteries(session)):
        for device, quantity, value, last_ms, sensor_id in rows:
            first.setdefault(device, (quantity, value, last_ms, sensor_id))
    if not first:
        return
    wanted = [facts[3] for facts in first.values()]
    free = session.scalars(_sensors("battery_low", now).where(Sensor.id.in_(wanted)))
    by_id = {sensor.id: sensor for sensor in free}
    for quantity, value, last_ms, sensor_id in first.values():
        sensor = by_id.get(sensor_id)
        if sensor is None or last_ms <= _begun_ms(sensor):
            continue  # on the list, or changed since it last spoke
        nearly_empty = value is not None and value < VERY_LOW_PERCENT
        severity = "high" if quantity == "battery_level" and nearly_empty else "low"
        why = reason(f"maintenance.{quantity}_low", sensor=sensor.code, value=value)
        yield Sign(sensor, "battery_low", from_ms(last_ms), severity, why)


def _is_low(quantity: Any, value: Any) -> ColumnElement[bool]:
    return or_(
        and_(quantity == "battery_voltage", value < LOW_V),
        and_(quantity == "battery_level", value < LOW_PERCENT),
    )


# A device's battery may be a sensor of the registry, or a channel that nobody has claimed.


def _own_batteries(session: Session) -> Sequence[Any]:
    state = SensorState
    return session.execute(
        select(Epoch.device, Sensor.quantity, state.value, state.heard_ms, Sensor.id)
        .join(Sensor, Epoch.sensor_id == Sensor.id)
        .join(state, state.sensor == Sensor.key)
        .where(_is_low(Sensor.quantity, state.value), state.quality < BAD, _reads_now())
        .order_by(Epoch.device, Sensor.key)
    ).all()


def _device_batteries(session: Session) -> Sequence[Any]:
    return session.execute(
        select(Channel.device, Channel.quantity, Channel.last_value, Channel.last_ms, Sensor.id)
        .join(Epoch, Epoch.device == Channel.device)
        .join(Sensor, Epoch.sensor_id == Sensor.id)
        .where(~Channel.claimed, _is_low(Channel.quantity, Channel.last_value), _reads_now())
        .order_by(Channel.device, Sensor.key)
    ).all()


def _reads_now() -> ColumnElement[bool]:
    reads = and_(Epoch.device.is_not(None), Epoch.until.is_(None), Epoch.kind != "retired")
    return and_(reads, Sensor.retired_at.is_(None))


def _flat(session: Session, now: datetime) -> Iterator[Sign]:
    """Those whose hours all have one and the same value, to the last digit, until now."""
    for span in sorted(set(FLAT_FOR.values())):
        quantities = [code for code, flat_for in FLAT_FOR.items() if flat_for == span]
        since_ms = to_ms(now - span)
        hours = (
            select(
                Rollup.sensor,
                func.min(Rollup.min).label("low"),
                func.sum(Rollup.count).label("n"),
                func.min(Rollup.end_ms).label("first_ms"),
            )
            .join(Sensor, Sensor.key == Rollup.sensor)
            .where(
                Sensor.quantity.in_(quantities),
                Rollup.span_s == HOUR_S,
                Rollup.end_ms > since_ms,
                Rollup.end_ms <= to_ms(now),
            )
            .group_by(Rollup.sensor)
            .having(func.min(Rollup.min) == func.max(Rollup.max))
            .subquery()
        )
        rows = session.execute(
            _sensors("stuck", now)
            .join(hours, hours.c.sensor == Sensor.key)
            .join(SensorState, SensorState.sensor == Sensor.key)
            .where(
                hours.c.n >= FEWEST_FLAT,
                SensorState.silent_since_ms.is_(None),
                SensorState.value == hours.c.low,
            )
            .add_columns(hours.c.first_ms, SensorState.value)
        )
        for sensor, first_ms, value in rows:
            slack_ms = (HOUR_S + 2 * sensor.interval_s) * 1000
            if first_ms <= since_ms + slack_ms and _begun_ms(sensor) <= since_ms:
                hours_flat = round(span.total_seconds() / 3600)
                why = reason(
                    "maintenance.stuck",
                    sensor=sensor.code,
                    quantity=sensor.quantity,
                    value=value,
                    hours=hours_flat,
                )
                yield Sign(sensor, "stuck", from_ms(since_ms), "low", why)


def _blocked_gauges(session: Session, now: datetime) -> Iterator[Sign]:
    """Gauges that are heard and count nothing while another of their site counts rain."""
    since = now - timedelta(hours=RAIN_HOURS)
    rows = session.execute(
        select(Sensor.id, Sensor.site_id, Sensor.code, func.sum(Rollup.value))
        .join(Rollup, Rollup.sensor == Sensor.key)
        .join(SensorState, SensorState.sensor == Sensor.key)
        .where(
            Sensor.quantity.in_(sorted(RAIN)),
            Sensor.retired_at.is_(None),
            SensorState.silent_since_ms.is_(None),
            Rollup.span_s == HOUR_S,
            Rollup.end_ms > to_ms(since),
            Rollup.end_ms <= to_ms(now),
        )
        .group_by(Sensor.id, Sensor.site_id, Sensor.code)
    ).all()
    wettest: dict[object, tuple[float, str]] = {}
    for _, site_id, code, mm in rows:
        wettest[site_id] = max(wettest.get(site_id, (0.0, "")), (mm or 0.0, code))
    dry = [row[0] for row in rows if row[3] == 0 and wettest[row[1]][0] >= NEIGHBOUR_MM]
    if not dry:
        return
    for sensor in session.scalars(_sensors("stuck", now).where(Sensor.id.in_(dry))):
        if _begun_ms(sensor) > to_ms(since):
            continue
        mm, other = wettest[sensor.site_id]
        why = reason(
            "maintenance.gauge_blocked", sensor=sensor.code, other=other, mm=mm, hours=RAIN_HOURS
        )
        yield Sign(sensor, "stuck", since, "low", why)


def _out_of_range(session: Session, now: datetime) -> Iterator[Sign]:
    """Those whose newest reading is bad, and not the only one of a day."""
    since_ms = to_ms(now - BAD_WITHIN)
    found: Sequence[Sensor] = session.scalars(
        _sensors("out_of_range", now)
        .join(SensorState, SensorState.sensor == Sensor.key)
        .where(SensorState.quality >= BAD, SensorState.at_ms > since_ms)
    ).all()
    keys = [sensor.key for sensor in found]
    readings = stored.of_many(session, keys, since_ms, to_ms(now)) if keys else {}
    for sensor in found:
        bad = [one.at_ms for one in readings.get(sensor.key, ()) if one.quality >= BAD]
        # Mended within the day: only what is bad since then counts, and that has to come together.
        if len(bad) >= FEWEST_BAD and bad[0] > _begun_ms(sensor):
            why = reason("maintenance.out_of_range", sensor=sensor.code, n=len(bad))
            yield Sign(sensor, "out_of_range", from_ms(bad[0]), "low", why)
