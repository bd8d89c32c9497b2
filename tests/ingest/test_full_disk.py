"""A full disk is said aloud, nothing is acknowledged meanwhile, and it passes by itself."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from ingest.disk_alarm import DiskAlarm
from ingest.full_disk import FullDisk
from ingest.reserve import Reserve
from ingest.storage_faults import EXIT_STORAGE, is_disk_full, is_storage_lost
from models.alert import Alert
from models.disk import RESERVE_BYTES, RESERVE_NAME, Disk
from models.notice import Notice, Webhook
from models.store import Store
from tests.harness.processes import Process, Processes, wait_until
from tests.ingest.alarms import a_person
from tests.ingest.feeding import Feed, assert_all_stored, fill
from tests.ingest.receivers import mail_server, web_hook
from tests.roles import RIDGEWATCH, House

MB = 1024 * 1024
Start = Callable[..., tuple[Process, int]]


def fault_of(code: int) -> OperationalError:
    origin = sqlite3.OperationalError("as SQLite says it")
    origin.sqlite_errorcode = code
    return OperationalError("COMMIT", None, origin)


@pytest.mark.parametrize(
    ("code", "full", "lost"),
    [
        (sqlite3.SQLITE_FULL, True, False),
        (sqlite3.SQLITE_IOERR_SHMSIZE, True, False),
        (sqlite3.SQLITE_IOERR_FSYNC, False, True),
        (sqlite3.SQLITE_IOERR_WRITE, False, True),
        (sqlite3.SQLITE_CORRUPT, False, True),
        (sqlite3.SQLITE_BUSY, False, False),
    ],
)
def test_want_of_room_is_told_from_a_disk_that_fails(code: int, full: bool, lost: bool) -> None:
    fault = fault_of(code)

    assert (is_disk_full(fault), is_storage_lost(fault)) == (full, lost)


def test_the_reserve_is_really_taken_and_small_on_a_small_disk() -> None:
    large = Disk(free_bytes=10**12, total_bytes=10**12, reserved_bytes=0)
    small = Disk(free_bytes=8_000_000, total_bytes=8_000_000, reserved_bytes=0)

    assert large.reserve_bytes == RESERVE_BYTES
    assert small.reserve_bytes == 400_000


@pytest.mark.parametrize(
    ("free", "reserved", "full"),
    [
        (10_000_000, 5_000_000, False),
        (300_000, 5_000_000, True),  # held, and next to nothing beside it
        (5_000_000, 0, True),  # let go: its own room does not count as room
        (7_500_000, 0, False),
    ],
)
def test_full_is_left_later_than_it_is_reached(free: int, reserved: int, full: bool) -> None:
    assert Disk(free, 100_000_000, reserved).is_full is full


def test_the_reserve_takes_blocks_and_gives_them_back(data_dir: Path) -> None:
    reserve = Reserve(data_dir, MB)

    assert reserve.hold()
    assert reserve.path.stat().st_blocks * 512 >= MB
    assert reserve.path.stat().st_mode & 0o777 == 0o600
    reserve.let_go()
    reserve.let_go()

    assert not reserve.path.exists()


def test_a_full_disk_tells_people_directly_and_the_desk_once(sqlite_store: Store) -> None:
    with sqlite_store.writing() as session:
        a_person(session)
    with mail_server() as mails, web_hook() as hook:
        with sqlite_store.writing() as session:
            session.add(Webhook(name="bureau", url=hook.url, secret="s" * 32))
        alarm = alarm_of(sqlite_store, mails.port)
        disk = FullDisk(alarm, Reserve(sqlite_store.data_dir, MB))

        disk.wait(lambda: False, lambda: None)  # there is room: it comes back at once
        wait_until(lambda: mails.mails and hook.posts, "both are told")
        disk.passed()

    assert mails.mails[0]["Subject"] == "[Red] Disk full"
    assert "send them again" in mails.mails[0].get_content()
    assert hook.bodies[0]["kind"] == "disk"
    with sqlite_store.reading() as session:
        alert = session.scalars(select(Alert)).one()
        assert (alert.subject, alert.severity, alert.active) == ("system:disk", "critical", False)
        assert session.scalars(select(Notice)).all() == []
    assert (sqlite_store.data_dir / RESERVE_NAME).exists()


def alarm_of(store: Store, mail_port: int) -> DiskAlarm:
    from ingest.email import Email
    from ingest.webhook import WebhookChannel
    from models.settings_text import Remote

    mail = Email(Remote("127.0.0.1", mail_port), "ridgewatch@temple.example")
    channels = {"email": mail, "webhook": WebhookChannel(private=True)}
    return DiskAlarm(store, channels, "https://temple.example")


@pytest.mark.long
def test_a_full_disk_stops_acknowledging_and_is_told_and_passes(
    start: Start, tmp_path: Path, small_disk: Path
) -> None:
    ingester, port = start(small_disk)
    feed = Feed(port)
    filler = small_disk / "filler"
    try:
        wait_until(lambda: len(feed.acknowledged) > 20, "it takes readings")
        fill(filler)
        ingester.wait_for_text("disk=full")
        at_failure = len(feed.acknowledged)
        assert not (small_disk / RESERVE_NAME).exists()
        assert_all_stored(small_disk, tmp_path / "full", list(feed.acknowledged))

        filler.unlink()
        wait_until(lambda: len(feed.acknowledged) > at_failure + 5, "it goes on", within_s=10)
        wait_until((small_disk / RESERVE_NAME).exists, "the reserve is made again")
    finally:
        feed.stop()

    assert ingester.stop() == 0  # the same process all along
    assert_all_stored(small_disk, tmp_path / "later", feed.acknowledged)


@pytest.mark.long
def test_an_ingester_that_starts_on_a_full_disk_waits_for_room(
    start: Start, small_disk: Path
) -> None:
    first, port = start(small_disk)
    first.stop()
    filler = small_disk / "filler"
    fill(filler)

    second, _ = start(small_disk, listens=False)
    second.wait_for_text("disk=full")
    filler.unlink()

    second.wait_for_port(port, within_s=10)


def test_a_file_that_may_not_grow_ends_the_ingester_with_70(
    start: Start, tmp_path: Path, data_dir: Path
) -> None:
    ingester, port = start(data_dir, "prlimit", f"--fsize={3 * 1024 * 1024}")
    feed = Feed(port)
    try:
        code = ingester.wait(within_s=60)
    finally:
        feed.stop()

    assert code == EXIT_STORAGE
    assert "storage_failed" in ingester.stderr
    assert_all_stored(data_dir, tmp_path / "copy", feed.acknowledged)


@pytest.mark.parametrize("role", ["clock", "work"])
def test_a_failed_fsync_ends_every_role_that_writes(
    role: str, strace: str, sqlite_store: Store, processes: Processes
) -> None:
    env = House(sqlite_store, processes).env
    inject = ("-e", "trace=fdatasync,fsync", "-e", "inject=fdatasync,fsync:error=EIO:when=3+")
    process = processes.start(
        role, strace, "-f", "-qq", "-o", "/dev/null", *inject, RIDGEWATCH, role, env=env
    )

    assert process.wait(within_s=60) == EXIT_STORAGE
    assert "storage_failed" in process.stderr


def test_a_failed_fsync_ends_the_ingester_with_70_and_nothing_was_acknowledged(
    start: Start, strace: str, tmp_path: Path, data_dir: Path
) -> None:
    lies = (strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync,fsync")
    inject = ("-e", "inject=fdatasync,fsync:error=EIO:when=60+")
    ingester, port = start(data_dir, *lies, *inject)
    feed = Feed(port)
    try:
        code = ingester.wait(within_s=60)
    finally:
        feed.stop()

    assert code == EXIT_STORAGE
    assert_all_stored(data_dir, tmp_path / "copy", feed.acknowledged)
