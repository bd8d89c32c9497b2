"""A temple, its people and its builders: a valid thing with one line, for tests of works."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

import models.tables  # noqa: F401  (all tables, and the guards of all workflows)
from models.alert import Alert, Subject, Verdict, take
from models.base import bilingual
from models.event import Event, history
from models.incident import Incident, open_incident
from models.people import Actor, Grant, Membership, Organisation, User, machine
from models.photo import Photo, Picture, add_photo
from models.project import Project, propose_project
from models.reading import RainEpisode, SensorState
from models.reasons import Reason, reason
from models.registry import Building, Element, Site, Zone
from models.scaffold import Scaffold, plan_scaffold
from models.sensor import Epoch, Sensor
from models.task import Task, plan_task
from models.times import to_ms
from models.words.render import Reader, text

NOW = datetime(2022, 3, 21, 5, 0, tzinfo=UTC)  # 13:00 at the temple
READERS = (Reader("zh"), Reader("en"))
ITEMS = {
    "for_whom": "Bureau, 1 Temple Road",
    "location": "north elevation",
    "description": "independent scaffold, five lifts",
    "risks": "none seen",
    "action_taken": "none",
    "further_action": "none",
    "reporter": "Luo, competent person",
}
ANSWERS = {
    "urgent": "the rest of the ridge is cracked",
    "no_milder_way": "a cover alone would not hold it",
    "minimum": "props and nets only",
    "notified": "the city bureau, 21 March",
}


def after(**delta: float) -> datetime:
    """Return an instant that much after NOW."""
    return NOW + timedelta(**delta)


class House:
    """One authority with a temple, one contractor, and somebody in every role."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.bureau = self._company("bureau", "authority")
        self.builder = self._company("hengji", "contractor", grade="2", scope="古建筑")
        self.rival = self._company("rival", "contractor", grade="1", scope="古建筑")
        self.site = self._site()
        self.hall = Building(code="jingang", name=bilingual("金刚殿", "Jingang Hall"))
        self.site.buildings.append(self.hall)
        self.ridge = Element(
            code="ridge",
            type="RF-RDG-F",
            name=bilingual("花脊", "decorated ridge"),
            height_m=9.2,
        )
        self.hall.elements.append(self.ridge)
        session.flush()
        self.zone = Zone(
            code="jingang-north",
            name=bilingual("金刚殿北侧", "Jingang Hall, north"),
            building_ids=[],
            element_ids=[str(self.ridge.id)],
            parent_ids=[],
            also_affects=[],
        )
        self.site.zones.append(self.zone)
        session.flush()
        self.duty = self.person("ana", "duty")
        self.manager = self.person("ben", "manager")
        self.engineer = self.person("eva", "engineer")
        self.supervisor = self.person("sam", "supervisor")
        self.keeper = self.person("kim", "keeper")
        self.viewer = self.person("cara", "viewer")
        self.foreman = self.person("luo", "contractor", self.builder)
        self.worker = self.person("mei", "contractor", self.builder)
        self.stranger = self.person("zed", "contractor", self.rival)
        self.token = Actor(
            kind="token", id=uuid.uuid4(), grants=(Grant(self.bureau.id, "manager"),), via="api"
        )

    def person(self, name: str, role: str, company: Organisation | None = None) -> Actor:
        """Return somebody who can act in a role."""
        company = company or self.bureau
        user = User(email=f"{name}@example.org", name=name, created_at=NOW)
        self.session.add(user)
        self.session.flush()
        self.session.add(
            Membership(
                user_id=user.id,
                organisation_id=company.id,
                role=role,
                since=NOW - timedelta(days=365),
            )
        )
        return Actor(kind="person", id=user.id, name=name, grants=(Grant(company.id, role),))

    def sensor(self, code: str, quantity: str = "crack_width", **more: Any) -> Sensor:
        """Return a sensor on the ridge that was heard just now."""
        key = len(self.session.query(Sensor).all()) + 1
        placed = {"building": self.hall, "element": self.ridge} | more
        sensor = Sensor(key=key, site=self.site, code=code, quantity=quantity, unit="mm", **placed)
        sensor.epochs.append(Epoch(kind="install", since=NOW, device="tn-1", channel=code))
        self.session.add(sensor)
        self.session.flush()
        self.hears(sensor, NOW)
        return sensor

    def hears(self, sensor: Sensor, at: datetime, value: float | None = 1.0) -> None:
        """Let a sensor speak."""
        state = self.session.get(SensorState, sensor.key) or SensorState(sensor=sensor.key)
        state.heard_ms = state.at_ms = to_ms(at)
        state.value, state.quality, state.silent_since_ms = value, 1, None
        self.session.add(state)
        self.session.flush()

    def silences(self, sensor: Sensor, since: datetime) -> None:
        """Let a sensor fall silent."""
        state = self.session.get_one(SensorState, sensor.key)
        state.silent_since_ms = to_ms(since)

    def alert(self, sensor: Sensor, to: str = "raised", severity: str = "high") -> Alert:
        """Return the alert of a sensor after one verdict of its rule."""
        subject = Subject(
            sensor.subject,
            site_id=self.site.id,
            sensor_id=sensor.id,
            element_id=sensor.element_id,
        )
        verdict = Verdict("C3", 1, to, severity, NOW, 2.1, 2.0, reason("rule.any"))
        found, _ = take(self.session, None, subject, verdict, NOW, machine("rule"))
        assert found is not None
        self.session.flush()
        return found

    def incident(self) -> Incident:
        """Return an emergency that a person reported."""
        return open_incident(
            self.session,
            [],
            site=self.site,
            title=bilingual("花脊坍塌", "Ridge collapsed"),
            cause="natural",
            by=self.duty,
            now=NOW,
        )

    def project(self) -> Project:
        """Return justified emergency works with the contractor as their builder."""
        project = propose_project(
            self.session,
            self.site,
            works_class="emergency",
            title=bilingual("抢险", "Rescue"),
            by=self.manager,
            now=NOW,
        )
        project.add_party(self.builder, "construction", by=self.manager, now=NOW)
        project.justify(ANSWERS, reversible=True, how="props", by=self.manager, now=NOW)
        self.session.flush()
        return project

    def scaffold(self, project: Project | None = None, **more: Any) -> Scaffold:
        """Return a scaffold in design, before the north elevation."""
        return plan_scaffold(
            self.session,
            self.site,
            name=bilingual("北立面脚手架", "North scaffold"),
            building=self.hall,
            zone=self.zone,
            project=project,
            company=self.builder,
            by=self.manager,
            now=NOW,
            **more,
        )

    def task(self, project: Project | None = None, **more: Any) -> Task:
        """Return a planned task of the contractor in the zone."""
        values = {"needs_photos": False, "zone": self.zone, "company": self.builder} | more
        return plan_task(
            self.session,
            self.site,
            title=bilingual("清理瓦件", "Clear tiles"),
            project=project,
            by=self.manager,
            now=NOW,
            **values,
        )

    def photo(self, subject: Any, stage: str, by: Actor, **more: Any) -> Photo:
        """Return a photo of a thing."""
        values = {"client_key": str(uuid.uuid4()), "now": NOW} | more
        sha = values.pop("sha256", uuid.uuid4().hex * 2)
        picture = Picture(sha, 1000, "image/jpeg", 640, 480)
        return add_photo(self.session, subject, picture, stage=stage, by=by, **values)

    def rain(self, began: datetime, ended: datetime | None, **sums: float) -> RainEpisode:
        """Return a rain episode; sums by hours: `h12=16.0`."""
        row = RainEpisode(
            site_id=self.site.id,
            began_ms=to_ms(began),
            last_rain_ms=to_ms(ended or began),
            ended_ms=to_ms(ended) if ended else None,
            sums={key[1:]: value for key, value in sums.items()},
            grades={},
            gauges=["R-01"],
        )
        self.session.add(row)
        self.session.flush()
        return row

    def events(self, noun: Any) -> list[Event]:
        """Return what is on record about a thing."""
        return list(history(self.session, noun.__tablename__, noun.id))

    def _company(self, code: str, kind: str, grade: str = "", scope: str = "") -> Organisation:
        company = Organisation(
            code=code,
            kind=kind,
            name=bilingual(code),
            licence_grade=grade,
            licence_scope=scope,
            licence_until=NOW + timedelta(days=365),
        )
        self.session.add(company)
        self.session.flush()
        return company

    def _site(self) -> Site:
        site = Site(
            code="tianning",
            name=bilingual("天宁寺", "Tianning Temple"),
            organisation_id=self.bureau.id,
            protection_level="national",
            phone="0513-555-0188",
            responsible={"name": "Ben", "title": "head", "phone": "555"},
            superiors=[{"name": bilingual("市局", "City bureau"), "phone": "555"}],
        )
        self.session.add(site)
        self.session.flush()
        return site


def says(why: Reason) -> list[str]:
    """Return a reason in both languages; a code without words fails here."""
    return [text(why, reader) for reader in READERS]
