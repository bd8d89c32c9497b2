"""Real processes to kill: an ingester, the simulator's publisher, and what they leave behind."""

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

from sqlalchemy import select

from ingest.pacing import lead, led_clock
from models.alert import Alert
from models.happenings import rows as happenings
from models.notice import Notice
from models.people import machine
from models.reading import RainEpisode, Reading, Rollup, WaitingReading
from models.registry_file.load import load
from models.sensor import Sensor
from models.store import Store
from models.times import from_ms, to_ms
from sensors_sim import senml
from sensors_sim.catalogue import scenario
from sensors_sim.packet import Packet
from sensors_sim.publisher import Ahead, Publisher, run
from sensors_sim.stream import packets
from sensors_sim.times import MINUTE_MS, ms
from tests.harness.mosquitto import Mosquitto
from tests.harness.processes import Process, Processes, free_port, wait_until

RIDGEWATCH = Path(sys.executable).with_name("ridgewatch")
BEGINS_MS = ms("2022-03-21T00:00:00Z")


@dataclass(frozen=True)
class Story:
    """What is published: a registry, packets in order of arrival, and how often to kill."""

    registry: dict[str, Any]
    packets: tuple[Packet, ...]
    begins_ms: int
    step_ms: int  # below five minutes: readings further ahead of the clock are questionable
    kills: int
    steps: tuple[str, ...]  # what its alerts must have gone through, or it shows nothing

    @property
    def until_ms(self) -> int:
        return self.packets[-1].at_ms + self.step_ms

    @property
    def readings(self) -> list[tuple[str, str, int]]:
        """Return (device, channel, at_ms) of all that is sent, in order."""
        return [one for packet in self.packets for one in _readings(packet)]


def _readings(packet: Packet) -> Iterator[tuple[str, str, int]]:
    pack = json.loads(packet.payload)
    device, at_ms = pack[0]["bn"].rstrip(":"), round(pack[0]["bt"] * 1000)
    for record in pack:
        yield device, record["n"], at_ms


def small_story(minutes: int = 200) -> Story:
    """Five nodes with a crack, a gauge and a thermometer each, once a minute: 3,000 readings."""
    random, sent = Random(7), []
    for minute in range(1, minutes + 1):
        at_ms = BEGINS_MS + minute * MINUTE_MS
        for node in range(5):
            records = [
                ("crack", "mm", _width(minute, node) + round(random.uniform(-0.01, 0.01), 3)),
                ("rain", "mm", round(100 + 0.2 * (minute // (2 + node)), 1)),
                ("temperature", "Cel", round(random.uniform(4, 9), 2)),
            ]
            topic, device = senml.topic("hill", f"node-{node}"), f"node-{node}"
            # To the millisecond and each its own, as real clocks are.
            read_ms = at_ms - 30_000 + node * 1_001
            sent.append(Packet(at_ms, topic, senml.pack(device, read_ms, records)))
    steps = ("raised", "escalated", "cleared")
    return Story(_small_registry(), tuple(sent), BEGINS_MS, 4 * MINUTE_MS, 3, steps)


def _width(minute: int, node: int) -> float:
    """Open, open further, close, and all again: raised, escalated, cleared, twice per crack."""
    phase = (minute + 7 * node) % 100
    return 0.2 if phase < 30 else 1.4 if phase < 50 else 2.6 if phase < 70 else 0.3


def _small_registry() -> dict[str, Any]:
    quantities = {"crack": "crack_width", "rain": "rain_total", "temperature": "temperature"}
    sensors = [
        {
            "code": f"{channel[0].upper()}-{node}",
            "quantity": quantity,
            "unit": "degC" if channel == "temperature" else "mm",
            "interval_s": 900,
            "serves": ["hill"],
            "source": {"device": f"node-{node}", "channel": channel},
        }
        for node in range(5)
        for channel, quantity in quantities.items()
    ]
    wide = {"code": "WIDE", "kind": "threshold", "deadband": 0.2, "on_delay": "2 samples"}
    wide |= {"where": {"quantity": "crack_width", "sites": None, "sensors": None}}
    wide["levels"] = [
        {"severity": "medium", "raise_at": 1.0},
        {"severity": "high", "raise_at": 2.0},
    ]
    wet = {"code": "WET", "kind": "accumulation"}
    wet |= {"where": {"quantity": "rain_total", "sites": None, "sensors": None}}
    wet["levels"] = [{"severity": "low", "window": "1h", "raise_at": 5}]
    both = {"code": "BOTH", "kind": "combination", "over": "zone", "within": "1h"}
    both |= {"severity": "critical", "all": [{"rule": "WIDE", "level": "high"}, {"rule": "WET"}]}
    name = {"zh": "山寺", "en": "Hill Temple"}
    site = {"code": "hill", "name": name, "timezone": "Asia/Shanghai", "sensors": sensors}
    site["buildings"] = [{"code": "hall", "name": {"zh": "殿", "en": "hall"}}]
    site["zones"] = [{"code": "all", "name": {"zh": "全部", "en": "all"}, "buildings": ["hall"]}]
    return {"sites": [site], "rules": [wide, wet, both]}


def full_story(readings: int = 20_000) -> Story:
    """The demo's three sites from the wet morning on, the collapse among it."""
    demo, sent, count = scenario("demo"), [], 0
    for packet in packets(demo, seed=1):
        if packet.event is None:
            sent.append(packet)
            count += sum(1 for _ in _readings(packet))
        if count >= readings:
            break
    steps = ("raised", "escalated")  # the off-delays of a real week end after it
    return Story(demo.registry, tuple(sent), demo.begins_ms, 4 * MINUTE_MS, 20, steps)


class Pace:
    """As fast as it goes: the next step when the ingester has committed the one before."""

    def __init__(self, store: Store, story: Story) -> None:
        self.store, self.story, self.at_ms = store, story, story.begins_ms

    def next_step(self) -> int | None:
        """Return up to when to publish next; None at the end."""
        wait_until(self._is_committed, "the clock follows the data", within_s=60, every_s=0.002)
        if self.at_ms >= self.story.until_ms:
            return None
        self.at_ms += self.story.step_ms
        return self.at_ms

    def _is_committed(self) -> bool:
        with self.store.reading() as session:
            return to_ms(led_clock(session).site_at) >= self.at_ms


@dataclass
class Installation:
    """An instance with its own database, fed through the receiver or through a broker."""

    story: Story
    store: Store
    processes: Processes
    broker: Mosquitto | None = None
    port: int = field(default_factory=free_port)
    sent: int = 0

    def __post_init__(self) -> None:
        with self.store.writing() as session:
            lead(session, from_ms(self.story.begins_ms), None, 1.0)
            load(
                session,
                self.story.registry,
                by=machine("system"),
                now=from_ms(self.story.begins_ms),
            )

    def start(self) -> Process:
        """Start the ingester; the publisher finds it by itself."""
        env = {
            "RIDGEWATCH_DATA_DIR": str(self.store.data_dir),
            "RIDGEWATCH_DATABASE_URL": self.store.url,
        }
        if self.broker is None:
            env["RIDGEWATCH_MQTT_LISTEN"] = f"127.0.0.1:{self.port}"
        else:
            env["RIDGEWATCH_MQTT_URL"] = self.broker.url
        return self.processes.start("ingest", RIDGEWATCH, "ingest", env=env)

    def publish(self, publisher: Publisher) -> None:
        """Publish the whole story; returns when all of it is acknowledged and committed."""
        run(publisher, Ahead(self._counted()), Pace(self.store, self.story))

    def _counted(self) -> Iterator[Packet]:
        """Count what has been handed over: the next packet is asked for after that."""
        ahead = 2  # `Ahead` looks one further
        for number, packet in enumerate(self.story.packets):
            self.sent = max(0, number + 1 - ahead)
            yield packet

    def run(self, kills: int, seed: int = 1) -> None:
        """Publish all, killing the ingester at random moments on the way."""
        ingester = self.start()
        if self.broker is not None:  # what comes before the subscription is nobody's
            ingester.wait_for_text("role=ingest")
        url = f"mqtt://127.0.0.1:{self.port}" if self.broker is None else self.broker.url
        publisher, random = Publisher(url), Random(seed)
        publishing = Thread(target=self.publish, args=(publisher,))
        publishing.start()
        for moment in sorted(random.sample(range(1, len(self.story.packets) - 20), kills)):
            wait_until(lambda at=moment: self.sent >= at, "sent", within_s=300, every_s=0.001)
            time.sleep(random.uniform(0, 0.03))
            ingester.kill()
            self._nothing_acknowledged_is_lost(publisher)
            ingester = self.start()
        publishing.join()
        publisher.close()
        assert ingester.stop() == 0

    def _nothing_acknowledged_is_lost(self, publisher: Publisher) -> None:
        """With the ingester dead: what it has acknowledged stands in the database."""
        if self.broker is not None:  # what a broker acknowledges says nothing about us
            return
        # Acknowledged in the order of sending; `sent` is never more than was handed over.
        acknowledged = self.sent - publisher.outstanding
        promised = {
            one
            for packet in self.story.packets[: max(0, acknowledged)]
            for one in _readings(packet)
        }
        assert promised <= set(stored(self.store))


def stored(store: Store) -> list[tuple[str, str, int]]:
    """Return (device, channel, at_ms) of all readings, bound or waiting to be claimed."""
    with store.reading() as session:
        places = {
            sensor.key: (sensor.epochs[-1].device, sensor.epochs[-1].channel)
            for sensor in session.scalars(select(Sensor))
        }
        rows = session.execute(select(Reading.sensor, Reading.at_ms))
        found = [(*places[key], at_ms) for key, at_ms in rows]
        waiting = select(WaitingReading.device, WaitingReading.channel, WaitingReading.at_ms)
        return found + [tuple(row) for row in session.execute(waiting)]


@dataclass(frozen=True)
class Record:
    """What a run leaves behind, without what says only when a process did it."""

    readings: list[Any]
    rollups: list[Any]
    rain: list[Any]
    alerts: list[Any]
    pages: list[str]

    @classmethod
    def of(cls, store: Store) -> "Record":
        """Read it; the same for SQLite and PostgreSQL."""
        with store.reading() as session:
            return cls(
                _all(session, Reading.sensor, Reading.at_ms, Reading.value, Reading.quality),
                _all(session, Rollup.sensor, Rollup.span_s, Rollup.end_ms, Rollup.value),
                _all(session, RainEpisode.began_ms, RainEpisode.last_rain_ms),
                _alerts(session),
                sorted(session.scalars(select(Notice.key))),
            )


def _all(session: Any, *columns: Any) -> list[Any]:
    return sorted((tuple(row) for row in session.execute(select(*columns))), key=repr)


def _alerts(session: Any) -> list[Any]:
    """Return (rule, version, subject, to, level, observed_at) of every step; silence excepted."""
    found = session.execute(select(Alert.rule_code, Alert.rule_version).distinct())
    versions = {code: version for code, version in found}
    return sorted(
        (row["rule"], versions[row["rule"]], *(row[name] for name in _TOLD))
        for row in happenings(session)
        if row["kind"] == "alert" and row["to"] not in ("unknown", "known")
    )


_TOLD = ("subject", "to", "severity", "observed_at")
