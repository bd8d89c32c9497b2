"""Channels that devices send and nobody has claimed, each with what it is likely to be."""

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from models.claim import claim as claim_channel
from models.errors import BadInput, Fault, Forbidden
from models.inputs import whole_number
from models.new_sensor import add_sensor
from models.people import STAFF
from models.proposal import Proposal, fits, propose
from models.reading import Channel
from models.reasons import reason
from models.registry import Site
from models.rights import MAY_BEGIN
from models.said import said_last
from models.scene import sensors_where
from models.sensor import Sensor
from models.turned_away import turned_away_lately
from models.units import QUANTITIES
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import name, t
from webapp.forms import again
from webapp.listing import wanted
from webapp.policies import allow

pages = Blueprint("channels", __name__, url_prefix="/channels")
CLAIMERS = ("manager", "engineer")
LISTED = 200
MOST_CHOICES = 40


@pages.get("/")
@allow(*STAFF)
def index() -> str:
    """List channels, the newest heard first; each unclaimed one with its proposal."""
    state = wanted("claimed", ("no", "yes"), "no")
    rows = db.session.scalars(
        select(Channel)
        .where(Channel.claimed if state == "yes" else ~Channel.claimed)
        .order_by(Channel.last_ms.desc(), Channel.device, Channel.channel)
        .limit(LISTED)
    ).all()
    sensors = sensors_where(db.session(), g.actor, Sensor.retired_at.is_(None))
    sites = sites_to_claim_at()
    taken: set[tuple[str, str]] = set()
    proposals = []
    for row in rows:
        one = propose(row, sensors, sites, taken) if state == "no" else None
        if one is not None and one.site is not None and one.code:
            taken.add((one.site.code, one.code))
        proposals.append(one)
    return render_template(
        "channels/index.html",
        rows=[
            (row, one, choices(row, sensors, one) if one else [])
            for row, one in zip(rows, proposals, strict=True)
        ],
        said=said_last(db.session(), rows),
        state=state,
        may=g.actor.has_role(*CLAIMERS),
        installs=g.actor.has_role(*MAY_BEGIN["sensor.install"]),
        most=LISTED,
        away=turned_away_lately(db.session(), site_now()),
        sites=[(site.code, name(site.name)) for site in sites],
        quantities=[(code, t(f"quantity.{code}")) for code in QUANTITIES],
    )


def sites_to_claim_at() -> list[Site]:
    """Return the sites at which the actor may add sensors."""
    mine = select(Site).where(Site.visible_to(g.actor), Site.retired.is_(False))
    return list(db.session.scalars(mine.order_by(Site.code)))


def choices(row: Channel, sensors: list[Sensor], one: Proposal) -> list[tuple[str, str]]:
    """Return the sensors that the channel may be: the proposed, those of its site, unread ones."""
    fitting = [sensor for sensor in sensors if fits(row, sensor)]
    fitting.sort(
        key=lambda sensor: (
            one.sensor is not None and sensor.id != one.sensor.id,
            one.site is None or sensor.site_id != one.site.id,
            _is_read(sensor),
            sensor.site.code,
            sensor.code,
        )
    )
    return [(str(sensor.id), words_of(sensor)) for sensor in fitting[:MOST_CHOICES]]


def _is_read(sensor: Sensor) -> bool:
    return bool(sensor.epochs) and sensor.epochs[-1].device is not None


def words_of(sensor: Sensor) -> str:
    """Return a sensor as a choice: its site, code and name, and what it is read from now."""
    called = name(sensor.name) if sensor.name else t(f"quantity.{sensor.quantity}")
    words = f"{name(sensor.site.name)} · {sensor.code} {called}"
    reads = sensor.epochs[-1].device if sensor.epochs else None
    return f"{words} · {t('channels.now_reads', device=reads)}" if reads else words


@pages.post("/claim")
@allow(*CLAIMERS)
@again(index)
def claim() -> ResponseReturnValue:
    """Bind a channel to a sensor, or to a new one; what has waited is loaded by the ingester."""
    device, channel = request.form.get("device", ""), request.form.get("channel", "")
    begin_write()
    key = request.form.get("sensor", "")
    sensor = _sensor(key) if key else _new_sensor()
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


def _new_sensor() -> Sensor:
    form = request.form
    site = next((one for one in sites_to_claim_at() if one.code == form.get("site")), None)
    if site is None:
        raise BadInput([Fault("site", reason("form.not_a_choice"))])
    return add_sensor(
        db.session(),
        site,
        code=form.get("code", "").strip(),
        quantity=form.get("quantity", ""),
        unit=form.get("unit", "").strip(),
        interval_s=whole_number(form.get("interval_s", "")) or 0,
        by=g.actor,
        now=site_now(),
    )
