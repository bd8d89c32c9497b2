"""The registry as the pipeline sees it: who a channel was and is, and what is in memory once."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from random import Random

import pytest
from sqlalchemy import select

from ingest.bindings import FOR_EVER_MS, Bindings
from models.people import machine
from models.registry import Site
from models.registry_file.load import load
from models.sensor import Epoch, Sensor
from models.store import Store
from models.times import to_ms
from tests.ingest.house import NOW, registry

HOUR = timedelta(hours=1)
# (hours since NOW at which it began, or None for never, device, channel, kind)
Past = Sequence[tuple[float, str | None, str | None, str]]


def loaded(store: Store) -> Bindings:
    with store.reading() as session:
        return Bindings.load(session, 1)


def settle(store: Store, pasts: Mapping[str, Past]) -> dict[str, int]:
    """Write sensors with these pasts down; each epoch lasts until the next. Return their keys."""
    with store.writing() as session:
        site = Site(code="hill", name={"zh": "山", "en": "Hill"})
        session.add(site)
        session.flush()
        for key, (code, past) in enumerate(pasts.items(), 1):
            sensor = Sensor(key=key, site_id=site.id, code=code, quantity="crack_width", unit="mm")
            sensor.retired_at = NOW if past and past[-1][3] == "retired" else None
            ends: list[datetime | None] = [NOW + hours * HOUR for hours, *_ in past[1:]]
            for (hours, device, channel, kind), until in zip(past, [*ends, None], strict=False):
                since = NOW + hours * HOUR
                sensor.epochs.append(
                    Epoch(kind=kind, since=since, until=until, device=device, channel=channel)
                )
            session.add(sensor)
    return {code: key for key, code in enumerate(pasts, 1)}


def plainly(store: Store, device: str, channel: str, at_ms: int) -> int | None:
    """Return who a channel was, by looking at every epoch."""
    every = select(Sensor.key, Epoch).join(Epoch.sensor).order_by(Sensor.key, Epoch.since, Epoch.id)
    with store.reading() as session:
        for key, epoch in session.execute(every):
            until_ms = FOR_EVER_MS if epoch.until is None else to_ms(epoch.until)
            there = (epoch.device, epoch.channel or "") == (device, channel)
            if there and epoch.kind != "retired" and to_ms(epoch.since) < at_ms <= until_ms:
                return key
    return None


def test_a_channel_is_its_sensor_from_the_first_epoch_on(store):
    keys = settle(store, {"C-01": [(0, "node", "a", "install"), (5, "node", "a", "re-zero")]})

    bindings = loaded(store)

    at_ms = to_ms(NOW)
    assert bindings.sensor_of("node", "a", at_ms) is None
    assert bindings.sensor_of("node", "a", at_ms + 1) == keys["C-01"]
    assert bindings.sensor_of("node", "a", at_ms + 9 * 3_600_000) == keys["C-01"]
    assert bindings.sensor_of("node", "b", at_ms + 1) is None
    assert bindings.sensor_of("other", "a", at_ms + 1) is None


def test_a_channel_that_passes_to_another_sensor_was_the_first_until_then(store):
    keys = settle(
        store,
        {
            "C-01": [(0, "node", "a", "install"), (4, "new", None, "move")],
            "C-02": [(4, "node", "a", "install")],
            "C-03": [(0, "node", "b", "install"), (6, "node", "b", "retired")],
        },
    )

    bindings = loaded(store)

    four_ms = to_ms(NOW + 4 * HOUR)
    assert bindings.sensor_of("node", "a", four_ms) == keys["C-01"]
    assert bindings.sensor_of("node", "a", four_ms + 1) == keys["C-02"]
    assert bindings.sensor_of("new", "", four_ms + 1) == keys["C-01"]
    assert bindings.by_device["node"] == [keys["C-02"]]
    assert bindings.by_device.get("new") == [keys["C-01"]]
    assert bindings.by_device.get("nobody", ()) == ()
    assert sorted((device, *bound_of) for device, *bound_of in spelled(bindings)) == [
        ("new", four_ms, FOR_EVER_MS, keys["C-01"]),
        ("node", to_ms(NOW), four_ms, keys["C-01"]),
        ("node", to_ms(NOW), to_ms(NOW + 6 * HOUR), keys["C-03"]),
        ("node", four_ms, FOR_EVER_MS, keys["C-02"]),
    ]


def spelled(bindings: Bindings) -> list[tuple[str, int, int, int]]:
    return [(device, b.since_ms, b.until_ms, b.sensor) for device, b in bindings.bounds()]


@pytest.mark.parametrize("seed", range(8))
def test_a_channel_is_whoever_its_epochs_say(store, seed):
    random, pasts = Random(seed), {}
    for number in range(8):
        hours = sorted(random.sample(range(12), random.randint(0, 4)))
        pasts[f"C-{number:02d}"] = [
            (
                hour,
                random.choice(["x", "y", None]),
                random.choice(["a", "b", None]),
                random.choice(["install", "move", "re-zero", "maintain", "retired"]),
            )
            for hour in hours
        ]
    settle(store, pasts)

    bindings = loaded(store)

    for device in ("x", "y"):
        for channel in ("a", "b", ""):
            for half in range(-1, 26):
                at_ms = to_ms(NOW + half * HOUR / 2)
                assert bindings.sensor_of(device, channel, at_ms) == plainly(
                    store, device, channel, at_ms
                ), (device, channel, half)


def test_a_sensor_without_an_epoch_is_known_and_nowhere(store):
    keys = settle(store, {"C-01": []})

    bindings = loaded(store)

    facts = bindings.sensors[keys["C-01"]]
    assert (facts.stretches, facts.attended_ms, facts.stretch_at(to_ms(NOW))) == ((), 0, None)
    assert list(bindings.by_device) == []


def test_somebody_was_last_at_a_sensor_when_it_was_mended_not_when_it_was_calibrated(store):
    past = [(0, "n", "a", "install"), (2, "n", "a", "maintain"), (3, "n", "a", "calibrate")]
    keys = settle(store, {"C-01": past})

    facts = loaded(store).sensors[keys["C-01"]]

    assert facts.attended_ms == to_ms(NOW + 2 * HOUR)


def test_a_subject_is_made_of_what_the_registry_says(store):
    with store.writing() as session:
        load(session, registry(), by=machine("system"), now=NOW)

    with store.reading() as session:
        sensor = session.scalars(select(Sensor).where(Sensor.code == "C-01")).one()
        facts = Bindings.load(session, 1).sensors[sensor.key]
        assert facts.id == sensor.id
        assert facts.subject.text == sensor.subject
        assert facts.subject.site_id == facts.site_id == sensor.site_id
        assert facts.subject.sensor_id == sensor.id
        assert facts.subject.element_id == sensor.element_id is not None
        assert facts.subject.site_code == facts.site_code == "hill"
        assert facts.timezone == "Asia/Shanghai"
        assert (facts.quantity, facts.unit, facts.interval_ms) == ("crack_width", "mm", 900_000)


def test_what_sensors_have_alike_is_in_memory_once(store):
    past = [(0, "node", None, "install"), (5, "node", None, "re-zero")]
    pasts = {
        f"C-{number:02d}": [(*one[:2], f"c{number}", one[3]) for one in past] for number in range(9)
    }
    settle(store, pasts)

    sensors = loaded(store).sensors.values()

    assert len({id(facts.alike) for facts in sensors}) == 1
    assert len({id(facts.stretches) for facts in sensors}) == 1


def test_a_sensor_of_a_quantity_that_another_version_knew_stops_nobody(store):
    keys = settle(store, {"A": [(-1, "n", "a", "install")], "B": [(-1, "n", "b", "install")]})
    with store.writing() as session:
        session.get_one(
            Sensor, session.scalar(select(Sensor.id).where(Sensor.code == "A"))
        ).quantity = "of_tomorrow"
    sensors = loaded(store).sensors
    assert sensors[keys["A"]].alike.canonical_unit == ""
    assert sensors[keys["B"]].alike.canonical_unit == "mm"
