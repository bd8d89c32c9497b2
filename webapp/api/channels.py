"""Channels that devices were heard on, and the claim that binds one to a sensor."""

from typing import Annotated, Literal

from flask import g
from pydantic import Field
from sqlalchemy import Select, select, tuple_
from sqlalchemy.orm import joinedload

from models.claim import claim as claim_channel
from models.errors import Missing, Refusal
from models.reading import Channel
from models.reasons import reason
from models.said import Said, said_last
from models.sensor import Epoch, Sensor
from models.times import from_ms
from webapp.api.finding import nothing_called, sees_all_sites
from webapp.api.jobs import JobObject, job_object
from webapp.api.operations import Part
from webapp.api.paging import Order, Paged, page_of
from webapp.api.sensors import find_sensor
from webapp.api.values import Answer, Body, FilledLine, Moment
from webapp.db import db, site_now

part = Part("channels")
pages = part.pages

EMPTY = "-"  # how the channel without a name is spelt in an address
BY_NAME = Order((Channel.device, Channel.channel), lambda one: (one.device, one.channel))
MOST_SLASHES = 30


class ChannelObject(Answer):
    """One channel of a device. `code` is how its address spells it; it has no id of its own."""

    code: str
    state: Literal["claimed", "unclaimed"]
    actions: list[str]
    device: str
    channel: str
    quantity: str | None
    unit: str | None
    first_at: Moment
    last_at: Moment
    last_value: float | None
    count: int
    claimed: bool
    sensor: str | None


class ChannelList(Answer):
    """A page of channels."""

    items: list[ChannelObject]
    next: str | None


class ChannelQuery(Paged):
    """Which channels."""

    claimed: Annotated[
        Literal["true", "false"] | None, Field(description="Only those with, or without, a sensor.")
    ] = None


class Claim(Body):
    """The sensor that the channel is from now on, and for what waits: `site/code`."""

    sensor: FilledLine


class Claimed(Answer):
    """The channel as it is now, and the work that loads its waiting readings."""

    channel: ChannelObject
    job: JobObject


@part.get("/channels", ChannelList, "The channels, by device and name", query=ChannelQuery)
def channels(query: ChannelQuery) -> ChannelList:
    """List channels. An unclaimed channel belongs to no site."""
    if not sees_all_sites():
        return ChannelList(items=[], next=None)
    statement = select(Channel)
    if query.claimed is not None:
        statement = statement.where(Channel.claimed.is_(query.claimed == "true"))
    rows, following = page_of(statement, BY_NAME, query)
    return ChannelList(items=_objects(rows), next=following)


@part.post(
    "/channels/<path:device>/<channel>/claim",
    Claimed,
    "Bind a channel to a sensor, with what it has sent so far",
    scope="admin",
    body=Claim,
    creates=True,
    status=202,
)
def claim(device: str, channel: str, body: Claim) -> Claimed:
    """Bind it; the ingester then loads its waiting readings."""
    if not sees_all_sites():
        raise Missing("channel", f"{device}/{channel}"[:120])
    row = _find(f"{device}/{channel}")
    site, _, code = body.sensor.partition("/")
    try:
        sensor = find_sensor(site, code)
    except Missing:
        raise nothing_called("sensor", body.sensor) from None
    job = claim_channel(db.session(), row.device, row.channel, sensor, by=g.actor, now=site_now())
    db.session.flush()
    return Claimed(channel=_objects([row])[0], job=job_object(job))


def _find(place: str) -> Channel:
    """Return the channel of `device/channel`; both may hold slashes themselves."""
    if "\x00" in place:
        raise Missing("channel", "")
    parts = place.split("/")[: MOST_SLASHES + 2]
    readings = [("/".join(parts[:n]), "/".join(parts[n:])) for n in range(1, len(parts))]
    unnamed = [(device, "") for device, channel in readings if channel == EMPTY]
    for names in (readings, unnamed):
        found = db.session.scalars(_called(names)).all() if names else []
        if len(found) > 1:
            raise Refusal(reason("api.ambiguous_channel", place=place[:200]))
        if found:
            return found[0]
    raise Missing("channel", place[:120])


def _called(names: list[tuple[str, str]]) -> Select[tuple[Channel]]:
    return select(Channel).where(tuple_(Channel.device, Channel.channel).in_(names))


def _sensors_of(rows: list[Channel]) -> dict[tuple[str, str], str]:
    """Return `site/code` of the sensors that listen to these channels now; one query."""
    names = [(row.device, row.channel) for row in rows if row.claimed]
    if not names:
        return {}
    found = db.session.execute(
        select(Epoch.device, Epoch.channel, Sensor)
        .join(Epoch.sensor)
        .where(
            tuple_(Epoch.device, Epoch.channel).in_(names),
            Epoch.until.is_(None),
            Epoch.kind != "retired",
            Sensor.retired_at.is_(None),
            Sensor.visible_to(g.actor),
        )
        .options(joinedload(Sensor.site))
    )
    return {
        (device, channel or ""): f"{sensor.site.code}/{sensor.code}"
        for device, channel, sensor in found
    }


def _objects(rows: list[Channel]) -> list[ChannelObject]:
    names, said = _sensors_of(rows), said_last(db.session(), rows)
    return [_object(row, names, said[row.device, row.channel]) for row in rows]


def _object(row: Channel, names: dict[tuple[str, str], str], said: Said) -> ChannelObject:
    may_claim = not row.claimed and g.actor.has_role("admin")
    return ChannelObject(
        code=f"{row.device}/{row.channel or EMPTY}",
        state="claimed" if row.claimed else "unclaimed",
        actions=["claim"] if may_claim else [],
        device=row.device,
        channel=row.channel,
        quantity=row.quantity,
        unit=said.unit,
        first_at=from_ms(row.first_ms),
        last_at=from_ms(said.at_ms),
        last_value=said.value,
        count=row.count,
        claimed=row.claimed,
        sensor=names.get((row.device, row.channel)),
    )
