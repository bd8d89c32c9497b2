"""Sites: which one is worst, and where on its elevations the trouble sits."""

from flask import Blueprint, g, render_template
from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from models.alert import Alert
from models.clock import machine_now
from models.closure import IN_FORCE, Closure
from models.desk_facts import freshness, in_force, rule_names, sites_facts, with_places
from models.errors import Missing
from models.people import STAFF
from models.rainfall import by_site, caught_by, rainfall
from models.reading import RainEpisode
from models.registry import Drawing, Site, Zone
from models.scaffold import Scaffold
from models.scene import Seen, see_where
from models.sensor import Sensor
from webapp.alert_words import headline
from webapp.db import db, site_now
from webapp.policies import allow
from webapp.reader import read_in_zone
from webapp.scene import ORDER, drawing_of, pins_on, value_words

pages = Blueprint("sites", __name__, url_prefix="/sites")


@pages.get("/")
@allow(*STAFF)
def index() -> str:
    """List the sites, the worst first."""
    session, now = db.session(), site_now()
    live = with_places(session, Alert.live, Alert.visible_to(g.actor))
    seen = see_where(session, g.actor, live, now, Sensor.retired_at.is_(None))
    rain = rainfall(session, [one.sensor for one in seen], now)
    sites = session.scalars(
        select(Site).where(Site.visible_to(g.actor)).order_by(Site.retired, Site.code)
    ).all()
    facts = sites_facts(sites, seen, live, rain, in_force(session, g.actor))
    fresh = freshness(session, seen, now, machine_now())
    facts.sort(key=lambda one: ORDER[one.level])
    return render_template("sites/index.html", facts=facts, fresh=fresh)


@pages.get("/<code>")
@allow(*STAFF)
def show(code: str) -> str:
    """Show one site: its drawings with pins, the same sensors as a table, what is shut."""
    session, now = db.session(), site_now()
    site = session.scalars(select(Site).where(Site.code == code, Site.visible_to(g.actor))).first()
    if site is None:
        raise Missing("site", code)
    read_in_zone(site.timezone)
    live = with_places(session, Alert.live, Alert.site_id == site.id)
    seen = see_where(session, g.actor, live, now, Sensor.site_id == site.id)
    by_id = {one.sensor.id: one for one in seen}
    sensors = [one.sensor for one in seen]
    caught, rules = caught_by(session, sensors, now), rule_names(session, live)
    rain = by_site(sensors, caught)
    return render_template(
        "sites/show.html",
        site=site,
        now=now,
        alerts=[(alert, headline(alert, rules)) for alert in live],
        drawings=_drawings(site, by_id, caught),
        groups=groups(seen),
        rain={1: rainfall(session, sensors, now, 1).get(site.id), 24: rain.get(site.id)},
        episode=_episode(site),
        zones=_zones(site),
        scaffolds=_scaffolds(site, now),
        counts={
            standing: sum(one.standing == standing for one in seen)
            for standing in ("fresh", "stale", "unknown", "never")
        },
        total=sum(one.standing != "retired" for one in seen),
        words={one.sensor.id: value_words(one, caught) for one in seen},
    )


def _drawings(site: Site, by_id: dict, caught: dict[int, float]) -> list[dict]:
    rows = db.session.scalars(
        select(Drawing)
        .where(Drawing.site_id == site.id)
        .options(selectinload(Drawing.pins))
        .order_by(Drawing.kind, Drawing.code)
    )
    found = []
    for row in rows:
        drawing = drawing_of(row)
        pins = pins_on(drawing, row.pins, by_id, caught)
        found.append({"row": row, "drawing": drawing, "pins": pins})
    return found


def groups(seen: list[Seen]) -> list[tuple[object, list[Seen]]]:
    """Return sensors by building, the site's own last, the worst first, the retired at the end."""
    by_building: dict[object, list[Seen]] = {}
    for one in seen:
        by_building.setdefault(one.sensor.building, []).append(one)
    for members in by_building.values():
        members.sort(key=lambda one: (one.standing == "retired", ORDER[one.level], one.sensor.code))
    return sorted(
        by_building.items(), key=lambda each: (each[0] is None, getattr(each[0], "code", ""))
    )


def _episode(site: Site) -> RainEpisode | None:
    """Return the rain that is going on, or went on last."""
    mine = select(RainEpisode).where(RainEpisode.site_id == site.id)
    return db.session.scalars(mine.order_by(RainEpisode.began_ms.desc()).limit(1)).first()


def _zones(site: Site) -> list[tuple[Zone, Closure | None]]:
    zones = db.session.scalars(
        select(Zone).where(Zone.site_id == site.id, Zone.retired.is_(False)).order_by(Zone.code)
    ).all()
    shut = db.session.scalars(
        select(Closure).where(Closure.site_id == site.id, Closure.state.in_(IN_FORCE))
    )
    closures = {closure.zone_id: closure for closure in shut}
    return [(zone, closures.get(zone.id)) for zone in zones]


def _scaffolds(site: Site, now: object) -> list[tuple[Scaffold, object]]:
    rows = db.session.scalars(
        select(Scaffold)
        .where(
            Scaffold.site_id == site.id,
            Scaffold.state.not_in(("design", "struck")),
            Scaffold.visible_to(g.actor),
        )
        .options(
            joinedload(Scaffold.zone),
            joinedload(Scaffold.building),
            selectinload(Scaffold.inspections),
        )
        .order_by(Scaffold.code)
    )
    return [(row, row.tag(now)) for row in rows]  # type: ignore[arg-type]
