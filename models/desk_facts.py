"""What the duty desk shows, read in a bounded number of queries however large the authority."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, joinedload

from models.alert import Alert, rank
from models.bars import is_rain
from models.closure import IN_FORCE, Closure
from models.deadline import Due, due
from models.heartbeat import DEAD_AFTER, ingesters
from models.incident import OPEN_STATES, Incident
from models.maintenance import LIVE, Maintenance
from models.notice import Notice
from models.people import Actor, staff_scope
from models.rainfall import Rainfall, rainfall
from models.reading import HOUR_S, Channel, Quarantined, Rollup
from models.readings import Correction
from models.registry import Element, Site
from models.rulebook import RuleRow, RuleVersion
from models.scene import Seen, see_where, worst_of
from models.sensor import Sensor
from models.times import from_ms, to_ms

# Older than this and the desk says so loudly: a quiet desk with dead data must not look calm.
FRESH_FOR = timedelta(minutes=5)
SPARK_HOURS = 24


@dataclass(frozen=True, slots=True)
class Freshness:
    """Whether what the desk shows can be believed as of now."""

    ingest: str
    """`alive`, `dead`, or `never` where no ingester has ever turned."""
    newest_at: datetime | None
    age: timedelta | None
    is_old: bool

    @property
    def is_fresh(self) -> bool:
        """Whether readings come in and are new."""
        return self.ingest == "alive" and not self.is_old


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """One site in a tile."""

    site: Site
    seen: tuple[Seen, ...]
    alerts: tuple[Alert, ...]
    rain: Rainfall | None
    closures: tuple[Closure, ...] = ()

    @property
    def online(self) -> int:
        """How many sensors are heard in time."""
        return sum(one.standing == "fresh" for one in self.seen)

    @property
    def unknown(self) -> list[Seen]:
        """Sensors of which nothing is known."""
        return [one for one in self.seen if one.standing in ("unknown", "never")]

    @property
    def level(self) -> str:
        """The worst live level; unknown where nothing is heard, never normal by silence."""
        worst = worst_of(self.alerts)
        if worst is not None:
            return worst
        return "normal" if self.online and not self.unknown else "unknown"


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for somebody besides the alerts."""

    channels: int = 0
    quarantine: int = 0
    failed_notices: int = 0
    maintenance: int = 0
    maintenance_late: int = 0


@dataclass(frozen=True)
class Desk:
    """Everything on the desk."""

    alerts: Sequence[Alert]
    """On the list: worst first, then the oldest."""
    shelved: Sequence[Alert]
    rule_names: dict[tuple[str, int], object]
    sparks: dict[uuid.UUID, list[float | None]]
    sites: Sequence[SiteFacts]
    freshness: Freshness
    due: Sequence[Due]
    incidents: Sequence[Incident]
    closures: Sequence[Closure]
    waiting: Waiting = field(default_factory=Waiting)

    @property
    def seen(self) -> list[Seen]:
        """All sensors."""
        return [one for site in self.sites for one in site.seen]

    @property
    def unacknowledged(self) -> list[Alert]:
        """Alerts that nobody has seen yet."""
        return [alert for alert in self.alerts if not alert.acknowledged]

    def count(self, severity: str) -> int:
        """How many live alerts of a severity are on the list."""
        return sum(alert.severity == severity for alert in self.alerts)


def read_desk(session: Session, actor: Actor, now: datetime, machine_now: datetime) -> Desk:
    """Return the desk of an actor."""
    live = with_places(session, Alert.live, Alert.visible_to(actor))
    shelved = [one for one in live if one.state(now) in ("shelved", "suppressed")]
    alerts = [one for one in live if one not in shelved and not one.out_of_service]
    sites = session.scalars(select(Site).where(Site.visible_to(actor)).order_by(Site.code)).all()
    seen = see_where(session, actor, live, now, Sensor.retired_at.is_(None))
    sensors = [one.sensor for one in seen]
    closures = in_force(session, actor)
    return Desk(
        alerts=alerts,
        shelved=shelved,
        rule_names=rule_names(session, live),
        sparks=sparks(session, [one.sensor for one in alerts if one.sensor], seen, now),
        sites=sites_facts(sites, seen, live, rainfall(session, sensors, now), closures),
        freshness=freshness(session, seen, now, machine_now),
        due=due(session, actor, now),
        incidents=open_incidents(session, actor),
        closures=closures,
        waiting=waiting(session, actor, now),
    )


def with_places(session: Session, *conditions: object) -> list[Alert]:
    """Return alerts with the places that a row of them names, worst first, then oldest."""
    found = session.scalars(
        select(Alert)
        .where(*conditions)  # type: ignore[arg-type]
        .options(
            joinedload(Alert.site),
            joinedload(Alert.zone),
            joinedload(Alert.sensor).joinedload(Sensor.building),
            joinedload(Alert.element).joinedload(Element.building),
        )
    )
    return sorted(found, key=lambda alert: (-rank(alert.severity), alert.raised_at, alert.code))


def rule_names(session: Session, alerts: Iterable[Alert]) -> dict[tuple[str, int], object]:
    """Return the names of the rules of alerts by (code, version); one query."""
    wanted = {alert.rule_code for alert in alerts}
    if not wanted:
        return {}
    rows = session.execute(
        select(RuleRow.code, RuleVersion.number, RuleVersion.spec)
        .join(RuleVersion, RuleVersion.rule_id == RuleRow.id)
        .where(RuleRow.code.in_(wanted))
    )
    return {(code, number): spec.get("name") or code for code, number, spec in rows}


def sparks(
    session: Session, sensors: Iterable[Sensor], seen: Sequence[Seen], now: datetime
) -> dict[uuid.UUID, list[float | None]]:
    """Return the last 24 hours of sensors, an hour a point, corrected; one query."""
    wanted = {sensor.key: sensor for sensor in sensors}
    if not wanted:
        return {}
    first_ms = to_ms(now) // 3_600_000 * 3_600_000 - (SPARK_HOURS - 1) * 3_600_000
    rows = session.execute(
        select(Rollup.sensor, Rollup.end_ms, Rollup.value).where(
            Rollup.sensor.in_(list(wanted)),
            Rollup.span_s == HOUR_S,
            Rollup.end_ms >= first_ms,
            Rollup.end_ms <= to_ms(now),
        )
    )
    lines: dict[int, list[float | None]] = {key: [None] * (SPARK_HOURS + 1) for key in wanted}
    correct = {key: Correction(sensor) for key, sensor in wanted.items()}
    for key, end_ms, value in rows:
        lines[key][(end_ms - first_ms) // 3_600_000] = correct[key].of_span(end_ms, value)
    for one in seen:  # the hour that is growing, as its last reading
        rain = is_rain(one.sensor.quantity)
        if one.sensor.key in lines and one.standing == "fresh" and not rain:
            if lines[one.sensor.key][-2] is None:  # on the hour its bar is not made yet
                del lines[one.sensor.key][-2]
            lines[one.sensor.key][-1] = one.value
    return {wanted[key].id: line for key, line in lines.items()}


def freshness(
    session: Session, seen: Sequence[Seen], now: datetime, machine_now: datetime
) -> Freshness:
    """Say whether data come in: the ingester's sign of life, and the newest reading's age."""
    beats = [beat.beat_at for beat in ingesters(session)]
    if not beats:
        ingest = "never"
    else:
        ingest = "dead" if machine_now - min(beats) > DEAD_AFTER else "alive"
    heard = [one.latest.heard_ms for one in seen if one.latest.heard_ms is not None]
    newest = from_ms(max(heard)) if heard else None
    age = None if newest is None else max(now - newest, timedelta())
    expected = min((one.sensor.interval_s for one in seen), default=0)
    most = max(FRESH_FOR, timedelta(seconds=2 * expected))
    return Freshness(ingest, newest, age, age is None or age > most)


def open_incidents(session: Session, actor: Actor) -> list[Incident]:
    """Return the open cases, the newest first."""
    mine = select(Incident).where(Incident.visible_to(actor), Incident.state.in_(OPEN_STATES))
    ordered = mine.options(joinedload(Incident.site)).order_by(Incident.opened_at.desc())
    return list(session.scalars(ordered))


def in_force(session: Session, actor: Actor) -> list[Closure]:
    """Return what is shut."""
    mine = select(Closure).where(Closure.visible_to(actor), Closure.state.in_(IN_FORCE))
    loaded = mine.options(joinedload(Closure.zone), joinedload(Closure.site))
    return list(session.scalars(loaded.order_by(Closure.began_at.desc())))


def waiting(session: Session, actor: Actor, now: datetime) -> Waiting:
    """Count what waits; one query for all of it."""
    work = select(func.count()).select_from(Maintenance)
    work = work.where(Maintenance.state.in_(LIVE), Maintenance.visible_to(actor))
    failed = select(func.count()).select_from(Notice)
    failed = failed.where(Notice.state == "failed", notices_of(actor))
    row = session.execute(
        select(
            select(func.count()).select_from(Channel).where(~Channel.claimed).scalar_subquery(),
            select(func.count())
            .select_from(Quarantined)
            .where(Quarantined.decoded_again_at.is_(None))
            .scalar_subquery(),
            failed.scalar_subquery(),
            work.scalar_subquery(),
            work.where(Maintenance.due_at < now).scalar_subquery(),
        )
    ).one()
    return Waiting(*row)


def notices_of(actor: Actor) -> ColumnElement[bool]:
    """Return the condition that a notice is about the actor's sites, or about no site."""
    mine = staff_scope(actor, Notice.site_id)
    return mine | Notice.site_id.is_(None) if actor.is_staff else mine


def sites_facts(
    sites: Sequence[Site],
    seen: Sequence[Seen],
    alerts: Sequence[Alert],
    rain: dict[uuid.UUID, Rainfall],
    closures: Sequence[Closure],
) -> list[SiteFacts]:
    """Return each site with what belongs to it."""
    return [
        SiteFacts(
            site,
            tuple(one for one in seen if one.sensor.site_id == site.id),
            tuple(alert for alert in alerts if alert.site_id == site.id),
            rain.get(site.id),
            tuple(closure for closure in closures if closure.site_id == site.id),
        )
        for site in sites
    ]
