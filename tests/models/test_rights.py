"""Beginning something is a right of roles; who lacks it is refused before anything is written."""

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from models.base import bilingual
from models.closing import close_zone
from models.contacts import Contact, record_call
from models.errors import Forbidden
from models.event import Event
from models.finding import record_finding
from models.people import Actor
from models.permit import issue_permit
from models.project import propose_project
from models.report import draft_report
from models.retirement import retire_sensor
from models.rights import MAY_BEGIN, may_begin
from models.scaffold import plan_scaffold
from models.task import plan_task
from tests.models.house import NOW, House, after, says

TITLE = bilingual("修", "Mend")


def _finding(house: House, by: Actor) -> None:
    record_finding(house.session, house.site, element_code="RF-TIL", damage="LOOSE", by=by, now=NOW)


def _closure(house: House, by: Actor) -> None:
    close_zone(house.session, house.zone, by=by, now=NOW, draft=True)


def _project(house: House, by: Actor) -> None:
    propose_project(house.session, house.site, works_class="emergency", title=TITLE, by=by, now=NOW)


def _scaffold(house: House, by: Actor) -> None:
    plan_scaffold(house.session, house.site, name=TITLE, by=by, now=NOW)


def _task(house: House, by: Actor) -> None:
    plan_task(house.session, house.site, title=TITLE, by=by, now=NOW)


def _permit(house: House, by: Actor) -> None:
    issue_permit(
        house.session,
        house.site,
        persons=["Zed"],
        purpose="look",
        since=NOW,
        until=after(hours=1),
        by=by,
        now=NOW,
    )


def _retire(house: House, by: Actor) -> None:
    retire_sensor(house.session, house.sensor(f"C-{by.name}"), "worn_out", "old", by=by, now=NOW)


def _report(house: House, by: Actor) -> None:
    draft_report(house.session, house.incident(), "first", by=by, now=NOW)


def _call(house: House, by: Actor) -> None:
    contact = Contact(site_id=house.site.id, name="Wu", role=TITLE, phone="1")
    house.session.add(contact)
    house.session.flush()
    record_call(contact, house.incident(), "reached", by=by, now=NOW)


@pytest.mark.parametrize(
    "begin",
    [
        _finding,
        _closure,
        _project,
        _scaffold,
        _task,
        _permit,
        _retire,
        _report,
        _call,
    ],
)
def test_neither_viewer_nor_contractor_begins_anything(
    house: House, begin: Callable[[House, Actor], None]
) -> None:
    for actor in (house.viewer, house.foreman):
        with pytest.raises(Forbidden) as no:
            begin(house, actor)
        assert says(no.value.reason)

    by_them = select(func.count()).where(Event.by_id.in_((house.viewer.id, house.foreman.id)))
    assert house.session.scalar(by_them) == 0


def test_a_right_holds_only_where_the_role_does(house: House) -> None:
    elsewhere = house.person("liu", "manager")
    grant = type(elsewhere.grants[0])(house.bureau.id, "manager", frozenset())
    liu = Actor(kind="person", id=elsewhere.id, grants=(grant,))

    assert all(may_begin(what, house.manager, house.site.id) for what in MAY_BEGIN)
    assert not any(may_begin(what, liu, house.site.id) for what in MAY_BEGIN)
