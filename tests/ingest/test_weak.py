"""A nearly empty battery makes its device's readings questionable; strangers' fill no memory."""

from datetime import timedelta

from ingest.message import Message
from models.store import Store
from models.units import GOOD, QUESTIONABLE
from tests.ingest.house import CRACK_RULE, NOW, House, crack, registry, senml

HOUR = timedelta(hours=1)


def battery(percent: float, hours: int, device: str = "node-1") -> Message:
    return senml(device, "battery", percent, NOW + hours * HOUR, unit="%EL")


def qualities(house: House) -> list[int]:
    return [quality for _, _, quality in house.readings()]


def test_what_a_nearly_empty_device_measures_is_questionable_until_it_is_charged(
    store: Store,
) -> None:
    house = House(store)

    house.feed(crack(0.1), battery(9, 1), crack(0.1, NOW + HOUR))
    house.feed(battery(80, 2), crack(0.1, NOW + 2 * HOUR))

    assert qualities(house) == [GOOD, QUESTIONABLE, GOOD]


def test_it_outlives_a_restart(store: Store) -> None:
    House(store).feed(battery(9, 0))
    house = House(store)

    house.feed(crack(0.1, NOW + HOUR))

    assert qualities(house) == [QUESTIONABLE]


def test_a_device_that_is_registered_later_is_known_to_be_nearly_empty(store: Store) -> None:
    house = House(store)
    house.feed(battery(9, 0, "node-9"))
    document = registry([CRACK_RULE])
    document["sites"][0]["buildings"][0]["sensors"][0]["source"]["device"] = "node-9"
    house.load(document, NOW)

    house.feed(senml("node-9", "crack", 0.1, NOW + HOUR))

    assert qualities(house) == [QUESTIONABLE]


def test_what_a_charged_device_said_last_counts_when_the_registry_changes(store: Store) -> None:
    document = registry([CRACK_RULE])
    level = {"code": "B-01", "quantity": "battery_level", "unit": "%", "interval_s": 900}
    level["source"] = {"device": "node-1", "channel": "battery"}
    document["sites"][0]["sensors"].append(level)
    house = House(store, [CRACK_RULE])
    house.load(document, NOW)
    house.feed(battery(9, 0))
    house.feed(senml("node-1", "battery", 80, NOW + timedelta(minutes=15), unit="%EL"))

    document["sites"][0]["sensors"][0]["interval_s"] = 600
    house.load(document, NOW)
    house.feed(crack(0.1, NOW + HOUR))

    assert qualities(house)[-1] == GOOD


def test_devices_that_anybody_may_invent_fill_no_memory(store: Store) -> None:
    house = House(store)

    house.feed(battery(9, 0), *(battery(9, 0, f"made-up-{number}") for number in range(30)))

    assert len(house.pipeline.weak) == 1
