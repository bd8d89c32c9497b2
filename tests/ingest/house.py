"""A small house for pipeline tests: one site, a gauge, a crack meter, a damp probe, and a feed."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import event, select

from ingest.message import Message
from ingest.moving import close_hours
from ingest.pipeline import Batch, Pipeline
from models.alert import Alert
from models.people import machine
from models.registry_file.load import load
from models.store import Store
from models.times import to_ms
from tests.readings import readings_of

NOW = datetime(2022, 3, 21, 0, 0, tzinfo=UTC)

CRACK_RULE = {
    "code": "WIDE",
    "kind": "threshold",
    "where": {"quantity": "crack_width", "sites": None, "sensors": None},
    "levels": [
        {"severity": "medium", "raise_at": 1.0},
        {"severity": "high", "raise_at": 2.0, "latch": True},
    ],
    "deadband": 0.2,
}
SILENCE_RULE = {"code": "Q1", "kind": "silence", "levels": [{"severity": "low"}]}
RAIN_RULE = {
    "code": "WET",
    "kind": "accumulation",
    "where": {"quantity": "rain_total", "sites": None, "sensors": None},
    "levels": [{"severity": "low", "window": "12h", "raise_at": 15}],
}


def registry(rules: Sequence[Any] = (CRACK_RULE, SILENCE_RULE, RAIN_RULE)) -> dict[str, Any]:
    """Return a registry file of one site with three sensors of one node each."""
    crack = {
        "code": "C-01",
        "quantity": "crack_width",
        "unit": "mm",
        "interval_s": 900,
        "element": "ridge",
        "source": {"device": "node-1", "channel": "crack"},
    }
    gauge = {
        "code": "R-01",
        "quantity": "rain_total",
        "unit": "mm",
        "interval_s": 300,
        "serves": ["hill"],
        "source": {"device": "node-2", "channel": "rain"},
    }
    ridge = {"code": "ridge", "type": "RF-RDG-F", "name": {"zh": "脊", "en": "ridge"}}
    return {
        "sites": [
            {
                "code": "hill",
                "name": {"zh": "山寺", "en": "Hill Temple"},
                "timezone": "Asia/Shanghai",
                "sensors": [gauge],
                "buildings": [
                    {
                        "code": "hall",
                        "name": {"zh": "殿", "en": "hall"},
                        "elements": [ridge],
                        "sensors": [crack],
                    }
                ],
            }
        ],
        "rules": list(rules),
    }


class House:
    """A store with the registry loaded, and one pipeline that feeds on messages."""

    def __init__(self, store: Store, rules: Sequence[Any] | None = None) -> None:
        self.store = store
        self.pipeline = Pipeline()
        self.load(registry() if rules is None else registry(rules), NOW - timedelta(days=30))

    def load(self, document: dict[str, Any], now: datetime) -> None:
        """Load a registry file."""
        with self.store.writing() as session:
            load(session, document, by=machine("system"), now=now)

    def feed(self, *messages: Message, now: datetime = NOW) -> Batch:
        """Take messages in one transaction."""
        decoded = self.pipeline.decode(messages)
        with self.store.writing() as session:
            self.pipeline.begin(session, now=now)
            batch = self.pipeline.take(session, decoded, now)
            self.pipeline.flush(session, now)
        return batch

    def tick(self, now: datetime) -> None:
        """Let one minute pass."""
        with self.store.writing() as session:
            self.pipeline.begin(session, now=now)
            self.pipeline.tick(session, now)
            self.pipeline.flush(session, now)

    def alerts(self) -> list[Alert]:
        """Return all alerts, by rule and episode."""
        with self.store.reading() as session:
            return list(session.scalars(select(Alert).order_by(Alert.rule_code, Alert.episode)))

    def readings(self) -> list[tuple[int, float | None, int]]:
        """Return (at_ms, value, quality) of all readings in order of time."""
        with self.store.reading() as session:
            return [(one.at_ms, one.value, one.quality) for one in readings_of(session)]

    def close_hours(self, now: datetime) -> None:
        """Move what lies in hours that are over, as the clock does."""
        close_hours(self.store, now)


def crack(
    value: float | None, at: datetime = NOW, received: datetime | None = None, **how: Any
) -> Message:
    """Return a reading of the crack meter."""
    return senml("node-1", "crack", value, at, received, **how)


def rain(total: float, at: datetime = NOW, received: datetime | None = None) -> Message:
    """Return a total of the rain gauge."""
    return senml("node-2", "rain", total, at, received)


def senml(
    device: str,
    channel: str,
    value: float | None,
    at: datetime,
    received: datetime | None = None,
    unit: str = "mm",
    **how: Any,
) -> Message:
    """Return a SenML message, received when it was measured unless said otherwise."""
    record = {"bn": f"{device}:", "bt": at.timestamp(), "n": channel, "u": unit, "v": value}
    payload = json.dumps([record]).encode()
    topic = f"ridgewatch/hill/{device}/senml"
    return Message(topic, payload, to_ms(received or at), qos=1, **how)


@contextmanager
def counting(store: Store) -> Iterator[list[str]]:
    """Collect the statements that are run meanwhile."""
    found: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        found.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    yield found
    event.remove(store.engine, "before_cursor_execute", note)
