"""A claim from the page to the chart, with a running ingester; on SQLite and on PostgreSQL."""

import json
import time

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import func, select

from ingest.moving import close_hours
from models.clock import machine_now
from models.reading import Channel, Rollup, SensorState, WaitingReading
from models.registry import Site
from models.sensor import Sensor
from models.store import Store
from tests.harness.processes import Processes, wait_until
from tests.readings import readings_of
from tests.roles import House
from tests.webapp.cast import Cast

HOURS = 30


@pytest.fixture
def house(cast_everywhere: Cast, processes: Processes) -> House:
    return House(cast_everywhere.store, processes)


def publish(port: int, payloads: list[str]) -> None:
    """Publish at QoS 1 and wait for every acknowledgement: then all is stored."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="stray", protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for payload in payloads:
        client.publish("ridgewatch/tianning/stray-1/senml", payload, qos=1).wait_for_publish(30)
    client.disconnect()
    client.loop_stop()


def pack(value: float, at_s: float) -> str:
    return json.dumps([{"bn": "stray-1:", "bt": at_s, "n": "crack", "u": "cm", "v": value}])


def sensor_of(store: Store) -> Sensor | None:
    with store.reading() as session:
        return session.scalars(select(Sensor)).first()


def count(store: Store, table) -> int:
    with store.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def stored(store: Store) -> int:
    with store.reading() as session:
        return len(readings_of(session))


def test_one_click_makes_the_sensor_and_brings_its_past(house: House, cast_everywhere: Cast):
    store, began_s = cast_everywhere.store, time.time()
    house.start("ingest").wait_for_port(house.mqtt_port)
    publish(
        house.mqtt_port,
        [pack(0.1 + hour / 100, began_s - (HOURS - hour) * 3600) for hour in range(HOURS)],
    )
    assert count(store, WaitingReading) == HOURS

    engineer = cast_everywhere.signed_in("engineer")
    page = engineer.get("/channels/?lang=en").text
    assert "Claim as new sensor C-01" in page
    proposal = {
        "device": "stray-1", "channel": "crack", "sensor": "", "site": "tianning",
        "code": "C-01", "quantity": "crack_width", "unit": "mm", "interval_s": "3600",
    }  # fmt: skip
    assert engineer.post("/channels/claim", proposal).status_code == 303

    wait_until(lambda: stored(store) == HOURS, "the past is loaded")
    wait_until(lambda: count(store, WaitingReading) == 0, "nothing waits")
    publish(house.mqtt_port, [pack(0.5, time.time())])
    wait_until(lambda: stored(store) == HOURS + 1, "the next is the sensor's own")
    sensor = sensor_of(store)
    assert sensor is not None and (sensor.code, sensor.interval_s) == ("C-01", 3600)
    with store.reading() as session:
        assert session.get_one(SensorState, sensor.key).value == 5.0
        assert readings_of(session)[0].value == 1.0
        assert session.get_one(Channel, ("stray-1", "crack")).claimed
        assert session.get_one(Site, sensor.site_id).code == "tianning"
    close_hours(store, machine_now())
    assert count(store, Rollup) >= HOURS - 1
    chart = engineer.get("/sensors/tianning/C-01").text
    assert "C-01" in chart
