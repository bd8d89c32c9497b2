"""The ingester is killed while sensors speak: nothing acknowledged is lost, nothing doubled.

What an undisturbed run leaves in the database is what the killed one must leave: readings, hours,
rain, alerts (silence excepted) and pages.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from models.store import Store
from sensors_sim import connection
from tests.harness.mosquitto import Mosquitto
from tests.harness.processes import Processes
from tests.killing import Installation, Record, Story, full_story, small_story, stored


@pytest.fixture(autouse=True)
def quick_reconnects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "FIRST_PAUSE_S", 0.1)
    monkeypatch.setattr(connection, "LONGEST_PAUSE_S", 0.2)


@pytest.fixture(scope="module")
def undisturbed(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Story], Record]]:
    """What a story leaves where nobody is killed; told once for all tests."""
    known: dict[int, Record] = {}

    def record(story: Story) -> Record:
        if len(story.packets) not in known:
            folder = tmp_path_factory.mktemp("undisturbed")
            shutil.copyfile(sqlite_template, folder / "ridgewatch.db")
            store = Store(f"sqlite+pysqlite:///{folder}/ridgewatch.db", folder)
            processes = Processes(folder)
            try:
                Installation(story, store, processes).run(kills=0)
                known[len(story.packets)] = Record.of(store)
            finally:
                processes.end_all()
                store.close()
        return known[len(story.packets)]

    return record


def prove(installation: Installation, expected: Record) -> None:
    """Kill as often as the story says, and compare with what an undisturbed run leaves."""
    story, store = installation.story, installation.store
    installation.run(story.kills)

    attempted, kept = story.readings, stored(store)
    assert [one for one, times in Counter(kept).items() if times > 1] == []
    assert set(kept) == set(attempted)
    found = Record.of(store)
    assert found.alerts == expected.alerts
    assert found == expected
    assert {step for *_, step, _, _ in found.alerts} >= set(story.steps)
    assert found.pages
    assert_sound(store)


def assert_sound(store: Store) -> None:
    """The file itself is whole; PostgreSQL sees to that by its own log."""
    if store.is_sqlite:
        with store.reading() as session:
            assert session.scalar(text("PRAGMA integrity_check")) == "ok"


def test_a_killed_receiver_loses_and_doubles_nothing(
    sqlite_store: Store, processes: Processes, undisturbed: Callable[[Story], Record]
) -> None:
    story = small_story()

    prove(Installation(story, sqlite_store, processes), undisturbed(story))


def test_a_killed_subscriber_loses_and_doubles_nothing(
    sqlite_store: Store,
    processes: Processes,
    mosquitto: Mosquitto,
    undisturbed: Callable[[Story], Record],
) -> None:
    story = small_story()

    prove(Installation(story, sqlite_store, processes, mosquitto), undisturbed(story))


@pytest.mark.long
def test_twenty_kills_of_the_receiver_in_twenty_thousand_readings(
    store: Store, processes: Processes, undisturbed: Callable[[Story], Record]
) -> None:
    story = full_story()

    prove(Installation(story, store, processes), undisturbed(story))


@pytest.mark.long
def test_twenty_kills_of_the_subscriber_in_twenty_thousand_readings(
    store: Store,
    processes: Processes,
    mosquitto: Mosquitto,
    undisturbed: Callable[[Story], Record],
) -> None:
    story = full_story()

    prove(Installation(story, store, processes, mosquitto), undisturbed(story))
