"""What the charts draw: the first view inside the page, finer points for a span by request."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from flask import Blueprint, Response, g, json, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.alert import Alert
from models.bars import Trend, is_rain
from models.chart import (
    HOUR_MS,
    MOST_COARSE,
    MOST_RAW,
    Line,
    Spot,
    buckets,
    gauge_for,
    joined,
    line,
    mm_by_hour,
    rain_bars,
    rain_line,
    raw_line,
    raw_of,
    trends_of,
    with_growing,
)
from models.errors import BadInput, Fault, Missing
from models.reading import SensorState
from models.reasons import reason
from models.registry import Site
from models.rules.spec import Accumulation, Rate, Rule, Threshold
from models.scene import sensors_where
from models.sensor import Sensor
from models.times import from_ms, instant_of, to_ms
from models.units import QUANTITIES, symbol
from webapp.db import db, site_now
from webapp.filters import t
from webapp.measures import digits, measure
from webapp.policies import signed_in
from webapp.reader import read_in_zone

pages = Blueprint("series", __name__)
LONGEST = timedelta(days=3 * 366)
YEAR = timedelta(days=365)
MOST_READ = 4 * MOST_RAW  # a sensor that speaks more often than it was meant to is read too
GROWING = timedelta(hours=4)  # the hours of a gauge that may not be written yet
ROWS = 8


@pages.get("/series/<site>/<code>.json")
@signed_in
def points(site: str, code: str) -> Response:
    """Return a stretch of a sensor, as fine as a chart can show it."""
    sensor, gauge = find_sensor(site, code)
    since, until = _span()
    etag = _version(sensor, since, until)
    answer = Response(mimetype="application/json")
    answer.set_etag(etag)
    answer.headers["Cache-Control"] = "private, no-cache"
    if etag not in request.if_none_match:
        hours = request.args.get("hours", 24, type=int)
        found = line(db.session(), sensor, since, until, rain_hours=min(max(hours, 1), 168))
        rain, width = rain_bars(db.session(), gauge, since, until)
        answer.set_data(json.dumps({**found.to_json(), "rain": rain, "rain_width_s": width}))
    return answer.make_conditional(request)


def find_sensor(site: str, code: str) -> tuple[Sensor, Sensor | None]:
    """Return a sensor and its site's gauge; 404 for what the actor may not see."""
    wanted = (Sensor.code == code) | Sensor.quantity.in_(("rain_total", "rain_increment"))
    found = sensors_where(db.session(), g.actor, Site.code == site, wanted)
    sensor = next((one for one in found if one.code == code), None)
    if sensor is None:
        raise Missing("sensor", f"{site}/{code}")
    read_in_zone(sensor.site.timezone)
    return sensor, gauge_for(found, sensor)


def _span() -> tuple[datetime, datetime]:
    """Return `since` and `until` of the address; bad ones are told, long ones are cut."""
    now = site_now()
    until = _moment("until", now)
    since = _moment("since", until - timedelta(days=7))
    if since >= until:
        raise BadInput([Fault("since", reason("series.since_after_until"))])
    return max(since, until - LONGEST), until


def _moment(name: str, default: datetime) -> datetime:
    text = request.args.get(name)
    if not text:
        return default
    moment = instant_of(text)
    if moment is None:
        raise BadInput([Fault(name, reason("series.not_a_time", given=text[:40]))])
    return moment


def _version(sensor: Sensor, since: datetime, until: datetime) -> str:
    """Return what the answer depends on: the newest reading, the epochs, the span."""
    newest = db.session.scalar(select(SensorState.at_ms).where(SensorState.sensor == sensor.key))
    kept = f"{sensor.key}:{sensor.version}:{newest}:{since}:{until}:{request.args.get('hours')}"
    return sha256(kept.encode()).hexdigest()[:20]


@dataclass(frozen=True)
class Past:
    """A year of some sensors, read once for all that a page makes of it: three queries."""

    now: datetime
    window: tuple[datetime, datetime]
    hours: dict[int, Trend]
    raw: dict[int, list[Spot]]
    rain: list[list[float]]
    rain_width_s: int

    def year(self, sensor: Sensor) -> Trend:
        """Return the hours of a sensor."""
        return self.hours[sensor.key]

    def coarse(self, sensor: Sensor, hours: int) -> Line:
        """Return the year up to the window."""
        since, until = self.now - YEAR, self.window[0]
        if is_rain(sensor.quantity):
            return rain_line(mm_by_hour(self.year(sensor)), since, until, hours, MOST_COARSE)
        before = self.year(sensor).within(0, to_ms(until))
        return buckets(before, since, until, MOST_COARSE)

    def fine(self, sensor: Sensor, hours: int) -> Line:
        """Return the window, as fine as it was measured where that is stored."""
        if is_rain(sensor.quantity):
            return rain_line(self._rain(sensor), *self.window, hours)
        found = self.raw.get(sensor.key, [])
        if 0 < len(found) <= MOST_RAW:
            return raw_line(sensor, found)
        inside = self.year(sensor).within(to_ms(self.window[0]), to_ms(self.now))
        return buckets(inside, *self.window)

    def _rain(self, gauge: Sensor) -> list[tuple[int, float]]:
        hours = mm_by_hour(self.year(gauge))
        if not hours or to_ms(self.now) - hours[-1][0] > 2 * HOUR_MS:
            return hours
        return with_growing(gauge, hours, self.raw.get(gauge.key, []), hours[-1][0])


def read_past(
    sensors: Sequence[Sensor],
    gauge: Sensor | None,
    now: datetime,
    window: tuple[datetime, datetime],
) -> Past:
    """Read what the charts of some sensors at one site need."""
    session = db.session()
    rain, width = rain_bars(session, gauge, now - YEAR, now)
    return Past(
        now,
        window,
        trends_of(session, sensors, now - YEAR, now),
        _raw(session, sensors, now, window),
        rain,
        width,
    )


def _raw(
    session: Session, sensors: Sequence[Sensor], now: datetime, window: tuple[datetime, datetime]
) -> dict[int, list[Spot]]:
    """Return the window's readings where there can be few enough to draw them, else the last."""
    span_s = (window[1] - window[0]).total_seconds()
    many = {s.key for s in sensors if span_s / max(s.interval_s, 1) > MOST_READ}
    found = raw_of(session, [s for s in sensors if s.key not in many], *window)
    gauges = [s for s in sensors if s.key in many and is_rain(s.quantity)]
    return found | (raw_of(session, gauges, now - GROWING, now) if gauges else {})


def first_view(
    sensor: Sensor,
    past: Past,
    *,
    alerts: Sequence[Alert] = (),
    rule: Rule | None = None,
    why: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return what a page hands its chart: a year coarsely, the window finely, levels and marks."""
    hours = window_hours(rule, why)
    both = joined(past.coarse(sensor, hours), past.fine(sensor, hours))
    known = QUANTITIES.get(sensor.quantity)
    data: dict[str, Any] = {
        **both.to_json(),
        "rain": past.rain,
        "rain_width_s": past.rain_width_s,
        "thresholds": thresholds(rule, why or {}),
        "below": bool(rule and rule.direction == "below"),
        "alerts": [{"t": one.observed_at.timestamp(), "severity": one.peak} for one in alerts],
        "window": [moment.timestamp() for moment in past.window],
        "decimals": known.decimals if known else 2,
    }
    change = change_of(sensor, rule, why or {}, alerts)
    return {**data, "change": change} if change else data


def window_hours(rule: Rule | None, why: Mapping[str, Any] | None) -> int:
    """Return the hours over which a gauge is summed: those of the rule that fired, else a day."""
    told = (why or {}).get("hours")
    if isinstance(rule, Accumulation) and isinstance(told, int | float):
        return max(1, round(told))
    return 24


def thresholds(rule: Rule | None, why: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the limits that can be drawn in the sensor's own unit, lowest first."""
    if isinstance(rule, Threshold):
        base = why.get("baseline", rule.baseline.value) if rule.of == "change" else 0.0
        found = [
            {"severity": level.severity, "value": round(level.raise_at + base, 4)}
            for level in rule.levels
            if level.raise_at is not None and base is not None and level.of != "value"
        ]
    elif isinstance(rule, Accumulation) and rule.decay is None:
        hours = why.get("hours")
        found = [
            {"severity": level.severity, "value": level.raise_at}
            for level in rule.levels
            if level.raise_at is not None
            and (level.window_ms or rule.window_ms or 0) == (hours or 24) * 3_600_000
        ]
    else:
        found = []
    return sorted(found, key=lambda one: one["value"])


def change_of(
    sensor: Sensor, rule: Rule | None, why: Mapping[str, Any], alerts: Sequence[Alert]
) -> dict[str, Any] | None:
    """Return the stretch over which a rate rule saw the change that fired it."""
    if not isinstance(rule, Rate) or not alerts or why.get("value") is None:
        return None
    until = alerts[-1].observed_at
    text = t(
        "series.slope" if rule.per == "day" else "series.rise",
        change=measure(why["value"], sensor.quantity, signed=True),
        hours=round(rule.window_ms / 3_600_000),
    )
    since = until - timedelta(milliseconds=rule.window_ms)
    return {"from": since.timestamp(), "to": until.timestamp(), "text": text}


def table_rows(
    sensor: Sensor, data: Mapping[str, Any], now: datetime
) -> list[tuple[datetime, str, str, str]]:
    """Return the last days as a table: the value about that hour, its change, the day's rain."""
    at, values = data["t"], data["v"]
    rain = data.get("rain") or []
    found = []
    for days in range(ROWS):
        moment = (now - timedelta(days=days)).timestamp()
        value, before = nearest(at, values, moment), nearest(at, values, moment - 86_400)
        if value is None:
            continue
        change = None if before is None else value - before
        mm = sum(one[1] for one in rain if moment - 86_400 < one[0] <= moment)
        found.append(
            (
                from_ms(round(moment * 1000)),
                measure(value, sensor.quantity),
                measure(change, sensor.quantity, signed=True),
                measure(mm, "rain_total") if rain else "—",
            )
        )
    return found


def nearest(
    at: Sequence[float], values: Sequence[float | None], moment: float, within_s: int = 7200
) -> float | None:
    """Return the last value before a moment, where there is one near enough; `at` is in order."""
    near = slice(bisect_left(at, moment - within_s), bisect_right(at, moment))
    return next((value for value in reversed(values[near]) if value is not None), None)


def summary(sensor: Sensor, data: Mapping[str, Any]) -> str:
    """Say the chart's first view in a sentence, for those who can't see it; the dates stay true."""
    since, until = data["window"]
    days = {
        "since": datetime.fromtimestamp(since, UTC),
        "until": datetime.fromtimestamp(until, UTC),
    }
    known = [
        value
        for when, value in zip(data["t"], data["v"], strict=True)
        if value is not None and since <= when <= until
    ]
    if not known:
        return t("series.nothing", sensor=sensor.code, **days)
    fallen = sum(one[1] for one in data["rain"] if since <= one[0] <= until)
    return t(
        "series.summary_with_rain" if data["rain"] else "series.summary",
        sensor=sensor.code,
        first=digits(known[0], sensor.quantity),
        last=digits(known[-1], sensor.quantity),
        low=digits(min(known), sensor.quantity),
        high=digits(max(known), sensor.quantity),
        unit=symbol(sensor.quantity),
        rain=fallen,
        **days,
    )
