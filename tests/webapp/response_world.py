"""A hall with a cracked ridge, for the tests of pages of response: a valid thing with one line."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from models.alert import Alert, Subject, Verdict, take
from models.base import bilingual
from models.clock import machine_now
from models.closing import close_zone
from models.closure import Closure
from models.contacts import Contact
from models.finding import Finding, record_finding
from models.incident import Incident, open_incident
from models.people import Actor, Grant, machine
from models.photo import Picture, add_photo
from models.reading import SensorState
from models.reasons import reason
from models.registry import Building, Element, Site, Zone
from models.sensor import Epoch, Sensor
from models.times import iso, to_ms
from tests.webapp.cast import Browser, Cast

FIVE = {
    "scene": "Tianning Temple, 21 March, 16:00",
    "course": "the ridge fell",
    "cause": "rain",
    "measures": "closed",
    "other": "none",
}


@dataclass
class World:
    """The cast, and the place where it happens."""

    cast: Cast
    site_id: uuid.UUID
    zone_id: uuid.UUID
    building_id: uuid.UUID
    element_id: uuid.UUID

    def __post_init__(self) -> None:
        self._actors: dict[str, Actor] = {}

    def actor(self, role: str) -> Actor:
        """Return the person with a role."""
        if role not in self._actors:
            user = self.cast.user(role)
            grants = (Grant(self.cast.office_id, role),)
            self._actors[role] = Actor("person", user.id, user.name, grants)
        return self._actors[role]

    def browser(self, role: str) -> Browser:
        """Return the browser of the person with a role."""
        self.actor(role)
        return self.cast.signed_in(role)

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Change something behind the pages' back."""
        with self.cast.store.writing() as session:
            yield session

    def reading(self, noun: Any, key: Any) -> Any:
        """Return a row as it is now."""
        with self.cast.store.reading() as session:
            return session.get_one(noun, key)

    def closure(self, by: str = "duty", ago: timedelta = timedelta(0), **more: Any) -> Closure:
        """Return a closure of the zone, in force."""
        actor = self.actor(by)
        with self.writing() as session:
            zone = session.get_one(Zone, more.pop("zone_id", self.zone_id))
            return close_zone(session, zone, by=actor, now=machine_now() - ago, **more)

    def incident(self, ago: timedelta = timedelta(0), **more: Any) -> Incident:
        """Return a case that somebody reported."""
        actor = self.actor("duty")
        values = {"title": bilingual("花脊坍塌", "Ridge collapsed"), "cause": "natural"} | more
        with self.writing() as session:
            site, zone = session.get_one(Site, self.site_id), session.get_one(Zone, self.zone_id)
            now = machine_now() - ago
            return open_incident(session, [], site=site, zone=zone, by=actor, now=now, **values)

    def alert(self, severity: str = "critical", code: str = "C-07") -> Alert:
        """Return a live alert of a crack gauge on the ridge."""
        with self.writing() as session:
            sensor = self._sensor(session, code)
            at = machine_now()
            subject = Subject(
                sensor.subject,
                site_id=self.site_id,
                sensor_id=sensor.id,
                element_id=self.element_id,
                site_code="tianning",
            )
            why = reason(
                "threshold.value_reached",
                quantity="crack_width",
                value=2.1,
                limit=2.0,
                unit="mm",
                since=iso(at),
            )
            verdict = Verdict("C3", 1, "raised", severity, at, 2.1, 2.0, why)
            found, _ = take(session, None, subject, verdict, at, machine("rule"))
            assert found is not None
            return found

    def finding(self, incident: Incident | None = None, by: str = "engineer") -> Finding:
        """Return a dangerous finding."""
        actor = self.actor(by)
        with self.writing() as session:
            case = session.get_one(Incident, incident.id) if incident else None
            return record_finding(
                session,
                session.get_one(Site, self.site_id),
                element_code="RF-RDG-F",
                damage="COLLAPSE",
                orientation="NS",
                grades=[{"scheme": "EN16096-CC", "grade": "CC3"}],
                extent="6 m",
                element=session.get_one(Element, self.element_id),
                incident=case,
                by=actor,
                now=machine_now(),
            )

    def posting_photo(self, closure: Closure) -> None:
        """Put a photo of the posted notice to a closure."""
        actor = self.actor("keeper")
        with self.writing() as session:
            row = session.get_one(Closure, closure.id)
            picture = Picture(uuid.uuid4().hex * 2, 1000, "image/jpeg", 640, 480)
            key, now = str(uuid.uuid4()), machine_now()
            add_photo(session, row, picture, stage="posting", client_key=key, by=actor, now=now)

    def contact(self, name: str = "Wu", phone: str = "0513-5550 101") -> Contact:
        """Return somebody on the call list."""
        with self.writing() as session:
            role = bilingual("住持", "abbot")
            row = Contact(site_id=self.site_id, name=name, role=role, phone=phone)
            session.add(row)
            session.flush()
            return row

    def _sensor(self, session: Session, code: str) -> Sensor:
        key = len(session.query(Sensor).all()) + 1
        sensor = Sensor(
            key=key,
            site=session.get_one(Site, self.site_id),
            code=code,
            quantity="crack_width",
            unit="mm",
            building_id=self.building_id,
            element_id=self.element_id,
        )
        now = machine_now()
        sensor.epochs.append(Epoch(kind="install", since=now, device="tn-1", channel=code))
        session.add(sensor)
        session.flush()
        state = SensorState(sensor=key, heard_ms=to_ms(now), at_ms=to_ms(now), value=1.0)
        session.add(state)
        return sensor


def make_world(cast: Cast) -> World:
    """Lay the hall, its ridge and the zone on its north side."""
    with cast.store.writing() as session:
        site = session.get_one(Site, cast.site_id)
        site.protection_level, site.phone = "national", "0513-5550188"
        site.responsible = {"name": "贾守一", "title": bilingual("所长", "Head of office")}
        site.superiors = [
            {"name": bilingual("市文物局", "City bureau"), "phone": "555-0102"},
            {"name": bilingual("省文物局", "Provincial bureau"), "phone": "555-0103"},
        ]
        hall = Building(code="jingang", name=bilingual("金刚殿", "Jingang Hall"))
        site.buildings.append(hall)
        ridge = Element(
            code="ridge", type="RF-RDG-F", name=bilingual("花脊", "decorated ridge"), height_m=9.2
        )
        hall.elements.append(ridge)
        session.flush()
        zone = Zone(
            code="jingang-north",
            name=bilingual("金刚殿北侧", "Jingang Hall, north"),
            building_ids=[],
            element_ids=[str(ridge.id)],
            parent_ids=[],
            also_affects=[],
        )
        site.zones.append(zone)
        session.flush()
        world = World(cast, site.id, zone.id, hall.id, ridge.id)
    for role in ("duty", "manager", "engineer", "keeper"):
        world.actor(role)  # now: nobody can be added while something is being written
    return world


@contextmanager
def counted(cast: Cast) -> Iterator[list[str]]:
    """Collect the statements that are sent to the database."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("SELECT"):
            sent.append(statement)

    event.listen(cast.store.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(cast.store.engine, "before_cursor_execute", note)


def as_typed(moment: datetime) -> str:
    """Return a moment as a person types it into a form, on the site's clock."""
    return f"{moment + timedelta(hours=8):%Y-%m-%dT%H:%M}"
