"""The harness itself: what it starts answers, what it kills is dead, what it opens is checked."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.publish
import psycopg
import pytest
from playwright.sync_api import Page
from sqlalchemy import text

from models.store import Store
from tests.harness.browser import People
from tests.harness.mosquitto import Mosquitto
from tests.harness.postgres import Postgres
from tests.harness.processes import Process, Processes, answers, free_port, wait_until

_SLEEPER = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(99)"])
print("up", flush=True)
time.sleep(99)
"""


def _sleeper(processes: Processes) -> Process:
    return processes.start("sleeper", sys.executable, "-c", _SLEEPER).wait_for_text("up")


def _in_session(leader: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def test_a_stopped_process_leaves_no_children(processes: Processes) -> None:
    sleeper = _sleeper(processes)
    assert len(_in_session(sleeper.pid)) == 2

    sleeper.end()

    wait_until(lambda: not _in_session(sleeper.pid), "the children ended too")


def test_kill_is_kill_9(processes: Processes) -> None:
    sleeper = _sleeper(processes)

    sleeper.kill()

    assert sleeper.child.returncode == -signal.SIGKILL


def test_a_paused_process_can_still_be_stopped(processes: Processes) -> None:
    sleeper = _sleeper(processes)

    sleeper.pause()

    assert sleeper.stop() == -signal.SIGTERM


def test_waiting_for_a_dead_process_says_what_it_said(processes: Processes) -> None:
    script = "import sys; sys.exit('the port is taken')"
    broken = processes.start("broken", sys.executable, "-c", script)

    with pytest.raises(AssertionError, match="the port is taken"):
        broken.wait_for_port(free_port())


def test_mosquitto_keeps_a_retained_message_over_a_restart(mosquitto: Mosquitto) -> None:
    publish(mosquitto, "still here")

    mosquitto.restart()

    assert answers(mosquitto.port)
    assert _retained(mosquitto) == b"still here"


def publish(broker: Mosquitto, payload: str) -> None:
    paho.mqtt.publish.single(
        "harness", payload, qos=1, retain=True, hostname="127.0.0.1", port=broker.port
    )


def _retained(broker: Mosquitto) -> bytes:
    import paho.mqtt.subscribe

    message = paho.mqtt.subscribe.simple("harness", hostname="127.0.0.1", port=broker.port)
    return bytes(message.payload)  # type: ignore[union-attr]


def test_postgres_gives_each_test_its_own_database(postgres: Postgres) -> None:
    first, second = postgres.create(), postgres.create()

    with psycopg.connect(postgres.url(first).replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE only_here (id int)")
    with psycopg.connect(postgres.url(second).replace("+psycopg", "")) as connection:
        found = connection.execute("SELECT to_regclass('only_here')").fetchone()

    assert found == (None,)
    postgres.drop(first)
    postgres.drop(second)


def test_postgres_never_runs_as_root(postgres: Postgres) -> None:
    assert postgres.server is not None
    assert os.stat(f"/proc/{postgres.server.pid}").st_uid != 0


_GOOD = "<!doctype html><html lang=en><title>t</title><main><h1>Hall</h1>{}</main>"


def test_axe_finds_a_picture_without_words(page: Page, axe: Callable[..., list[str]]) -> None:
    page.set_content(_GOOD.format("<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>"))

    assert ["image-alt" in line for line in axe(page)] == [True]

    page.set_content(_GOOD.format("<p>closed</p>"))

    assert axe(page) == []


def test_a_script_error_is_heard(people: People) -> None:
    page = people.page()

    page.set_content(_GOOD.format("<script>nonsense()</script>"))

    wait_until(lambda: page.title() and people.complaints, "the error is heard")
    people.complaints.clear()


def test_a_store_is_fresh_and_has_the_whole_schema(store: Store) -> None:
    with store.reading() as session:
        assert session.connection().dialect.has_table(session.connection(), "event")
        assert session.scalar(text("SELECT count(*) FROM event")) == 0
