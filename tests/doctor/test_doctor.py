"""Doctor finds each thing once, on an installation that really has it; a healthy one has none."""

import contextlib
import fcntl
import json
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from ingest.doctor import database
from ingest.doctor.certificate import look_at_certificate
from ingest.doctor.disk import look_at_disk
from ingest.doctor.doctor import examine, handler
from ingest.doctor.report import lines
from ingest.reserve import Reserve
from ingest.work_role import Work
from models.check_results import keep, last
from models.clock import machine_now, start_clock
from models.disk import Disk
from models.heartbeat import DEAD_AFTER, Heartbeat, beat
from models.job import Job, ask
from models.notice import Webhook
from models.people import machine
from models.settings import Settings
from models.settings_mqtt import CertificateFiles, Listener
from models.settings_text import Address, Remote
from models.share import Dealing
from models.store import Store
from tests.harness.processes import free_port
from tests.ingest.alarms import a_person
from tests.ingest.receivers import mail_server
from tests.roles import House

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def settings(sqlite_store: Store) -> Iterator[Settings]:
    """A healthy installation: made, running, with people who are told by mail."""
    store = sqlite_store
    with store.writing() as session:
        start_clock(session, None)
        for role in ("admin", "manager", "duty"):
            a_person(session, role)
        for role in ("ingest", "clock", "work", "web"):
            beat(session, role)
    store.data_dir.chmod(0o700)
    Reserve(store.data_dir, 1024 * 1024).hold()
    with mail_server() as mails:
        yield Settings(
            data_dir=store.data_dir,
            database_url=store.url,
            secret_key=SECRET,
            smtp=Remote("127.0.0.1", mails.port),
        )


def codes(settings: Settings, store: Store, config: Path | None = None) -> list[str]:
    result = examine(settings, store, config)
    for language in ("zh", "en"):  # whatever is found can be said
        assert list(lines(result, language))
    # Whether this machine asks a time service is not the installation's doing.
    found = [one["what"]["code"].removeprefix("doctor.") for one in result["findings"]]
    return [code for code in found if code != "not_synchronised"]


def test_a_healthy_installation_has_no_findings(settings: Settings, sqlite_store: Store) -> None:
    assert codes(settings, sqlite_store) == []


def test_a_postgresql_that_trades_safety_for_speed(settings: Settings, postgres_url: str) -> None:
    """The tests' own cluster does: it is thrown away."""
    store = Store(postgres_url, settings.data_dir)

    found = set(codes(replace(settings, database_url=postgres_url), store))
    store.close()

    assert "postgresql_careless" in found


def test_an_older_schema(settings: Settings, sqlite_store: Store) -> None:
    with sqlite_store.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0000'"))

    assert codes(settings, sqlite_store) == ["schema"]


def test_a_lock_that_somebody_holds(
    settings: Settings, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_WITHIN_S", 0.1)
    file = os.open(sqlite_store.data_dir / "write.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        assert codes(settings, sqlite_store) == ["lock_held"]
    finally:
        os.close(file)


def test_a_missing_reserve(settings: Settings, sqlite_store: Store) -> None:
    Reserve(sqlite_store.data_dir).let_go()

    assert codes(settings, sqlite_store) == ["no_reserve"]


def test_a_folder_that_others_may_open(settings: Settings, sqlite_store: Store) -> None:
    sqlite_store.data_dir.chmod(0o755)

    assert codes(settings, sqlite_store) == ["others_may_look"]


def test_a_made_up_time(settings: Settings, sqlite_store: Store) -> None:
    with sqlite_store.writing() as session:
        session.execute(text("UPDATE site_clock SET mode = 'led'"))

    assert codes(settings, sqlite_store) == ["made_up_time"]


def test_a_clock_that_went_back(settings: Settings, sqlite_store: Store) -> None:
    with sqlite_store.writing() as session:
        row = session.get_one(Heartbeat, "clock")
        row.beat_at = machine_now() + timedelta(hours=1)

    assert codes(settings, sqlite_store) == ["clock_went_back"]


def test_a_dead_role_and_one_that_never_ran(settings: Settings, sqlite_store: Store) -> None:
    with sqlite_store.writing() as session:
        row = session.get_one(Heartbeat, "clock")
        row.beat_at = machine_now() - DEAD_AFTER - timedelta(seconds=5)
        session.delete(session.get_one(Heartbeat, "work"))

    assert codes(settings, sqlite_store) == ["role_dead", "never_ran"]


def test_a_share_that_has_no_ingester(settings: Settings, sqlite_store: Store) -> None:
    with sqlite_store.writing() as session:
        session.add(Dealing(id=1, shares=2))
        session.get_one(Heartbeat, "ingest").beat_at = machine_now() - 2 * DEAD_AFTER
        beat(session, "ingest/1")

    assert codes(settings, sqlite_store) == ["share_dead"]


@pytest.mark.parametrize("key", ["", "short", "a" * 64])
def test_no_secret_and_weak_ones(key: str, settings: Settings, sqlite_store: Store) -> None:
    found = codes(replace(settings, secret_key=key), sqlite_store)

    assert found == ["weak_secret" if key else "no_secret"]


def test_a_receiver_in_the_open_without_keys(settings: Settings, sqlite_store: Store) -> None:
    here, everywhere = Address("127.0.0.1", 1883), Address("0.0.0.0", 1883)
    clear = (Listener(here), Listener(everywhere))
    secured = (Listener(here), Listener(everywhere, tls=True))

    found = codes(replace(settings, mqtt_listeners=clear), sqlite_store)
    assert found == ["no_keys", "keys_in_the_clear"]
    assert codes(replace(settings, mqtt_listeners=secured), sqlite_store) == ["no_keys"]


def test_links_that_only_this_machine_can_open(settings: Settings, sqlite_store: Store) -> None:
    assert codes(replace(settings, host="0.0.0.0"), sqlite_store) == ["links_lead_nowhere"]
    named = replace(settings, host="0.0.0.0", public_url="https://temple.example")
    assert codes(named, sqlite_store) == []


def test_nobody_who_would_be_told(settings: Settings, sqlite_store: Store) -> None:
    assert codes(replace(settings, smtp=None), sqlite_store) == ["nobody_is_told"]
    with sqlite_store.writing() as session:
        session.add(Webhook(name="bureau", url="https://bureau.example/", secret="s" * 32))
    assert codes(replace(settings, smtp=None), sqlite_store) == []


def test_a_mail_server_that_does_not_answer(settings: Settings, sqlite_store: Store) -> None:
    away = replace(settings, smtp=Remote("127.0.0.1", free_port()))

    assert codes(away, sqlite_store) == ["mail_unreachable"]


def test_an_installation_without_people(settings: Settings, sqlite_store: Store) -> None:
    with sqlite_store.writing() as session:
        session.execute(text("DELETE FROM membership"))

    assert codes(settings, sqlite_store) == ["nobody_on_duty", "no_admin"]


def test_a_torture_that_did_not_hold(settings: Settings, sqlite_store: Store) -> None:
    keep(
        sqlite_store.data_dir,
        "torture",
        {"at": "2026-11-25T08:00:00Z", "held": False, "faults": [1]},
    )

    assert codes(settings, sqlite_store) == ["torture_not_held"]


def test_a_disk_that_fills_within_the_month(settings: Settings, sqlite_store: Store) -> None:
    """A fifth of the room in two days: sparse, since only the file's size counts."""
    with sqlite_store.writing() as session:
        ask(session, "doctor", {}, by=machine("system"), now=machine_now())  # the first event
    with (settings.data_dir / "ridgewatch.db").open("r+b") as file:
        file.truncate(Disk.of(settings.data_dir).free_bytes // 5)
    later = machine_now() + timedelta(days=2)

    found = [one.what.code for one in look_at_disk(sqlite_store, later)]

    assert found == ["doctor.disk_low"]


def test_a_damaged_file(settings: Settings, sqlite_store: Store) -> None:
    sqlite_store.close()
    path = sqlite_store.data_dir / "ridgewatch.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        root = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'heartbeat'"
        ).fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * 64)

    assert set(codes(settings, sqlite_store)) <= {"damaged", "unreadable"}
    assert codes(settings, sqlite_store) != []


# As people run it, and as the page does.


def test_the_command_prints_findings_with_cures_and_its_exit_code(
    sqlite_store: Store, processes: Any
) -> None:
    sqlite_store.data_dir.chmod(0o700)
    house = House(sqlite_store, processes)

    text_ = house.run("doctor")
    as_json = json.loads(house.run("doctor", "--json").stdout)

    assert text_.returncode == 3
    assert "Fault: Nobody is told of an alert" in text_.stdout
    assert "→ Set RIDGEWATCH_SMTP_URL" in text_.stdout
    assert [one["severity"] for one in as_json["findings"]][0] == "fault"
    kept = last(sqlite_store.data_dir, "doctor")
    assert kept is not None
    assert kept["findings"] == as_json["findings"]


def test_before_init_the_command_says_what_comes_first(tmp_path: Path, processes: Any) -> None:
    store = Store(f"sqlite+pysqlite:///{tmp_path}/none/ridgewatch.db", tmp_path / "none")

    done = House(store, processes).run("doctor")

    assert done.returncode == 2
    assert "ridgewatch init" in done.stderr
    assert not (tmp_path / "none" / "ridgewatch.db").exists()


def test_the_worker_does_it_when_a_page_asks(settings: Settings, sqlite_store: Store) -> None:
    with sqlite_store.writing() as session:
        ask(session, "doctor", {}, by=machine("system"), now=machine_now())

    Work(sqlite_store, handler(settings)).turn()

    with sqlite_store.reading() as session:
        job = session.query(Job).one()
        assert (job.state, job.result["n"]) in [("done", 0), ("done", 1)]
    assert last(sqlite_store.data_dir, "doctor") is not None


def certified(settings: Settings, folder: Path, *argv: str) -> Settings:
    chain, key = folder / "tls.pem", folder / "tls.key"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    make += ["-nodes", "-subj", "/CN=receiver", "-keyout", str(key), "-out", str(chain), *argv]
    subprocess.run(make, check=True, capture_output=True)
    return replace(settings, mqtt_certificate=CertificateFiles(chain, key))


@pytest.mark.parametrize(
    ("days", "found"),
    [("3650", []), ("10", ["certificate_ends_soon"])],
)
def test_a_certificate_that_ends(
    settings: Settings, sqlite_store: Store, tmp_path: Path, days: str, found: list[str]
) -> None:
    with_certificate = certified(settings, tmp_path, "-days", days)

    assert codes(with_certificate, sqlite_store) == found


def test_a_certificate_that_has_ended(settings: Settings, tmp_path: Path) -> None:
    files = certified(settings, tmp_path, "-days", "1").mqtt_certificate
    assert files is not None

    (found,) = look_at_certificate(files, machine_now() + timedelta(days=2))

    assert (found.severity, found.what.code) == ("fault", "doctor.certificate_expired")


def test_a_certificate_of_another_key(
    settings: Settings, sqlite_store: Store, tmp_path: Path
) -> None:
    mine = certified(settings, tmp_path).mqtt_certificate
    (tmp_path / "other").mkdir()
    other = certified(settings, tmp_path / "other").mqtt_certificate
    assert mine is not None and other is not None
    mixed = replace(settings, mqtt_certificate=CertificateFiles(mine.chain, other.key))

    assert codes(mixed, sqlite_store) == ["certificate_unusable"]
