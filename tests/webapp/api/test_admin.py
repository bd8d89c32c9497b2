"""Channels and their claim, the quarantine, rules and their backtest."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from models.job import Job
from models.reading import Channel, Quarantined, WaitingReading
from models.reasons import reason
from models.rulebook import RuleRow, RuleVersion
from models.sensor import Sensor
from models.times import iso, to_ms
from models.units import NOT_EVALUATED
from tests.models.house import NOW, after
from tests.readings import put_readings
from tests.webapp.api.program import Program, faults
from webapp.api import rules
from webapp.jobs.backtest import HANDLERS

CRACK = {
    "code": "CRACK",
    "kind": "threshold",
    "where": {"quantity": "crack_width", "sites": ["tianning"]},
    "levels": [{"severity": "medium", "raise_at": 2.0}],
    "deadband": 0.2,
}


def heard(program: Program, device: str, channel: str, unit: str | None = "mm") -> None:
    with program.yard.working() as house:
        if not house.session.query(Sensor).filter_by(code="C-09").count():
            waits = house.sensor("C-09").epochs[0]
            waits.device = waits.channel = None
        house.session.add(
            Channel(
                device=device,
                channel=channel,
                quantity="crack_width",
                unit=unit,
                first_ms=to_ms(NOW),
                last_ms=to_ms(NOW),
                last_value=1.5,
                count=3,
                claimed=False,
            )
        )
        house.session.add(
            WaitingReading(
                device=device,
                channel=channel,
                at_ms=to_ms(NOW) - 1,
                value=1.5,
                unit=unit,
                received_ms=to_ms(NOW),
            )
        )


@pytest.mark.parametrize(
    ("device", "channel", "address"),
    [
        ("node", "crack", "node/crack"),
        ("node", "", "node/-"),
        ("group/edge/node", "a/b", "group%2Fedge%2Fnode/a%2Fb"),
        ("node", "-", "node/-"),
        ("塔 1", "裂缝", "塔 1/裂缝"),
    ],
)
def test_a_channel_is_claimed_by_its_names(program: Program, device, channel, address) -> None:
    heard(program, device, channel)
    (before,) = program.get("/channels", claimed="false", scope="admin").json["items"]

    answer = program.post(f"/channels/{address}/claim", {"sensor": "tianning/C-09"}, scope="admin")

    assert (before["device"], before["channel"], before["actions"]) == (device, channel, ["claim"])
    assert answer.status_code == 202, answer.text
    claimed = answer.json["channel"]
    assert (claimed["claimed"], claimed["sensor"], claimed["actions"]) == (
        True,
        "tianning/C-09",
        [],
    )
    job = program.get(f"/jobs/{answer.json['job']['id']}", scope="admin").json
    assert (job["kind"], job["state"]) == ("claim", "queued")
    assert program.walk("/channels", 5, claimed="true")[0]["sensor"] == "tianning/C-09"
    assert program.walk("/channels", 5, claimed="false") == []


def test_channels_are_claimed_on_both_databases(program_everywhere: Program) -> None:
    heard(program_everywhere, "node", "crack")

    path = "/channels/node/crack/claim"
    first = program_everywhere.post(path, {"sensor": "tianning/C-09"}, scope="admin", key="k")
    repeat = program_everywhere.post(path, {"sensor": "tianning/C-09"}, scope="admin", key="k")

    assert (first.status_code, repeat.get_data()) == (202, first.get_data())
    with program_everywhere.yard.store.reading() as session:
        assert session.query(Job).count() == 1


def test_a_channel_that_may_be_two_is_not_guessed(program: Program) -> None:
    heard(program, "a/b", "c")
    heard(program, "a", "b/c")

    answer = program.post("/channels/a/b/c/claim", {"sensor": "tianning/C-09"}, scope="admin")

    assert (answer.status_code, answer.json["code"]) == (409, "api.ambiguous_channel")


def test_what_cannot_be_claimed_says_why(program: Program) -> None:
    heard(program, "node", "crack")
    heard(program, "node", "volts", "V")
    claim = {"sensor": "tianning/C-09"}
    path = "/channels/node/crack/claim"

    assert faults(program.post(path, {"sensor": "moon/C-09"}, scope="admin")) == {
        "sensor": "api.nothing_called"
    }
    assert faults(program.post(path, {}, scope="admin")) == {"sensor": "input.needed"}
    assert program.post("/channels/node/none/claim", claim, scope="admin").status_code == 404
    assert program.post("/channels/%00/x/claim", claim, scope="admin").status_code == 404
    other = program.post("/channels/node/volts/claim", claim, scope="admin")
    assert (other.status_code, other.json["code"]) == (409, "channel.other_unit")


def test_the_quarantine_shows_how_a_message_begins(program_everywhere: Program) -> None:
    with program_everywhere.yard.store.writing() as session:
        session.add(
            Quarantined(
                received_at=NOW,
                topic="a/b",
                payload=b"\x00\xff" * 4000,
                qos=1,
                retain=False,
                source="receiver",
                reason=reason("alert.sensor_heard").to_json(),
            )
        )

    (found,) = program_everywhere.get("/quarantine").json["items"]

    assert (found["topic"], found["bytes"], found["state"]) == ("a/b", 8000, "waiting")
    assert found["payload_base64"].startswith("AP8A/w")
    assert len(found["payload_base64"]) == 1368
    assert found["reason"]["code"] == "alert.sensor_heard"


def ruled(program: Program, spec: dict = CRACK) -> None:
    with program.yard.working() as house:
        rule = RuleRow(code=spec["code"])
        rule.versions.append(RuleVersion(number=1, spec=spec, since=NOW))
        house.session.add(rule)
        sensor = house.sensor("C-07")
        sensor.epochs[0].since = after(days=-100)
        put_readings(
            house.session,
            [
                {
                    "sensor": sensor.key,
                    "at_ms": to_ms(NOW - timedelta(hours=hours)),
                    "value": 2.5 if 10 < hours < 20 else 1.0,
                    "quality": 1,
                    "raw": None,
                    "arrived_ms": None,
                }
                for hours in range(60)
            ],
        )


def test_a_rule_tells_its_spec_and_versions(program: Program) -> None:
    ruled(program)

    found = program.get("/rules/CRACK", scope="admin").json

    assert (found["state"], found["rule_version"], found["actions"]) == ("on", 1, ["backtest"])
    assert found["spec"] == CRACK
    assert found["versions"] == [{"number": 1, "since": "2022-03-21T05:00:00Z"}]
    assert program.get("/rules/NONE").status_code == 404


def test_a_backtest_says_when_it_would_have_fired(program_everywhere: Program) -> None:
    ruled(program_everywhere)

    found = program_everywhere.post("/rules/CRACK/backtest", {}, scope="admin").json

    assert (found["rule"], found["rule_version"], found["readings"]) == ("CRACK", 1, 60)
    steps = [(one["to"], one["at"], one["value"]) for one in found["items"]]
    assert steps == [
        ("raised", iso(after(hours=-19)), 2.5),
        ("cleared", iso(after(hours=-10)), 1.0),
    ]
    assert all(one["reason"]["text"] for one in found["items"])
    assert program_everywhere.walk("/alerts", 5) == []


def test_a_backtest_leaves_out_what_no_rule_was_to_see(program: Program) -> None:
    ruled(program)
    with program.yard.working() as house:
        key = house.session.scalars(select(Sensor.key).filter_by(code="C-07")).one()
        told = {"sensor": key, "at_ms": to_ms(after(hours=-40)) + 1, "quality": NOT_EVALUATED}
        put_readings(house.session, [{**told, "value": 9.0, "raw": None, "arrived_ms": None}])

    found = program.post("/rules/CRACK/backtest", {}, scope="admin").json

    assert [(one["to"], one["value"]) for one in found["items"]] == [
        ("raised", 2.5),
        ("cleared", 1.0),
    ]


def test_a_backtest_tries_another_spec(program: Program) -> None:
    ruled(program)
    spec = {**CRACK, "levels": [{"severity": "high", "raise_at": 5.0}]}

    found = program.post("/rules/CRACK/backtest", {"spec": spec}, scope="admin").json
    wrong = program.post("/rules/CRACK/backtest", {"spec": {**CRACK, "levels": 5}}, scope="admin")

    assert (found["items"], found["rule_version"]) == ([], None)
    assert [where.split(".")[0] for where in faults(wrong)] == ["spec"]


def test_a_long_backtest_is_a_job(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    ruled(program)
    monkeypatch.setattr(rules, "AT_ONCE", 50)
    at_once = program.post("/rules/CRACK/backtest", {"since": iso(after(hours=-40))}, scope="admin")

    answer = program.post("/rules/CRACK/backtest", {}, scope="admin")

    assert (at_once.status_code, answer.status_code) == (200, 202)
    done = HANDLERS["backtest"](Work(program, answer.json["id"]))
    assert [one["to"] for one in done["items"]] == ["raised", "cleared"]
    assert done["items"][0]["at"] == at_once.json["items"][0]["at"]


class Work:
    """What the work role hands to a job's handler."""

    def __init__(self, program: Program, job: str) -> None:
        import uuid

        self.store = program.yard.store
        with self.store.reading() as session:
            self.arguments = session.get_one(Job, uuid.UUID(job)).arguments

    def report(self, progress: float) -> None:
        assert 0 < progress <= 1


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"since": "2022-03-22T00:00:00Z"}, {"since": "api.since_after_until"}),
        ({"sensors": ["tianning/none"]}, {"sensors": "api.nothing_called"}),
        ({"days": 5}, {"days": "api.unknown_field"}),
    ],
)
def test_a_bad_backtest_is_refused_by_field(program, body, found) -> None:
    ruled(program)

    assert faults(program.post("/rules/CRACK/backtest", body, scope="admin")) == found


def test_a_rule_of_silence_is_not_backtested(program: Program) -> None:
    ruled(program, {"code": "S1", "kind": "silence", "levels": [{"severity": "low"}]})

    answer = program.post("/rules/S1/backtest", {}, scope="admin")

    assert (answer.status_code, answer.json["code"]) == (409, "backtest.readings_only")
