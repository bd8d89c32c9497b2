"""The technician's pages on a phone: which node, which channel, where it hangs, and is it heard."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import joinedload

from models.claim import claim as claim_channel
from models.errors import BadInput, Fault, Missing
from models.inputs import Faults, whole_number
from models.new_sensor import add_sensor, pin_sensor, place_sensor, zero_sensor
from models.node_label import device_on, heard_as
from models.photo import photos_of
from models.proposal import Proposal, fits, propose
from models.reading import Channel, WaitingReading
from models.reasons import reason
from models.registry import Building, Element, Site
from models.rights import MAY_BEGIN, may_begin
from models.said import Said, said_last, said_now
from models.scene import see, sensors_where
from models.sensor import Device, Epoch, Sensor
from models.times import to_ms
from models.units import QUANTITIES, to_canonical
from webapp.channels import words_of
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import name, t
from webapp.forms import again
from webapp.install_places import chosen_place, drawings_of, pin_at, places_of
from webapp.papers import number_of
from webapp.photos import shown as shown_photos
from webapp.policies import allow
from webapp.reader import read_in_zone
from webapp.series import find_sensor

pages = Blueprint("install", __name__, url_prefix="/install")
INSTALLERS = MAY_BEGIN["sensor.install"]
JUST_NOW = timedelta(minutes=10)
LISTED = 50


@pages.get("/")
@allow(*INSTALLERS)
def index() -> str:
    """Ask for the node: its label, or one of those that spoke just now."""
    since = site_now() - JUST_NOW
    # A claimed channel's own row tells the last hour only: whether a node speaks, its device says.
    told_ms, heard = func.max(Channel.last_ms), func.max(Device.heard_at)
    found = db.session.execute(
        select(
            Channel.device,
            told_ms,
            heard,
            func.count(),
            func.sum(case((Channel.claimed, 0), else_=1)),
        )
        .outerjoin(Device, Device.code == Channel.device)
        .group_by(Channel.device)
        .having(or_(told_ms >= to_ms(since), heard >= since))
        .order_by(heard.desc().nulls_last(), told_ms.desc(), Channel.device)
        .limit(LISTED)
    )
    rows = [
        (device, max(last_ms, to_ms(at) if at else 0), *counts)
        for device, last_ms, at, *counts in found
    ]
    return render_template("install/index.html", rows=rows, minutes=10)


@pages.get("/node")
@allow(*INSTALLERS)
def node() -> ResponseReturnValue:
    """Show what a node sends; a label is read here, so that it needs no scripts."""
    label = request.args.get("label", "")
    if label:
        return redirect(url_for("install.node", device=device_on(label)))
    asked = request.args.get("device", "").strip()
    if not asked or "\x00" in asked:
        return redirect(url_for("install.index"))
    rows = _channels(asked)
    device = rows[0].device if rows else asked
    claimed = _sensors_of(device)
    said = said_last(db.session(), rows)
    return render_template(
        "install/node.html", device=device, rows=rows, claimed=claimed, said=said
    )


def _channels(asked: str) -> Sequence[Channel]:
    mine = select(Channel).where(func.lower(Channel.device) == asked.lower())
    rows = db.session.scalars(mine.order_by(Channel.claimed, Channel.channel)).all()
    device = heard_as(asked, {row.device for row in rows})
    return [row for row in rows if row.device == device]


def _sensors_of(device: str) -> dict[str, Sensor]:
    """Return the sensors that the node's channels are now, of those that the actor sees."""
    mine = (Epoch.device == device) & Epoch.until.is_(None) & (Epoch.kind != "retired")
    rows = db.session.execute(
        select(Epoch.channel, Sensor)
        .join(Epoch.sensor)
        .where(mine, Sensor.visible_to(g.actor), Sensor.retired_at.is_(None))
        .options(joinedload(Sensor.site))
    )
    return {channel or "": sensor for channel, sensor in rows}


@pages.get("/channel")
@allow(*INSTALLERS)
def channel() -> str:
    """Ask where one channel's sensor hangs and what it measures; what is known is filled in."""
    row = _channel()
    sensors = sensors_where(db.session(), g.actor, Sensor.retired_at.is_(None))
    sites = _sites()
    one = propose(row, sensors, sites)
    site = _site_of(one, sites)
    if site is not None:
        read_in_zone(site.timezone)
        one = propose(row, [s for s in sensors if s.site_id == site.id], [site])
    return render_template(
        "install/channel.html",
        row=row,
        said=_said(row),
        one=one,
        site=site,
        sites=[(place.code, name(place.name)) for place in sites],
        sensors=_waiting_for(row, sensors, site),
        places=places_of(site) if site else [],
        drawings=drawings_of(site) if site else [],
        quantities=[(code, t(f"quantity.{code}")) for code in QUANTITIES],
        waiting=db.session.scalar(
            select(func.count()).where(
                WaitingReading.device == row.device, WaitingReading.channel == row.channel
            )
        ),
    )


def _channel() -> Channel:
    device, channel = request.values.get("device", ""), request.values.get("channel", "")
    row = None if "\x00" in device + channel else db.session.get(Channel, (device, channel))
    if row is None:
        raise Missing("channel", f"{device}/{channel}"[:120])
    return row


def _sites() -> list[Site]:
    mine = select(Site).where(Site.visible_to(g.actor), Site.retired.is_(False))
    rows = db.session.scalars(mine.order_by(Site.code)).all()
    return [site for site in rows if may_begin("sensor.install", g.actor, site.id)]


def _site_of(one: Proposal, sites: Sequence[Site]) -> Site | None:
    """Return the site that was chosen, else the likely one, else the first."""
    asked = request.values.get("site", "")
    chosen = next((site for site in sites if site.code == asked), None)
    likely = one.site if one.site in sites else None
    return chosen or likely or (sites[0] if sites else None)


def _waiting_for(
    row: Channel, sensors: Sequence[Sensor], site: Site | None
) -> list[tuple[str, str]]:
    """Return the site's sensors that could be read from the channel, unread ones first."""
    here = [s for s in sensors if site is not None and s.site_id == site.id and fits(row, s)]
    here.sort(key=lambda s: (any(epoch.device for epoch in s.epochs), s.code))
    return [(str(sensor.id), words_of(sensor)) for sensor in here]


@pages.post("/channel")
@allow(*INSTALLERS)
@again(channel)
def install() -> ResponseReturnValue:
    """Claim the channel for a sensor, say where it hangs, pin it, set its zero: all or nothing."""
    faults = Faults()
    shows, x, y = (number_of(one, faults) for one in ("shows", "x", "y"))
    faults.stop()
    begin_write()
    session, now = db.session(), site_now()
    row, act = _channel(), {"by": g.actor, "now": now}
    site = next((one for one in _sites() if one.code == request.form.get("site")), None)
    if site is None:
        raise BadInput([Fault("site", reason("form.not_a_choice"))])
    building, element = chosen_place(site)
    sensor = _sensor(site, building, element, act)
    reads = _reads(row, sensor)
    if shows is not None and reads is None:
        raise BadInput([Fault("shows", reason("sensors.nothing_to_zero"))])
    claim_channel(session, row.device, row.channel, sensor, **act)
    pinned = pin_at(site, element, x, y)
    if pinned is not None:
        pin_sensor(session, sensor, *pinned, **act)
    if shows is not None and reads is not None:
        zero_sensor(sensor, shows, reads, **act)
    commit()
    flash(t("install.done", sensor=sensor.code), "done")
    return redirect(url_for("install.wait", site=site.code, code=sensor.code), 303)


def _sensor(
    site: Site, building: Building | None, element: Element | None, act: dict[str, Any]
) -> Sensor:
    """Return the sensor that was chosen, in its place, or a new one. Raises BadInput."""
    key, form = request.form.get("sensor", ""), request.form
    if not key:
        return add_sensor(
            db.session(),
            site,
            code=form.get("code", "").strip(),
            quantity=form.get("quantity", ""),
            unit=form.get("unit", "").strip(),
            interval_s=whole_number(form.get("interval_s", "")) or 0,
            building=building,
            element=element,
            **act,
        )
    found = sensors_where(db.session(), g.actor, Sensor.retired_at.is_(None))
    sensor = next((s for s in found if str(s.id) == key and s.site_id == site.id), None)
    if sensor is None:
        raise BadInput([Fault("sensor", reason("form.not_a_choice"))])
    place_sensor(sensor, element, building, **act)
    return sensor


def _reads(row: Channel, sensor: Sensor) -> float | None:
    """Return what the channel said last, in the sensor's canonical unit; None if it can't be."""
    said = _said(row)
    if said.value is None:
        return None
    return to_canonical(said.value, said.unit or sensor.unit, sensor.quantity)


def _said(row: Channel) -> Said:
    return said_now(db.session(), row, site_now())


@pages.get("/<site>/<code>")
@allow(*INSTALLERS)
def wait(site: str, code: str) -> str:
    """Wait for the first reading; then take a photo of the place."""
    sensor, _ = find_sensor(site, code)
    one = see(db.session(), [sensor], [], site_now())[0]
    return render_template(
        "install/wait.html",
        sensor=sensor,
        one=one,
        stored=one.latest.at_ms is not None,
        photos=shown_photos(photos_of(db.session(), sensor)),
    )
