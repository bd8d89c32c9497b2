"""Channels that devices send and nobody has claimed, each with the sensors that it may be."""

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from models.claim import claim as claim_channel
from models.errors import BadInput, Fault, Forbidden
from models.people import STAFF
from models.reading import Channel
from models.reasons import reason
from models.scene import sensors_where
from models.sensor import Sensor
from models.units import is_convertible
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import name, t
from webapp.forms import again
from webapp.listing import wanted
from webapp.policies import allow

pages = Blueprint("channels", __name__, url_prefix="/channels")
CLAIMERS = ("manager", "engineer")
LISTED = 200


@pages.get("/")
@allow(*STAFF)
def index() -> str:
    """List channels, the newest heard first."""
    state = wanted("claimed", ("no", "yes"), "no")
    rows = db.session.scalars(
        select(Channel)
        .where(Channel.claimed if state == "yes" else ~Channel.claimed)
        .order_by(Channel.last_ms.desc(), Channel.device, Channel.channel)
        .limit(LISTED)
    ).all()
    sensors = sensors_where(db.session(), g.actor, Sensor.retired_at.is_(None))
    return render_template(
        "channels/index.html",
        rows=[(row, proposals(row, sensors) if state == "no" else []) for row in rows],
        state=state,
        may=g.actor.has_role(*CLAIMERS),
        most=LISTED,
    )


def proposals(row: Channel, sensors: list[Sensor]) -> list[tuple[str, str]]:
    """Return the sensors that the channel may be: likeliest first, as choices."""
    fitting = [one for one in sensors if _fits(row, one)]
    here = {one.site_id for one in sensors if _has_read(one, row.device)}
    fitting.sort(key=lambda one: (one.site_id not in here, _is_read(one), one.site.code, one.code))
    return [(str(one.id), _words(one)) for one in fitting]


def _fits(row: Channel, sensor: Sensor) -> bool:
    if row.quantity is not None and row.quantity != sensor.quantity:
        return False
    return row.unit is None or is_convertible(row.unit, sensor.quantity)


def _has_read(sensor: Sensor, device: str) -> bool:
    """Whether the device was bound to the sensor: then it stands at the sensor's site."""
    return any(epoch.device == device for epoch in sensor.epochs)


def _is_read(sensor: Sensor) -> bool:
    return bool(sensor.epochs) and sensor.epochs[-1].device is not None


def _words(sensor: Sensor) -> str:
    called = name(sensor.name) if sensor.name else t(f"quantity.{sensor.quantity}")
    words = f"{name(sensor.site.name)} · {sensor.code} {called}"
    reads = sensor.epochs[-1].device if sensor.epochs else None
    return f"{words} · {t('channels.now_reads', device=reads)}" if reads else words


@pages.post("/claim")
@allow(*CLAIMERS)
@again(index)
def claim() -> ResponseReturnValue:
    """Bind a channel to a sensor; what has waited is loaded by the ingester."""
    device, channel = request.form.get("device", ""), request.form.get("channel", "")
    begin_write()
    sensor = _sensor(request.form.get("sensor", ""))
    if not g.actor.has_role(*CLAIMERS, site_id=sensor.site_id):
        raise Forbidden(reason("workflow.role_needed", roles=list(CLAIMERS)))
    claim_channel(db.session(), device, channel, sensor, by=g.actor, now=site_now())
    commit()
    flash(t("channels.claimed", device=device, channel=channel, sensor=sensor.code), "done")
    return redirect(url_for("channels.index"), 303)


def _sensor(key: str) -> Sensor:
    """Return the sensor that was chosen, of those that the actor sees."""
    found = sensors_where(db.session(), g.actor, Sensor.retired_at.is_(None))
    sensor = next((one for one in found if str(one.id) == key), None)
    if sensor is None:
        raise BadInput([Fault("sensor", reason("form.not_a_choice"))])
    return sensor
