"""Sample and hostile messages through the real pipeline: what the database holds afterwards."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from ingest.formats.decode import BY_NAME
from ingest.formats.decoded import Decoded, Measurement
from ingest.inbox import Inbox
from ingest.worker import Worker
from models.people import machine
from models.reading import (
    Channel,
    FormatFact,
    Quarantined,
    ReadingHour,
    RecentReading,
    Rollup,
    SensorState,
    WaitingReading,
)
from models.reasons import Reason
from models.registry_file.load import load
from models.sensor import Sensor
from models.store import Store
from models.stored import everything
from models.times import from_ms
from models.units import QUANTITIES
from tests.ingest.formats.sidecars import (
    SAMPLES,
    Sample,
    complaints,
    decoded_in_order,
    samples_in,
)
from tests.ingest.house import senml
from tests.ingest.test_hostile_pipeline import take
from tests.readings import readings_of

MESSAGES = (
    RecentReading,
    ReadingHour,
    Rollup,
    SensorState,
    WaitingReading,
    Quarantined,
    Channel,
    FormatFact,
)
LONG_AGO_MS = 946_684_800_000
GOOD = ("good-node", "crack")


@dataclass
class Bench:
    """A database in which every channel of some samples is a sensor's.

    A channel that tells now this quantity and now that is no sensor; its readings wait.
    """

    store: Store
    samples: list[Sample]
    quantities: dict[tuple[str, str], str | None] = field(default_factory=dict)
    told: dict[tuple[str, str, int], str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for _, outcome in decoded_in_order(self.samples):
            for one in outcome.measurements:
                place = one.device, one.channel
                self.told[*place, one.at_ms] = one.quantity
                if self.quantities.setdefault(place, one.quantity) != one.quantity:
                    self.quantities[place] = None
        self.quantities[GOOD] = "crack_width"
        with self.store.writing() as session:
            load(session, self._registry(), by=machine("system"), now=from_ms(LONG_AGO_MS))

    def _registry(self) -> dict[str, Any]:
        sensors = [
            {
                "code": f"S-{number}",
                "quantity": quantity,
                "unit": QUANTITIES[quantity].unit,
                "interval_s": 900,
                "source": {"device": device, "channel": channel},
            }
            for number, ((device, channel), quantity) in enumerate(self.quantities.items())
            if quantity is not None
        ]
        name = {"zh": "试验台", "en": "bench"}
        site = {"code": "bench", "name": name, "timezone": "UTC", "sensors": sensors}
        return {"sites": [site], "rules": []}

    def sets(self) -> Iterator[list[Sample]]:
        """Yield the samples that belong together; most stand alone."""
        for _, together in groupby(self.samples, key=_set_of):
            yield list(together)

    def clear(self) -> Worker:
        """Forget all messages; return a worker that has seen none."""
        with self.store.writing() as session:
            for table in MESSAGES:
                session.execute(delete(table))
        return Worker(self.store, Inbox(1), {})

    def feed(self, sample: Sample, worker: Worker) -> Decoded:
        """Have a worker take a sample; return what the database holds more than before."""
        before = self._held()
        assert take(self.store, sample.message, worker=worker) == [1]
        after = self._held()
        refused = [reason for number, reason in after[1].items() if number not in before[1]]
        readings = tuple(one for key, one in after[0].items() if key not in before[0])
        believed = [one for one in readings if one.value is not None]
        if refused:
            outcome, why = ("partial" if believed else "quarantine"), Reason.from_json(refused[0])
        else:
            # Why nothing is read from a message in order is not kept: the sidecar's word for it.
            word = (sample.meta["expected"]["reason"] or "no-measurement").replace("-", "_")
            outcome, why = (
                ("accept", None) if readings else ("ignore", Reason(f"ignored.{word}", {}))
            )
        return Decoded(outcome, why, readings)

    def _held(self) -> tuple[dict[Any, Measurement], dict[int, Any]]:
        with self.store.reading() as session:
            refused = session.execute(select(Quarantined.id, Quarantined.reason))
            return dict(self._readings(session)), {number: reason for number, reason in refused}

    def _readings(self, session: Any) -> Iterator[tuple[Any, Measurement]]:
        places = {
            sensor.key: (sensor.epochs[-1].device, sensor.epochs[-1].channel, sensor.quantity)
            for sensor in session.scalars(select(Sensor))
        }
        for key, (at_ms, value, quality, _, _) in everything(session):
            device, channel, quantity = places[key]
            unit = QUANTITIES[quantity].unit
            if quality <= 3:
                yield (key, at_ms), _measured(device, channel, quantity, value, unit, at_ms)
        for one in session.scalars(select(WaitingReading)):
            place = one.device, one.channel, one.at_ms
            quantity = self.told.get(place)  # a channel keeps only the last that it told
            yield place, _measured(*place[:2], quantity, one.value, one.unit, one.at_ms)


def _measured(
    device: str, channel: str, quantity: str | None, value: Any, unit: Any, at_ms: int
) -> Measurement:
    return Measurement(device, channel, quantity, value, unit, at_ms, value, unit, "device")


def _set_of(sample: Sample) -> str:
    return (sample.meta.get("sequence") or {"set": sample.id})["set"]


def wrong_in(store: Store, samples: Iterable[Sample]) -> dict[str, list[str]]:
    """Return what differs from the sidecars once each set has gone through the pipeline."""
    bench = Bench(store, list(samples))
    found = {}
    for together in bench.sets():
        worker = bench.clear()
        for sample in together:
            found[sample.id] = complaints(sample, bench.feed(sample, worker))
    return {name: faults for name, faults in found.items() if faults}


def false_in(store: Store, samples: list[Sample]) -> dict[str, list[str]]:
    """Have one worker take all of them in numeric order; the next good message is always stored.

    Some of them tell of the same uplink, and only the first counts: false is what none tells.
    """
    bench = Bench(store, samples)
    worker, found = bench.clear(), {}
    for number, sample in enumerate(samples):
        faults = complaints(sample, bench.feed(sample, worker))
        found[sample.id] = [fault for fault in faults if fault.startswith("false")]
        received_ms, value = sample.message.received_ms, 0.1 + number / 1000
        good = senml(*GOOD, value, from_ms(received_ms - number), from_ms(received_ms))
        assert take(store, good, worker=worker) == [1]
        with store.reading() as session:
            assert value in {one.value for one in readings_of(session)}, sample.id
    return {name: faults for name, faults in found.items() if faults}


def known(folder: Path) -> list[Sample]:
    """Return the samples of all formats that we know, format after format."""
    folders = [path for path in sorted(folder.iterdir()) if path.name in BY_NAME]
    return [sample for path in folders for sample in samples_in(path)]


def test_every_sample_leaves_the_readings_of_its_sidecar(store: Store) -> None:
    assert wrong_in(store, known(SAMPLES)) == {}


def test_every_hostile_sample_leaves_nothing_false_and_stops_nothing(store: Store) -> None:
    assert wrong_in(store, samples_in(SAMPLES / "bad")) == {}
    assert false_in(store, samples_in(SAMPLES / "bad")) == {}


@pytest.mark.long
def test_every_message_of_the_corpus_leaves_the_readings_of_its_sidecar(
    corpus: Path, store: Store
) -> None:
    assert wrong_in(store, known(corpus / "payloads" / "messages")) == {}


@pytest.mark.long
def test_every_hostile_message_of_the_corpus_leaves_nothing_false_and_stops_nothing(
    corpus: Path, store: Store
) -> None:
    assert wrong_in(store, samples_in(corpus / "payloads" / "bad")) == {}
    assert false_in(store, samples_in(corpus / "payloads" / "bad")) == {}
