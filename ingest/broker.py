"""How we present ourselves to a broker: MQTT 5, a session without end, acknowledging by hand."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import cast

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.broker_stream import BrokerStream
from models.settings_text import Remote

KEEP_ALIVE_S = 30
RECEIVE_MAXIMUM = 8000
"""Two of the worker's batches: one is with the worker while the broker sends the next."""
FOR_EVER = 0xFFFFFFFF

# Retained messages come once, when the subscription is new, and not after each reconnect; live
# ones come without the flag, so that `retain` means "this is what was known before you asked".
SUBSCRIBE_OPTIONS = SubscribeOptions(
    qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB, retainAsPublished=False
)


class Client(mqtt.Client):
    """paho, but for the messages: `stream` is its connection, and keeps those from it."""

    stream: BrokerStream | None = None

    def _create_socket(self) -> BrokerStream:
        # The one place where paho takes a connection from (2.2); websockets wrap theirs here too.
        self.stream = BrokerStream(cast(socket.socket, super()._create_socket()))
        return self.stream


def new_client(broker: Remote, client_id: str, ca: Path | None) -> Client:
    """Return a client that does nothing by itself. `ca`: trust this file and not the system's."""
    client = Client(
        CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5, manual_ack=True
    )
    client.connect_timeout = 5
    if broker.username is not None:
        client.username_pw_set(broker.username, broker.password)
    if broker.tls:
        client.tls_set(ca_certs=str(ca) if ca else None)
    # With this set, packets are queued for our loop and not written one by one.
    client.on_socket_register_write = lambda *_: None
    return client


def connect(client: mqtt.Client, broker: Remote) -> None:
    """Go on with our session. Raises OSError while the broker cannot be reached."""
    lasting = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    lasting.SessionExpiryInterval = FOR_EVER
    lasting.ReceiveMaximum = RECEIVE_MAXIMUM
    client.connect(
        broker.host,
        broker.port,
        KEEP_ALIVE_S,
        clean_start=False,  # paho's default throws away what the broker kept for us
        properties=lasting,
    )
