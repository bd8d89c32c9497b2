"""Sensors: a year's trend, how each one stands, and its dated history of epochs."""

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from models.alert import Alert
from models.bars import is_rain
from models.chart import quality
from models.desk_facts import rule_names
from models.errors import BadInput, Fault, Forbidden, Refusal, Stale
from models.inputs import Faults, whole_number
from models.maintenance import work_at
from models.people import STAFF
from models.photo import photos_of
from models.rainfall import caught_by
from models.reasons import reason
from models.retirement import WHYS, retire_sensor
from models.scene import Seen, see, see_where
from models.sensor import EPOCH_KINDS, Sensor
from models.times import from_ms
from models.zeroing import offset_for
from webapp.alert_page import series_url
from webapp.alert_words import headline, log_of
from webapp.casework import history_of, names_of
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import local, t
from webapp.forms import again
from webapp.listing import wanted
from webapp.papers import moment_of, number_of, text_of
from webapp.photos import shown
from webapp.policies import allow
from webapp.scene import ORDER, value_words
from webapp.series import find_sensor, first_view, read_past, summary, table_rows

pages = Blueprint("sensors", __name__, url_prefix="/sensors")
STANDINGS = ("unknown", "stale", "fresh", "retired")
KEEPERS = ("manager", "engineer")
KINDS = tuple(kind for kind in EPOCH_KINDS if kind not in ("install", "retired"))
ALERTS = 20
WINDOW = timedelta(days=30)
MOST_CORRECTION = 1e9  # as in a registry file: with more a value would be no number


@pages.get("/")
@allow(*STAFF)
def index() -> str:
    """List all sensors; the unknown ones first, for whoever repairs them."""
    session, now = db.session(), site_now()
    standing = wanted("standing", STANDINGS)
    site = request.args.get("site", "")
    live = session.scalars(select(Alert).where(Alert.live, Alert.visible_to(g.actor))).all()
    everything = see_where(session, g.actor, live, now)
    seen = [
        one
        for one in everything
        if _is_wanted(one, standing) and (not site or one.sensor.site.code == site)
    ]
    caught = caught_by(session, [one.sensor for one in seen], now)
    seen.sort(key=lambda one: (one.standing == "retired", one.is_known, ORDER[one.level]))
    return render_template(
        "sensors/index.html",
        rows=seen,
        words={one.sensor.id: value_words(one, caught) for one in seen},
        standing=standing,
        standings=STANDINGS,
        sites=sorted({one.sensor.site for one in everything}, key=lambda one: one.code),
        site=site,
    )


def _is_wanted(one: Seen, standing: str) -> bool:
    if standing == "unknown":
        return one.standing in ("unknown", "never")
    return one.standing == standing if standing else True


@pages.get("/<site>/<code>")
@allow(*STAFF)
def show(site: str, code: str) -> str:
    """Show one sensor."""
    session, now = db.session(), site_now()
    sensor, gauge = find_sensor(site, code)
    alerts = session.scalars(
        select(Alert)
        .where(Alert.sensor_id == sensor.id)
        .order_by(Alert.raised_at.desc())
        .limit(ALERTS)
    ).all()
    one = see(session, [sensor], alerts, now)[0]
    until = _end(one, now)
    past = read_past([sensor], gauge, until, (until - WINDOW, until))
    data = first_view(sensor, past, alerts=alerts[::-1])
    rules = rule_names(session, alerts)
    mine = sensor.site_id
    return render_template(
        "sensors/show.html",
        sensor=sensor,
        seen=one,
        now=now,
        data=data,
        summary=summary(sensor, data),
        rows=table_rows(sensor, data, until),
        url=series_url(sensor, 24),
        quality=quality(session, sensor, now),
        alerts=[(alert, headline(alert, rules)) for alert in alerts],
        names=names_of(epoch.by_id for epoch in sensor.epochs),
        log=log_of(history_of(sensor)),
        is_rain=is_rain(sensor.quantity),
        fallen=caught_by(session, [sensor], now).get(sensor.key),
        may_keep=g.actor.has_role(*KEEPERS, site_id=mine) and sensor.retired_at is None,
        whys=[(why, t(f"sensor.retired_why.{why}")) for why in WHYS],
        kinds=[(kind, t(f"epoch.{kind}")) for kind in KINDS],
        work=work_at(session, sensor.id),
        photos=shown(photos_of(session, sensor)),
        replacement=session.get(Sensor, sensor.replaced_by) if sensor.replaced_by else None,
        local_now=f"{local(now):%Y-%m-%dT%H:%M}",
    )


def _end(one: Seen, now: datetime) -> datetime:
    """Return where the chart ends: now, or where a retired or replayed past ends."""
    if one.latest.at_ms is None:
        return now
    last = from_ms(one.latest.at_ms)
    return min(now, last + timedelta(hours=1)) if now - last > WINDOW else now


def _begin(site: str, code: str) -> Sensor:
    """Begin a change of a sensor that the actor keeps."""
    begin_write()
    sensor, _ = find_sensor(site, code)
    seen = whole_number(request.form.get("version", ""))
    if seen != sensor.version:
        raise Stale("sensor", sensor.code, sensor.version)
    if not g.actor.has_role(*KEEPERS, site_id=sensor.site_id):
        raise Forbidden(reason("workflow.role_needed", roles=list(KEEPERS)))
    return sensor


@pages.post("/<site>/<code>/retire")
@allow(*KEEPERS)
@again(show)
def retire(site: str, code: str) -> ResponseReturnValue:
    """Take it out of service for good; its alerts are withdrawn, nothing is deleted."""
    sensor = _begin(site, code)
    retire_sensor(
        db.session(),
        sensor,
        request.form.get("why", ""),
        request.form.get("note", "")[:2000],
        by=g.actor,
        now=site_now(),
    )
    commit()
    flash(t("sensors.done.retired", sensor=sensor.code), "done")
    return redirect(url_for("sensors.show", site=site, code=code), 303)


@pages.post("/<site>/<code>/epoch")
@allow(*KEEPERS)
@again(show)
def begin_epoch(site: str, code: str) -> ResponseReturnValue:
    """Begin a dated stretch: moved, put to zero again, calibrated, maintained."""
    found, _ = find_sensor(site, code)  # read first: it tells the zone in which times are typed
    values = _epoch_values(found)
    sensor = _begin(site, code)
    _refuse_epoch(sensor, values["since"])
    offset, now = values.pop("shows"), site_now()
    if offset is not None:
        values["offset"] = offset_for(db.session(), sensor, offset, now, values["scale"])
    sensor.begin_epoch(by=g.actor, now=now, **values)
    commit()
    flash(t("sensors.done.epoch", sensor=sensor.code), "done")
    return redirect(url_for("sensors.show", site=site, code=code), 303)


def _epoch_values(sensor: Sensor) -> dict[str, Any]:
    """Read the form. Raises BadInput with every fault."""
    faults, now = Faults(), site_now()
    kind = request.form.get("kind", "")
    faults.one_of("kind", kind, KINDS)
    since = moment_of("since", sensor.site.timezone, faults) or now
    shows, scale = number_of("shows", faults), number_of("scale", faults)
    if scale is not None and scale == 0:
        faults.refuse("scale", reason("sensors.no_zero_scale"))
    if scale is not None and scale < 0 and is_rain(sensor.quantity):
        faults.refuse("scale", reason("sensors.no_negative_rain"))
    for name, number in (("shows", shows), ("scale", scale)):
        faults.between(name, number, -MOST_CORRECTION, MOST_CORRECTION)
    if since > now:
        faults.refuse("since", reason("sensors.in_future"))
    note = text_of("note", faults, 400)
    faults.need("note", note)
    faults.stop()
    return {"kind": kind, "since": since, "shows": shows, "scale": scale, "note": note}


def _refuse_epoch(sensor: Sensor, since: datetime) -> None:
    if sensor.retired_at is not None:
        raise Refusal(reason("sensor.retired_already", sensor=sensor.code))
    if sensor.epochs and since <= sensor.epochs[-1].since:
        raise BadInput([Fault("since", reason("sensors.before_last_epoch"))])
