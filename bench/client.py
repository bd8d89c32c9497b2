"""A client that is not ours and not written in Python: mqtt of npm, over a kill of the receiver.

It publishes at QoS 0, 1 and, as MQTT 3.1.1, 2; the receiver is killed with -9 half-way and started
again; the client comes back by itself and goes on. What its publisher was told is done must be in
the database, once. (MQTT 5 is told that the receiver takes QoS 1 at most.)
"""

import json
import time
from collections.abc import Iterator
from typing import Any

from sqlalchemy import func, select

from bench.figures import Figure
from bench.installation import Installation, ingester, tables
from bench.options import Options
from bench.peers.node_red import PINS, installed

MESSAGES, WITHIN_S = 1000, 60
SIZE = (1, 3, 3)  # one device with a channel for each QoS
TRIED = ((4, 0), (4, 1), (4, 2), (5, 0), (5, 1))
NAMES = {4: "MQTT 3.1.1", 5: "MQTT 5"}


def measure(options: Options) -> Iterator[Figure]:
    """Yield, for each version and QoS, what the publisher was told and what is stored."""
    for version, qos in TRIED:
        with ingester(*SIZE) as installation:
            said = _publish(installation, version, qos)
            time.sleep(1)  # nobody is told when QoS 0 is stored
            stored = _stored(installation, qos + 1)
        print(f"  {NAMES[version]}, QoS {qos}: {said}, stored {stored}")
        name = f"mqtt of npm, {NAMES[version]}, QoS {qos}"
        if qos == 0:
            # What was on its way when the receiver died is gone, and nobody was promised it.
            yield Figure(f"{name}: stored of {MESSAGES} over a kill", stored, "")
            continue
        yield Figure(f"{name}: told that it is done", said["done"], "", at_least=MESSAGES)
        yield Figure(f"{name}: of these not stored", said["done"] - stored, "", at_most=0)


def _publish(installation: Installation, version: int, qos: int) -> dict[str, Any]:
    """Run the client, kill the receiver when it is half-way, and return what it printed."""
    client = installation.processes.start(
        "npm",
        *("node", PINS / "client.js", str(installation.port)),
        *(str(version), str(qos), str(MESSAGES)),
        env={"NODE_PATH": str(installed() / "node_modules")},
    )
    client.wait_until(lambda: client.stdout, "is half-way, or was refused", WITHIN_S)
    if client.stdout.startswith("half"):
        assert installation.process is not None
        installation.process.kill()
        installation.start()
    client.wait(WITHIN_S)
    said: dict[str, Any] = json.loads(client.stdout.splitlines()[-1])
    return said


def _stored(installation: Installation, sensor: int) -> int:
    with installation.store.reading() as session:
        return sum(
            session.scalar(select(func.count()).where(table.c.sensor == sensor)) or 0
            for table in tables()
        )
