"""A small authority for page tests: three sites with sensors, a year of hours, a wet day, alerts.

Rows are written as the ingester leaves them, so that a page test needs no messages.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import event, insert, select
from sqlalchemy.orm import Session

from models.alert import Alert, Subject, Verdict, take
from models.clock import SiteClock, machine_now
from models.heartbeat import beat
from models.people import machine
from models.reading import DAY_S, HOUR_S, Channel, Quarantined, Rollup, SensorState
from models.reasons import reason
from models.registry import Site
from models.registry_file.load import load
from models.sensor import Sensor
from models.store import Store
from models.times import iso, to_ms
from tests.readings import count_as_moved, put_readings
from tests.webapp.cast import SYSTEM, Cast

NOW = datetime(2022, 3, 21, 5, 0, tzinfo=UTC)
"""13:00 on the wall clock of the sites."""
HOUR_MS = HOUR_S * 1000


def registry(sensors_each: int = 3) -> dict[str, Any]:
    """Return three sites; each has a gauge and `sensors_each` − 1 crack meters on its ridge."""
    return {"sites": [_site(code, sensors_each) for code in ("tianning", "tower", "bridge")]}


def _site(code: str, sensors_each: int) -> dict[str, Any]:
    cracks = [
        {
            "code": f"C-{number:02d}", "quantity": "crack_width", "unit": "mm", "element": "ridge",
            "interval_s": 900, "name": {"zh": f"裂缝计{number}", "en": f"crack gauge {number}"},
            "source": {"device": f"{code}-{number}", "channel": "crack"},
        }
        for number in range(1, sensors_each)
    ]  # fmt: skip
    return {
        "code": code,
        "name": {"zh": f"{code}遗址", "en": f"{code} site"},
        "timezone": "Asia/Shanghai",
        "phone": "+86 513 8512 0000",
        "sensors": [
            {
                "code": "R-01", "quantity": "rain_total", "unit": "mm", "interval_s": 300,
                "serves": [code], "source": {"device": f"{code}-0", "channel": "rain"},
            }
        ],
        "buildings": [
            {
                "code": "hall",
                "name": {"zh": "正殿", "en": "main hall"},
                "elements": [
                    {
                        "code": "ridge", "type": "RF-RDG-F", "height_m": 9.2,
                        "name": {"zh": "花脊", "en": "decorated ridge"},
                    }
                ],
                "sensors": cracks,
            }
        ],
        "zones": [
            {
                "code": "north", "name": {"zh": "北侧", "en": "north side"},
                "buildings": [], "elements": ["hall/ridge"], "also_affects": [],
            }
        ],
        "drawings": [
            {
                "code": "south", "kind": "elevation", "name": {"zh": "南立面", "en": "south"},
                "width": 760, "height": 420,
                "shapes": [["rect", {"x": 100, "y": 100, "width": 500, "height": 300}]],
                "pins": [{"sensor": "C-01", "x": 0.4, "y": 0.3}],
            }
        ],
    }  # fmt: skip


@dataclass
class World:
    """The authority, its people, and how to make things happen there."""

    cast: Cast
    now: datetime = NOW

    @property
    def store(self) -> Store:
        """The database."""
        return self.cast.store

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Open a writing session."""
        with self.store.writing() as session:
            yield session

    def sensor(self, session: Session, code: str = "C-01", site: str = "tianning") -> Sensor:
        """Return a sensor."""
        mine = select(Sensor).join(Site).where(Site.code == site, Sensor.code == code)
        return session.scalars(mine).one()

    def fresh_ingest(self) -> None:
        """Let the ingester give a sign of life."""
        with self.writing() as session:
            beat(session, "ingest")

    def raise_alert(
        self, severity: str = "critical", code: str = "C-01", site: str = "tianning", **how: Any
    ) -> str:
        """Raise an alert of the crack rule at a sensor; return its code."""
        at = how.pop("at", self.now - timedelta(minutes=6))
        with self.writing() as session:
            sensor = self.sensor(session, code, site)
            subject = Subject(
                sensor.subject, sensor.site_id, None, sensor.id, sensor.element_id, site
            )
            why = reason(
                "threshold.change_reached", quantity="crack_width", unit="mm", value=2.1,
                limit=2.0, baseline=1.4, reading=3.5, since=iso(at),
            )  # fmt: skip
            rule = how.pop("rule", "CRACK")
            verdict = Verdict(rule, 1, "raised", severity, at, 2.1, 2.0, why, **how)
            alert, _ = take(session, None, subject, verdict, at, machine("rule"))
            assert alert is not None
            return alert.code

    def clear(self, code: str) -> None:
        """Let an alert's readings fall below its limit."""
        with self.writing() as session:
            alert = self.alert(session, code)
            alert.active, alert.cleared_at = False, self.now

    def alert(self, session: Session, code: str) -> Alert:
        """Return an alert."""
        return session.scalars(select(Alert).where(Alert.code == code)).one()

    def silence(self, code: str = "C-01", site: str = "tianning") -> None:
        """Let a sensor fall silent two hours ago."""
        with self.writing() as session:
            state = session.get_one(SensorState, self.sensor(session, code, site).key)
            state.heard_ms = state.silent_since_ms = to_ms(self.now - timedelta(hours=2))

    def quarantine(self, payload: bytes, code: str = "senml.not_json") -> int:
        """Put a message into quarantine."""
        with self.writing() as session:
            row = Quarantined(
                received_at=self.now, topic="ridgewatch/x/<b>/senml", payload=payload, qos=1,
                retain=False, source="receiver", reason=reason(code).to_json(),
            )  # fmt: skip
            session.add(row)
            session.flush()
            return row.id

    def hear_channel(self, device: str = "node-9", channel: str = "crack") -> None:
        """Hear a channel that belongs to no sensor."""
        with self.writing() as session:
            at_ms = to_ms(self.now)
            session.add(
                Channel(
                    device=device,
                    channel=channel,
                    quantity="crack_width",
                    unit="mm",
                    first_ms=at_ms,
                    last_ms=at_ms,
                    last_value=1.5,
                    count=3,
                )  # fmt: skip
            )


def make_world(cast: Cast, sensors_each: int = 3, days: int = 3) -> World:
    """Lay the world out: registry, clock, `days` of hours, and the last day as raw readings."""
    world = World(cast)
    with world.writing() as session:
        session.add(
            SiteClock(id=1, mode="led", site_at=NOW, since=machine_now(), speed=1.0, paused=False)
        )
        load(session, registry(sensors_each), by=SYSTEM, now=NOW - timedelta(days=days))
        for sensor in session.scalars(select(Sensor)):
            _fill(session, sensor, days)
    world.fresh_ingest()
    return world


def _fill(session: Session, sensor: Sensor, days: int) -> None:
    """Write hours, days and a day of raw readings: a calm crack, and rain last night."""
    rain = sensor.quantity == "rain_total"
    last_ms = to_ms(NOW)
    hours = [
        {
            "sensor": sensor.key, "span_s": HOUR_S, "end_ms": last_ms - hour * HOUR_MS,
            "value": _mm(hour) if rain else _width(hour), "count": 4, "quality": 1,
            "min": 0.0 if rain else _width(hour) - 0.01,
            "max": _mm(hour) if rain else _width(hour) + 0.01,
        }
        for hour in range(1, days * 24)
    ]  # fmt: skip
    full = [
        {
            "sensor": sensor.key, "span_s": DAY_S, "end_ms": last_ms - day * 24 * HOUR_MS,
            "value": 12.0 if rain else 1.4, "min": 0.0, "max": 2.0, "count": 96, "quality": 1,
        }
        for day in range(1, days)
    ]  # fmt: skip
    session.execute(insert(Rollup), [*hours, *full])
    total, raw = 100.0, []
    step = sensor.interval_s * 1000
    for at_ms in range(last_ms - 26 * HOUR_MS, last_ms + 1, step):
        hours_ago = (last_ms - at_ms) // HOUR_MS
        total += _mm(hours_ago) * step / HOUR_MS
        value = round(total, 3) if rain else _width(hours_ago)
        raw.append({"sensor": sensor.key, "at_ms": at_ms, "value": value, "quality": 1})
    put_readings(session, raw)
    count_as_moved(session, last_ms - HOUR_MS)
    session.add(
        SensorState(sensor=sensor.key, heard_ms=last_ms, at_ms=last_ms, value=value, quality=1)
    )


def _mm(hours_ago: int) -> float:
    return 2.0 if 10 <= hours_ago < 20 else 0.0


def _width(hours_ago: int) -> float:
    return round(1.4 + 0.02 * math.sin(hours_ago / 24 * math.tau), 4)


@contextmanager
def counted(store: Store) -> Iterator[list[str]]:
    """Collect the statements that a block sends to the database, its settings left out."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(("PRAGMA", "BEGIN", "SET TRANSACTION")):
            sent.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(store.engine, "before_cursor_execute", note)
