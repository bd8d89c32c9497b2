"""Alerts at their edges: what must come back into sight, and what stays on record."""

from models.alert import Alert, Subject, Verdict, take
from models.people import machine
from models.reasons import reason
from tests.models.house import NOW, House, after

RULE = machine("rule")


def verdict(to: str, severity: str, hours: float) -> Verdict:
    return Verdict("C3", 1, to, severity, after(hours=hours), 2.1, 2.0, reason("rule.any"))


def steps(house: House, alert: Alert, *taken: tuple[str, str, float]) -> list[bool]:
    """Take verdicts on an alert; return which of them page."""
    subject = Subject(alert.subject, site_id=alert.site_id)
    return [
        take(house.session, alert, subject, verdict(*one), after(hours=one[2]), RULE)[1]
        for one in taken
    ]


def test_a_dismissed_alert_that_latched_and_rises_again_pages(house: House) -> None:
    """Dismissing holds until it clears: what comes after is another movement."""
    alert = house.alert(house.sensor("C-07"))
    alert.dismiss("birds", by=house.duty, now=NOW)

    pages = steps(house, alert, ("latched", "high", 1), ("raised", "high", 2))

    assert pages == [False, True]
    assert alert.state(after(hours=2)) == "active_unacknowledged"
    assert alert.label is None


def test_a_dismissed_alert_that_latched_keeps_its_label_and_can_be_reset(house: House) -> None:
    alert = house.alert(house.sensor("C-07"))
    alert.dismiss("birds", by=house.duty, now=NOW)

    steps(house, alert, ("latched", "high", 1))

    assert (alert.state(after(hours=1)), alert.label) == ("latched", "false")
    alert.reset("looked", by=house.engineer, now=after(hours=2))
    assert not alert.live


def test_a_shelf_outlasts_a_clearing_for_as_long_as_it_was_asked(house: House) -> None:
    alert = house.alert(house.sensor("C-07"))
    alert.shelve(after(hours=4), "works", by=house.duty, now=NOW)

    pages = steps(house, alert, ("cleared", "high", 1), ("raised", "high", 2))

    assert pages == [False, False]
    assert alert.state(after(hours=2)) == "shelved"
    assert alert.come_off_shelf(by=machine("clock"), now=after(hours=4))


def test_a_person_who_takes_back_a_dismissal_can_label_it_anew(house: House) -> None:
    alert = house.alert(house.sensor("C-07"))
    alert.dismiss("birds", by=house.duty, now=NOW)

    alert.unshelve(by=house.duty, now=after(hours=1))
    assert alert.label is None
    steps(house, alert, ("cleared", "high", 2))
    alert.close("real", "a crack after all", by=house.duty, now=after(hours=3))

    assert alert.label == "real"
