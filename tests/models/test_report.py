"""Reports upward: five fields, two hours, and nothing changed afterwards."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from models.errors import BadInput, Refusal
from models.report import FIELDS, REPORT, draft_report, report_clock, report_due_at, reports_of
from models.store import Store, begin_write
from models.workflow import actions_from
from tests.models.house import NOW, House, after, says

FIVE = dict.fromkeys(FIELDS, "as seen")


@pytest.mark.parametrize(
    ("state", "actions"),
    {"draft": ("edit", "send"), "sent": ("acknowledge",), "acknowledged": ()}.items(),
)
def test_each_state_offers_exactly_its_actions(state: str, actions: tuple[str, ...]) -> None:
    assert actions_from(REPORT, state) == actions


def test_a_report_goes_out_with_all_five_fields(house: House) -> None:
    report = draft_report(house.session, house.incident(), "first", by=house.duty, now=NOW)

    with pytest.raises(Refusal) as no:
        report.send(channel="phone", by=house.duty, now=NOW)
    report.edit(FIVE, by=house.duty, now=NOW)
    report.send(channel="phone", by=house.duty, now=after(minutes=30))

    assert no.value.reason.values["fields"] == list(FIELDS)
    assert "损失" in says(no.value.reason)[0]
    assert (report.state, report.late, report.sent_by) == ("sent", False, house.duty.id)
    assert report.recipients[0]["name"]["en"] == "City bureau"


def test_a_report_needs_a_channel_and_somebody_to_read_it(house: House) -> None:
    house.site.superiors = None
    report = draft_report(
        house.session, house.incident(), "first", fields=FIVE, by=house.duty, now=NOW
    )

    with pytest.raises(BadInput) as bad:
        report.send(channel="pigeon", by=house.duty, now=NOW)

    assert {fault.where for fault in bad.value.faults} == {"channel", "recipients"}
    assert report.state == "draft"


def test_the_clock_runs_two_hours_from_receipt_and_stops_when_sent(house: House) -> None:
    incident = house.incident()
    assert report_due_at(incident) == after(hours=2)
    on_time = report_clock(incident, after(hours=2))
    late = report_clock(incident, after(hours=2, seconds=1))

    report = draft_report(
        house.session, incident, "first", fields=FIVE, by=house.duty, now=after(hours=3)
    )
    report.send(channel="fax", by=house.duty, now=after(hours=3))
    stopped = report_clock(incident, after(hours=9))

    assert on_time is not None and not on_time.overdue
    assert late is not None and late.overdue and "第九条" in says(late.basis)[0]
    assert stopped is not None and (stopped.sent_at, stopped.overdue) == (after(hours=3), True)
    assert report.late


def test_no_clock_runs_below_the_national_level(house: House) -> None:
    house.site.protection_level = "county"

    assert report_clock(house.incident(), NOW) is None


def test_a_sent_report_refuses_to_be_edited_and_a_correction_is_a_new_one(house: House) -> None:
    incident = house.incident()
    first = draft_report(house.session, incident, "first", fields=FIVE, by=house.duty, now=NOW)
    first.send(channel="phone", by=house.duty, now=NOW)

    with pytest.raises(Refusal) as no:
        first.edit({"cause": "rain"}, by=house.duty, now=NOW)
    second = draft_report(
        house.session, incident, "follow_up", corrects=first, by=house.duty, now=after(hours=1)
    )

    assert "new report" in says(no.value.reason)[1]
    assert (second.corrects_id, second.course) == (first.id, "as seen")
    assert reports_of(house.session, incident) == [first, second]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE report SET cause = 'lightning'",
        "UPDATE report SET state = 'draft'",
        "DELETE FROM report",
    ],
)
def test_the_database_itself_keeps_a_sent_report(store: Store, statement: str) -> None:
    with store.sessions() as session:
        begin_write(session)
        house = House(session)
        report = draft_report(
            session, house.incident(), "first", fields=FIVE, by=house.duty, now=NOW
        )
        report.send(channel="phone", by=house.duty, now=NOW)
        report.acknowledge("city bureau, Ms Xu", by=house.duty, now=after(minutes=9))
        session.flush()

        with pytest.raises(DBAPIError, match="never"):
            session.execute(text(statement))
        session.rollback()


def test_a_draft_may_be_thrown_away(store: Store) -> None:
    with store.sessions() as session:
        begin_write(session)
        house = House(session)
        draft_report(session, house.incident(), "first", by=house.duty, now=NOW)
        session.flush()

        session.execute(text("DELETE FROM report"))

        assert session.scalar(text("SELECT count(*) FROM report")) == 0
