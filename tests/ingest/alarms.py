"""One line for an alert, a person on duty, and the page that tells of it."""

import uuid
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.alert import Alert, Subject, Verdict, take
from models.paging import page
from models.people import Membership, Organisation, User, machine
from models.reasons import reason
from models.registry import Building, Element, Site
from models.times import iso

NOW = datetime(2022, 3, 21, 5, 15, tzinfo=UTC)
WHY = reason(
    "rate.slope_reached", quantity="crack_width", value=1.06, unit="mm", readings=96, hours=24,
    limit=1.0, since=iso(NOW),
)  # fmt: skip


def a_person(session: Session, role: str = "duty", language: str = "en") -> User:
    organisation = session.scalars(select(Organisation)).first()
    if organisation is None:
        organisation = Organisation(code="bureau", kind="authority", name={"zh": "局"})
        session.add(organisation)
    user = User(id=uuid.uuid4(), email=f"{role}@temple.example", language=language, created_at=NOW)
    session.add(user)
    session.flush()
    member = Membership(user=user, organisation=organisation, role=role, since=NOW)
    session.add(member)
    return user


def an_alert(session: Session, severity: str = "critical") -> Alert:
    site = Site(id=uuid.uuid4(), code="tianning", name={"zh": "天宁寺", "en": "Tianning Temple"})
    hall = Building(id=uuid.uuid4(), site=site, code="jingang", name={"zh": "金刚殿"})
    ridge = Element(
        id=uuid.uuid4(), building=hall, code="ridge", type="RF-RDG-F",
        name={"zh": "花脊", "en": "decorated ridge"},
    )  # fmt: skip
    session.add_all([site, hall, ridge])
    session.flush()
    subject = Subject("sensor:tianning/C-07", site_id=site.id, element_id=ridge.id)
    verdict = Verdict("CRACK-RATE", 1, "raised", severity, NOW, 1.06, 1.0, WHY)
    alert, _ = take(session, None, subject, verdict, NOW, machine("rule"))
    assert alert is not None
    return alert


def page_it(session: Session, alert: Alert, arrived: datetime | None = None) -> None:
    told = reason(
        "notice.alert", alert=alert.code, severity=alert.severity, subject=alert.subject,
        why=WHY.to_json(), observed_at=iso(NOW), arrived_at=iso(arrived) if arrived else None,
    )  # fmt: skip
    page(session, alert, told, NOW)
