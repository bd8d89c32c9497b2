"""A broker that forgets our session is an alert on the desk: what came meanwhile may be lost."""

from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import select

from models.alert import Alert
from models.store import Store
from tests.harness.mosquitto import Mosquitto
from tests.harness.processes import Processes
from tests.ingest.publisher import eventually
from tests.roles import House
from tests.webapp.cast import Cast

CLIENT = "ridgewatch-ingest"
SAID = "The broker has forgotten our session"


@pytest.fixture
def house(sqlite_store: Store, processes: Processes, mosquitto: Mosquitto) -> House:
    return House(sqlite_store, processes, more={"RIDGEWATCH_MQTT_URL": mosquitto.url})


def alerts(store: Store) -> list[Alert]:
    with store.reading() as session:
        return list(session.scalars(select(Alert).where(Alert.rule_code == "SYSTEM-SESSION")))


def forget_session(broker: Mosquitto) -> None:
    """Do what an administrator of the broker does: delete the session."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=CLIENT, protocol=mqtt.MQTTv5)
    client.connect("127.0.0.1", broker.port, clean_start=True)
    client.loop_start()
    assert eventually(client.is_connected)
    client.disconnect()
    client.loop_stop()


def test_a_deleted_session_is_on_the_desk_until_somebody_acknowledges_it(
    house: House, mosquitto: Mosquitto, cast: Cast
) -> None:
    ingester = house.start("ingest")
    ingester.wait_for_text("session=0")  # the first time there was none to lose
    ingester.wait_for_text("role=ingest")
    assert ingester.stop() == 0
    assert alerts(house.store) == []
    forget_session(mosquitto)

    house.start("ingest").wait_until(lambda: alerts(house.store), "told")

    duty: Any = cast.signed_in("duty")
    desk = duty.get("/?lang=en").text
    assert SAID in desk and CLIENT in desk
    (alert,) = alerts(house.store)
    assert (alert.subject, alert.severity) == ("system:ingest", "high")
    assert not alert.active and not alert.acknowledged
    assert duty.post(f"/alerts/{alert.code}/acknowledge").status_code == 303
    (alert,) = alerts(house.store)
    assert alert.acknowledged and SAID not in duty.get("/?lang=en").text


def test_a_broker_that_comes_back_empty_is_told_while_the_ingester_runs(
    sqlite_store: Store, processes: Processes, start_mosquitto: Callable[..., Mosquitto]
) -> None:
    broker = start_mosquitto("persistence false")
    house = House(sqlite_store, processes, more={"RIDGEWATCH_MQTT_URL": broker.url})
    house.start("ingest").wait_for_text("role=ingest")

    broker.kill()
    broker.start()

    assert eventually(lambda: alerts(house.store), within_s=60)
