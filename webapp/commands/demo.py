"""`ridgewatch demo`: three sites, a quiet year, a wet week, and a story that begins now."""

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from threading import Event

    from ingest.supervisor import Program, Supervisor
    from models.settings import Settings
    from models.store import Store
    from webapp.demo import Account

SCENARIO, SEED = "demo", 1
BEGINS = "2022-03-21T06:00:00+08:00"
FAST = 600.0
HISTORY_DAYS = 365
DATABASE, ACCOUNTS, SECRET = "ridgewatch.db", "demo-accounts.txt", "demo-secret"
LOG = "demo.log"
READY_WITHIN_S = 180.0


@click.command()
def command() -> int:
    """Show Ridgewatch at work, on made-up sensors: needs no configuration.

    The first start prepares a year of history and a wet week; a later one goes on where the last
    one stopped. RIDGEWATCH_PORT and RIDGEWATCH_DATA_DIR are honoured.
    """
    import os

    from ingest.stopping import stop_event
    from models.settings import Settings
    from webapp.cli import language_of

    stop = stop_event()
    settings = Settings.read(os.environ, demo=True)
    say = _speaker(language_of(os.environ))
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (settings.data_dir / DATABASE).exists():
        _prepare(settings, say)
    return _run(settings, say, stop)


def _speaker(language: str) -> "Callable[..., None]":
    """What the demo says goes to standard error, but for the address and the accounts."""
    from models.words.render import Reader, phrase

    def say(code: str, **values: Any) -> None:
        click.echo(phrase(code, Reader(language, "UTC"), **values), err=True)

    return say


def _prepare(settings: "Settings", say: "Callable[..., None]") -> None:
    """Make everything in a folder beside, and move it into place when it is whole."""
    import shutil

    from models.installation import made
    from models.settings import Settings

    folder = settings.data_dir / "preparing"
    shutil.rmtree(folder, ignore_errors=True)
    aside = Settings.read({"RIDGEWATCH_DATA_DIR": str(folder)}, demo=True)
    with made(aside):
        pass
    accounts = _fill(aside, say)
    from webapp.demo import keep

    keep(settings.data_dir / ACCOUNTS, accounts)
    _settle_file(folder / DATABASE)
    (folder / DATABASE).rename(settings.data_dir / DATABASE)
    shutil.rmtree(folder)


def _settle_file(path: "Path") -> None:
    """It was written carelessly, for speed: see to it that it is on disk before it counts."""
    import os

    file = os.open(path, os.O_RDONLY)
    os.fsync(file)
    os.close(file)


def _fill(settings: "Settings", say: "Callable[..., None]") -> "list[Account]":
    from datetime import datetime

    from models.installation import COMMAND
    from models.registry_file.load import load
    from models.store import Store
    from models.times import from_ms
    from sensors_sim.catalogue import scenario
    from webapp import demo

    story = scenario(SCENARIO)
    begins, now = from_ms(story.begins_ms), datetime.fromisoformat(BEGINS)
    store = Store(settings.database_url, settings.data_dir, durable=False)
    try:
        say("demo.preparing_people")
        accounts = demo.new_accounts()
        hashes = demo.hashes_of(accounts)
        say("demo.preparing_registry")
        with store.writing() as session:
            load(session, story.registry, by=COMMAND, now=begins)
            demo.settle(session, accounts, hashes, by=COMMAND, now=begins)
        say("demo.preparing_history")
        _load_year(store, story)
        say("demo.preparing_week")
        _play_week(store, story, begins, now)
        _set_clock(store, now)
        store.checkpoint()
    finally:
        store.close()
    return accounts


def _load_year(store: "Store", story: Any) -> None:
    from ingest.history import load_history
    from sensors_sim.stream import history
    from sensors_sim.times import DAY_MS

    since_ms = story.begins_ms - HISTORY_DAYS * DAY_MS
    with store.writing() as session:
        load_history(session, history(story, SEED, since_ms, story.begins_ms))


def _play_week(store: "Store", story: Any, begins: Any, now: Any) -> None:
    """The wet week goes through the real pipeline, as if it were live."""
    from ingest.falling_due import Turn
    from ingest.message import Message
    from ingest.virtual import Runner
    from models.clock import HeldClock
    from models.times import to_ms
    from sensors_sim.stream import packets
    from webapp import demo

    messages = (
        Message(one.topic, one.payload, one.at_ms, qos=1, retain=one.retain, dup=one.dup)
        for one in packets(story, SEED, until_ms=to_ms(now))
        if one.event is None
    )
    Runner(store, HeldClock(begins), turn=demo.attended(Turn())).run(messages, now)


def _set_clock(store: "Store", now: Any) -> None:
    """The story runs fast until the first red alert."""
    from models.clock import machine_now, site_clock

    with store.writing() as session:
        row = site_clock(session)
        assert row is not None
        row.mode, row.site_at, row.since = "led", now, machine_now()
        row.speed, row.stop_at_alert = FAST, "critical"


def _run(settings: "Settings", say: "Callable[..., None]", stop: "Event") -> int:
    from ingest.supervisor import Supervisor, own
    from webapp.demo import kept

    env, broker = _environment(settings, say)
    log = settings.data_dir / LOG
    log.write_bytes(b"")  # of this run
    roles = [own(role, env=env, log=log) for role in ("ingest", "clock", "work", "web")]
    supervisor = Supervisor([*broker, *roles])
    try:
        supervisor.start()
        if not _wait_for_pages(supervisor, env, stop):
            if not stop.is_set():
                say("demo.no_pages", log=str(log))
            return 0 if stop.is_set() else 3
        _greet(env["RIDGEWATCH_PUBLIC_URL"], kept(settings.data_dir / ACCOUNTS), say)
        more = (SCENARIO, "--seed", str(SEED), "--story")
        supervisor.add(own("simulate", *more, env=env, log=log, stage=0))
        return supervisor.watch(stop)
    finally:
        supervisor.stop()


def _environment(
    settings: "Settings", say: "Callable[..., None]"
) -> "tuple[dict[str, str], list[Program]]":
    """Return what the roles are told, and mosquitto where it is installed."""
    from ingest.local_broker import find_mosquitto, mosquitto
    from models.settings_text import Address, sqlite_url

    port = _free(settings.host, settings.port, say)
    listen = Address(
        settings.mqtt_listen.host,
        _free(settings.mqtt_listen.host, settings.mqtt_listen.port, say),
    )
    env = {
        "RIDGEWATCH_DATA_DIR": str(settings.data_dir),
        "RIDGEWATCH_DATABASE_URL": sqlite_url(settings.data_dir / DATABASE),
        "RIDGEWATCH_SECRET_KEY": settings.secret_key or _secret(settings.data_dir / SECRET),
        "RIDGEWATCH_HOST": settings.host,
        "RIDGEWATCH_PORT": str(port),
        "RIDGEWATCH_PUBLIC_URL": settings.public_url.replace(f":{settings.port}", f":{port}"),
        "RIDGEWATCH_MQTT_LISTEN": str(listen),
    }
    say("demo.listening", address=str(listen))
    found = find_mosquitto()
    if found is None:
        env["RIDGEWATCH_MQTT_URL"] = ""
        say("demo.without_broker")
        return env, []
    beside = listen.port + 1 if listen.port + 1 != port else 0
    broker_port = _free("127.0.0.1", beside, lambda *_, **__: None)
    env["RIDGEWATCH_MQTT_URL"] = f"mqtt://127.0.0.1:{broker_port}"
    say("demo.with_broker", port=broker_port)
    log = settings.data_dir / LOG
    return env, [mosquitto(found, settings.data_dir / "mosquitto", broker_port, log)]


def _free(host: str, port: int, say: "Callable[..., None]") -> int:
    """Return the port, or another one where it is taken."""
    import socket

    for wanted in (port, 0):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, wanted))
            except OSError:
                continue
            found: int = probe.getsockname()[1]
        if found != port:
            say("demo.port_taken", port=port, other=found)
        return found
    return port


def _secret(path: "Path") -> str:
    """Return the key of this demo, drawn at its first start."""
    import secrets

    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32), encoding="utf-8")
    return path.read_text(encoding="utf-8")


def _wait_for_pages(supervisor: "Supervisor", env: dict[str, str], stop: "Event") -> bool:
    """Wait until the pages answer, keeping the other roles running meanwhile."""
    import time

    import httpx

    host = env["RIDGEWATCH_HOST"]
    near = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    url = f"http://{near}:{env['RIDGEWATCH_PORT']}/login"
    until_s = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < until_s and not stop.is_set():
        if supervisor.look_after() is not None:
            return False
        try:
            if httpx.get(url, timeout=5, trust_env=False).status_code == 200:
                return True
        except httpx.HTTPError:
            stop.wait(0.2)
    return False


def _greet(url: str, accounts: "Sequence[Account]", say: "Callable[..., None]") -> None:
    from webapp.demo import table

    say("demo.ready", url=url)
    click.echo(url)
    click.echo(table(accounts))
    say("demo.stop")
