"""Health, readiness and figures: open to whom they should be, and in the form that is read."""

import re
from dataclasses import asdict
from datetime import timedelta

import pytest

from ingest.receiver.publishing import Counts
from models.clock import machine_now
from models.closing import close_zone
from models.heartbeat import DEAD_AFTER, Heartbeat, beat
from models.key_use import Seen, note_use
from models.keys import add_key
from models.people import machine
from models.turned_away import TurnedAway
from tests.models.house import NOW
from tests.webapp.api.program import Program

LINE = re.compile(r'ridgewatch_[a-z_]+(\{[a-z]+="[^"\n]*"(,[a-z]+="[^"\n]*")*\})? -?[0-9.e+-]+')
ELSEWHERE = {"REMOTE_ADDR": "192.0.2.7"}


def test_health_is_open_and_says_nothing(refused: Program) -> None:
    answer = refused.client.get("/healthz", environ_base=ELSEWHERE)

    assert (answer.status_code, answer.text) == (200, "ok\n")


def test_figures_are_for_this_machine_or_a_read_token(refused: Program) -> None:
    for path in ("/readyz", "/metrics"):
        here = refused.client.get(path)
        proxied = refused.client.get(path, headers={"X-Forwarded-For": "192.0.2.7"})
        stranger = refused.client.get(path, environ_base=ELSEWHERE)
        token = refused.client.get(
            path, environ_base=ELSEWHERE, headers=refused.headers("read", "en")
        )
        assert here.status_code == token.status_code == 200
        assert proxied.status_code == stranger.status_code == 401
        assert "ridgewatch_" not in stranger.text


@pytest.mark.parametrize("role", ["ingest", "clock", "work", "web"])
def test_a_role_that_has_died_makes_it_unready(program: Program, role: str) -> None:
    assert program.client.get("/readyz").json["ready"] is True
    with program.yard.store.writing() as session:
        beat(session, role)
        session.flush()
        dead = session.get_one(Heartbeat, role)
        dead.beat_at = machine_now() - DEAD_AFTER - timedelta(seconds=1)

    answer = program.client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json["checks"][role] is False


def test_a_share_without_an_ingester_makes_it_unready(program: Program) -> None:
    with program.yard.store.writing() as session:
        beat(session, "ingest")
        beat(session, "ingest/1")
        session.get_one(Heartbeat, "ingest/1").beat_at -= 2 * DEAD_AFTER

    checks = program.client.get("/readyz").json["checks"]

    assert (checks["ingest"], checks["ingest/1"]) == (True, False)


def test_figures_are_prometheus_text(program_everywhere: Program) -> None:
    with program_everywhere.yard.working() as house:
        house.alert(house.sensor("C-07"))
        close_zone(house.session, house.zone, by=house.duty, now=NOW)
        for node, slowed_ms in (("node-1", 1000), ("node-2", 500)):
            add_key(house.session, node, (), device=node, by=machine("system"), now=NOW)
            note_use(house.session, {node: Seen(1, slowed_ms=slowed_ms)})
        counts = {"connections": 3, **asdict(Counts(received=12, refused=4, oversize=2))}
        beat(house.session, "ingest", facts={"receiver": counts})
        for day in (0, 1):
            away = {"names": 3, "readings": 8, "device": "ghost", "channel": "x"}
            house.session.add(TurnedAway(day_ms=day, **away))

    answer = program_everywhere.client.get("/metrics")

    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    assert answer.text.endswith("\n")
    assert [one for one in lines if not one.startswith("# ") and not LINE.fullmatch(one)] == []
    assert 'ridgewatch_alerts{state="active_unacknowledged",severity="high"} 1' in lines
    assert "ridgewatch_closures_active 1" in lines
    told = 'ridgewatch_last_observation_timestamp_seconds{sensor="tianning/C-07"} 1647838800'
    assert told in lines
    assert "ridgewatch_names_turned_away_total 6" in lines
    assert "ridgewatch_readings_turned_away_total 16" in lines
    assert "ridgewatch_receiver_connections 3" in lines
    assert "ridgewatch_receiver_received_total 12" in lines
    assert "ridgewatch_receiver_refused_total 4" in lines
    assert "ridgewatch_receiver_oversize_total 2" in lines
    assert "ridgewatch_receiver_waited_seconds_total 1.5" in lines
    names = [one.split()[2] for one in lines if one.startswith("# TYPE")]
    assert len(names) == len(set(names)) > 10
