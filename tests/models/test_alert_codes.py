"""Codes of alerts are for people to say; that two would be alike never costs an alert."""

from datetime import UTC, datetime

from sqlalchemy import select

from models.alert import Alert, Subject, Verdict, take
from models.people import machine
from models.reasons import reason
from models.store import Store

NOW = datetime(2022, 3, 21, tzinfo=UTC)


def test_two_subjects_whose_codes_meet_have_an_alert_each(store: Store) -> None:
    verdict = Verdict("Q1", 1, "raised", "high", NOW, 1.0, 1.0, reason("alert.sensor_heard"))

    with store.writing() as session:
        for subject in ("sensor:hill-east/01", "sensor:hill/east-01"):
            take(session, None, Subject(subject), verdict, NOW, machine("rule"))

    with store.reading() as session:
        codes = session.scalars(select(Alert.code).order_by(Alert.code)).all()
        assert codes == ["Q1-hill-east-01-1", "Q1-hill-east-01-1.2"]
