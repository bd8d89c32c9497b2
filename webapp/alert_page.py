"""One alert on one page: why, the evidence, the place, what to do, and who knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from flask import g, render_template, url_for

from models.alert import LABELS, LONGEST_SHELF, Alert
from models.alert_facts import (
    Record,
    around,
    building_of,
    drawing_with,
    members,
    neighbours,
    notices_about,
    rule_with_record,
    zone_choices,
)
from models.alert_rights import buttons
from models.bars import is_rain
from models.chart import changes, gauge_for, quality, usual
from models.clock import machine_now
from models.contacts import call_list
from models.event import Event, history
from models.incident import Incident
from models.maintenance import work_at
from models.rainfall import by_site, caught_by
from models.rules.spec import Rule
from models.scene import Seen
from models.sensor import Sensor
from models.staff import staff_at
from models.units import symbol
from webapp.alert_words import headline, log_of, place_parts, reason_text, standing_of
from webapp.casework import names_of
from webapp.db import db, site_now
from webapp.filters import short_moment, t
from webapp.scene import Pin, crop_round, drawing_of, pins_on, value_words
from webapp.series import (
    Past,
    first_view,
    nearest,
    read_past,
    summary,
    table_rows,
    window_hours,
)

CHARTS = 3
SHELF_HOURS = (1, 2, 4, 8, 24)
BEFORE = timedelta(days=6)
AFTER = timedelta(days=1)


@dataclass(frozen=True)
class Chart:
    """One chart with its words."""

    seen: Seen
    title: str
    data: dict[str, Any]
    summary: str
    rows: Sequence[tuple]
    url: str
    unit: str
    change: float | None = None
    usual: float | None = None


def alert_page(alert: Alert) -> str:
    """Draw the page of an alert."""
    now, session = site_now(), db.session()
    seen = around(session, g.actor, alert, now)
    versioned = rule_with_record(session, alert.rule_code, alert.rule_version)
    rule, record = versioned[1:] if versioned else (None, Record(0))
    charts = _charts(alert, seen, rule, now)
    main = next((one for one in seen if one.sensor.id == alert.sensor_id), None)
    events = history(session, "alert", alert.id)
    names = names_of([alert.assignee_id])
    calls = _calls(events)
    sensors = [one.sensor for one in seen]
    caught = caught_by(session, sensors, now)
    rain = by_site(sensors, caught)
    return render_template(
        "alerts/show.html",
        alert=alert,
        now=now,
        title=headline(alert, {(alert.rule_code, alert.rule_version): rule.name if rule else None}),
        why=reason_text(alert),
        place=place_parts(alert),
        standing=standing_of(alert, now, names),
        steps=_steps(alert, now, names),
        can=buttons(alert, g.actor, now),
        rule=rule,
        record=record,
        charts=charts,
        seen=main,
        quality=quality(session, main.sensor, now) if main else None,
        usual=_usual(charts, alert),
        rain=rain.get(alert.site_id) if alert.site_id else None,
        work=work_at(session, alert.sensor_id) if alert.sensor_id else [],
        neighbours=[(one, value_words(one, caught)) for one in neighbours(alert, seen)],
        scene=_scene(alert, seen, caught),
        zones=zone_choices(session, alert),
        building=building_of(alert),
        incident=session.get(Incident, alert.incident_id) if alert.incident_id else None,
        first_hour=SimpleNamespace(
            contacts=[(one, calls.get(str(one.id))) for one in _contacts(alert)]
        ),
        shelf=[(str(hours), t("alerts.hours", n=hours)) for hours in shelf_hours(alert.severity)],
        notices=notices_about(session, alert),
        people=_people(alert, now),
        log=log_of(events),
        terms=[] if alert.sensor_id else _terms(alert, seen),
        labels=[(label, t(f"alert_label.{label}")) for label in LABELS],
        may_close_zone=g.actor.has_role("duty", "manager", site_id=alert.site_id),
        may_open_case=g.actor.has_role("duty", "manager", "engineer", site_id=alert.site_id),
    )


def _charts(alert: Alert, seen: Sequence[Seen], rule: Rule | None, now: datetime) -> list[Chart]:
    """Return the chart of the alert's sensor, or those of a combination's members."""
    shown = [one for one in seen if one.sensor.id == alert.sensor_id]
    if not shown:
        shown = [one for one, _ in members(alert, seen)[:CHARTS]]
    if not shown:
        return []
    sensors = [one.sensor for one in shown]
    gauge = gauge_for([one.sensor for one in seen], sensors[0])
    until = min(now, alert.observed_at + AFTER)
    past = read_past(sensors, gauge, now, (until - BEFORE, until))
    return [_chart(one, past, alert, rule, now) for one in shown]


def _chart(one: Seen, past: Past, alert: Alert, rule: Rule | None, now: datetime) -> Chart:
    sensor, until = one.sensor, past.window[1]
    is_own = sensor.id == alert.sensor_id
    why = alert.reason.get("values", {}) if is_own else {}
    rule = rule if is_own else None
    # The alert itself comes last: its change is the one that the bracket shows.
    marks = [each for each in one.alerts if each.id != alert.id] + [alert]
    data = first_view(sensor, past, alerts=marks, rule=rule, why=why)
    value = nearest(data["t"], data["v"], until.timestamp())
    earlier = nearest(data["t"], data["v"], until.timestamp() - 86_400)
    known = value is not None and earlier is not None
    return Chart(
        one,
        _chart_title(sensor, rule, why),
        data,
        summary(sensor, data),
        table_rows(sensor, data, until),
        series_url(sensor, window_hours(rule, why)),
        symbol(sensor.quantity),
        value - earlier if known else None,
        None if is_rain(sensor.quantity) else usual(changes(past.year(sensor))),
    )


def _chart_title(sensor: Sensor, rule: Rule | None, why: dict[str, Any]) -> str:
    if is_rain(sensor.quantity):
        return t("alerts.rain_sum", hours=window_hours(rule, why))
    return t(f"quantity.{sensor.quantity}")


def series_url(sensor: Sensor, hours: int) -> str:
    """Return the address of finer points, with the span left open for the script."""
    where = url_for("series.points", site=sensor.site.code, code=sensor.code)
    more = f"&hours={hours}" if is_rain(sensor.quantity) else ""
    return f"{where}?since={{since}}&until={{until}}{more}"


def _usual(charts: Sequence[Chart], alert: Alert) -> float | None:
    """Return what 95 of 100 days' changes stay below, of the alert's own sensor."""
    mine = [one.usual for one in charts if one.seen.sensor.id == alert.sensor_id]
    return mine[0] if mine else None


def _terms(alert: Alert, seen: Sequence[Seen]) -> list[tuple[Seen, str]]:
    """Return what came together in a combination: the sensors and what each held."""
    return [(one, str(term.get("severity", ""))) for one, term in members(alert, seen)]


def _steps(alert: Alert, now: datetime, names: dict) -> list[tuple[str, str, str]]:
    """Return the course of an alert: raised, seen, looked at, decided, labelled."""
    over = not alert.live
    decided = alert.incident_id is not None or alert.label is not None
    course = [
        ("raised", alert.raised_at, True),
        ("acknowledge", alert.acknowledged_at, alert.acknowledged),
        ("check", None, alert.assignee_id is not None or decided or over),
        ("decide", None, decided or over),
        ("close", alert.closed_at, alert.closed_at is not None),
    ]
    current = next((name for name, _, done in course if not done), None)
    return [
        (
            t(f"alerts.step.{name}"),
            short_moment(at) if at and done else _who(name, alert, names),
            "done" if done else ("now" if name == current else ""),
        )
        for name, at, done in course
    ]


def _who(step: str, alert: Alert, names: dict) -> str:
    return names.get(alert.assignee_id, "") if step == "check" else ""


def _scene(alert: Alert, seen: Sequence[Seen], caught: dict[int, float]) -> dict[str, Any] | None:
    """Return the part of the elevation round the alert's sensor, with the pins there."""
    found = drawing_with(db.session(), alert.sensor_id)
    if found is None:
        return None
    row, own = found
    drawing = drawing_of(row)
    by_id = {one.sensor.id: one for one in seen}
    pins: list[Pin] = pins_on(drawing, row.pins, by_id, caught)
    return {"row": row, "drawing": drawing, "pins": pins, "crop": crop_round(own)}


def _calls(events: Sequence[Event]) -> dict[str, SimpleNamespace]:
    """Return the last call to each contact about this alert."""
    found = {}
    for event in events:
        if event.action == "call" and event.reason:
            values = event.reason["values"]
            found[str(values.get("contact"))] = SimpleNamespace(
                outcome=event.after, at=event.at, note=values.get("note", "")
            )
    return found


def shelf_hours(severity: str) -> list[int]:
    """Return for how many hours an alert of this severity may be shelved."""
    longest = LONGEST_SHELF.get(severity, timedelta())
    return [hours for hours in SHELF_HOURS if timedelta(hours=hours) <= longest]


def _contacts(alert: Alert) -> list:
    return call_list(db.session(), alert.site_id) if alert.site_id else []


def _people(alert: Alert, now: datetime) -> list[tuple[str, str]]:
    """Return whom one may send, as choices of a list."""
    if "assign" not in buttons(alert, g.actor, now):
        return []
    return [
        (str(user.id), f"{user.name or user.email} · {t('alerts.listed', words=_roles(roles))}")
        for user, roles in staff_at(db.session(), alert.site_id, machine_now())
    ]


def _roles(roles: Sequence[str]) -> list[str]:
    return [t(f"role.{role}") for role in roles]
