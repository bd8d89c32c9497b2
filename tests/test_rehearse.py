"""`ridgewatch rehearse`: the same seed gives the same bytes, and says what did not happen."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ingest.message import Message
from ingest.rehearsal import Rehearsal
from models.happenings import Row
from models.times import from_ms
from sensors_sim.catalogue import names, scenario
from sensors_sim.scenario import Scenario
from sensors_sim.stream import packets
from sensors_sim.times import DAY_MS

RIDGEWATCH = Path(sys.executable).with_name("ridgewatch")
FAULTS = [name for name in names() if name.startswith("fault-")]
REGISTRY = {
    "sites": [
        {
            "code": "hill",
            "name": {"zh": "山寺", "en": "Hill Temple"},
            "timezone": "Asia/Shanghai",
            "sensors": [
                {"code": "C-01", "quantity": "crack_width", "unit": "mm", "interval_s": 900,
                 "source": {"device": "node-1", "channel": "crack"}},
                {"code": "H-01", "quantity": "crack_width", "unit": "mm", "interval_s": 86400},
            ],
        }
    ],
    "rules": [
        {
            "code": "WIDE", "kind": "threshold", "of": "value",
            "where": {"quantity": "crack_width", "sites": None, "sensors": None},
            "levels": [{"severity": "high", "raise_at": 2.0}],
        }
    ],
}  # fmt: skip


def rehearse(
    *arguments: str | Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess:
    return subprocess.run(
        [RIDGEWATCH, "rehearse", *arguments], capture_output=True, text=True, timeout=300, env=env
    )


@pytest.fixture(scope="module")
def tianning(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess, Path]:
    """One run of the reference case, without any configuration."""
    folder = tmp_path_factory.mktemp("tianning")
    done = rehearse(
        "tianning-2022", "--seed", "1", "--expect",
        "--junit", folder / "out.xml", "--out", folder / "out.json",
        env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    return done, folder


def test_the_reference_case_meets_every_expectation(
    tianning: tuple[subprocess.CompletedProcess, Path],
) -> None:
    done, folder = tianning

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    suite = ElementTree.parse(folder / "out.xml").getroot()
    assert (suite.get("failures"), suite.get("tests")) == (
        "0",
        str(len(scenario("tianning-2022").expect)),
    )


def test_a_red_alert_comes_before_the_collapse_and_then_the_gauge_is_unknown(
    tianning: tuple[subprocess.CompletedProcess, Path],
) -> None:
    rows = json.loads((tianning[1] / "out.json").read_text(encoding="utf-8"))

    collapse = next(row["at"] for row in rows if row.get("event") == "collapse")
    red = [row["at"] for row in rows if row["kind"] == "alert" and row["severity"] == "critical"]
    assert red[0] < collapse
    gauge = [row for row in rows if row.get("subject") == "sensor:tianning/C-07"]
    after = {row["to"] for row in gauge if row["kind"] == "alert" and row["at"] > collapse}
    assert after <= {"unknown", "raised"}
    assert "unknown" in after


def test_rows_are_in_order_and_name_nothing_that_was_drawn_by_lot(
    tianning: tuple[subprocess.CompletedProcess, Path],
) -> None:
    text = (tianning[1] / "out.json").read_text(encoding="utf-8")
    rows = json.loads(text)

    assert rows == sorted(rows, key=lambda row: row["at"])
    assert {row["kind"] for row in rows} == {"alert", "condition", "hold", "notice", "truth"}
    assert {row["person"] for row in rows if row["kind"] == "notice"} == {
        "duty",
        "manager",
        "admin",
    }


def of(story: Scenario, **more: object) -> Rehearsal:
    messages = (
        Message(one.topic, one.payload, one.at_ms, qos=1, retain=one.retain, dup=one.dup)
        for one in packets(story, 1)
        if one.event is None
    )
    begins = from_ms(story.begins_ms)
    ends_ms = story.ends_ms or story.begins_ms + DAY_MS
    return Rehearsal(story.registry, lambda _: messages, begins, from_ms(ends_ms), **more)  # type: ignore[arg-type]


def run(story: Scenario, **more: object) -> list[Row]:
    return of(story, **more).run()


def test_the_same_seed_gives_the_same_rows_also_with_restarts() -> None:
    story = scenario("fault-silent")
    undisturbed = run(story)

    assert run(story) == undisturbed
    assert run(story, restart_every=timedelta(hours=1)) == undisturbed
    assert [row["to"] for row in undisturbed if row["kind"] == "alert"]


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_has_the_consequences_it_must_have(name: str) -> None:
    done = rehearse(name, "--expect")

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_the_reference_case_is_the_same_with_restarts_every_hour() -> None:
    story = scenario("tianning-2022")

    assert run(story, restart_every=timedelta(hours=1)) == run(story)


@pytest.mark.long
@pytest.mark.parametrize("name", [one for one in names() if one not in [*FAULTS, "demo"]])
def test_every_scenario_causes_what_it_states(name: str) -> None:
    done = rehearse(name, "--expect")

    assert done.returncode == 0, done.stdout + done.stderr


# A replay file.


@pytest.fixture
def registry(tmp_path: Path) -> Path:
    path = tmp_path / "registry.json"
    path.write_text(json.dumps(REGISTRY), encoding="utf-8")
    return path


def replay_file(folder: Path, *lines: str) -> Path:
    path = folder / "series.csv"
    path.write_text("\n".join(["time,sensor,value", *lines]) + "\n", encoding="utf-8")
    return path


def test_a_replay_file_is_played_each_row_at_its_own_time(registry: Path, tmp_path: Path) -> None:
    path = replay_file(
        tmp_path,
        "2022-03-21T08:00:00Z,hill/C-01,0.4",
        "2022-03-21T08:15:00Z,hill/C-01,",
        "2022-03-21T08:30:00Z,hill/C-01,2.4",
        "2022-03-21T08:30:00Z,hill/H-01,2.5",
    )

    done = rehearse(path, "--registry", registry, "--out", "-")

    assert done.returncode == 0, done.stderr
    raised = [row for row in json.loads(done.stdout) if row["kind"] == "alert"]
    assert [(r["at"], r["subject"], r["to"], r["value"]) for r in raised] == [
        ("2022-03-21T08:30:00Z", "sensor:hill/C-01", "raised", 2.4),
        ("2022-03-21T08:30:00Z", "sensor:hill/H-01", "raised", 2.5),
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("2022-03-21T08:00:00Z,hill/C-99,0.4", "Line 2: the registry has no sensor hill/C-99"),
        ("2022-03-21 08:00,hill/C-01,0.4", "Line 2"),
        ("2022-03-21T08:00:00Z,hill/C-01,wide", "wide is not a number"),
    ],
)
def test_a_replay_file_that_can_not_be_used_is_refused_with_its_line(
    line: str, says: str, registry: Path, tmp_path: Path
) -> None:
    done = rehearse(replay_file(tmp_path, line), "--registry", registry)

    assert done.returncode == 2
    assert says in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("no-such-scenario",),
        ("missing.csv", "--registry", "missing.json"),
        ("missing.csv",),
        ("tianning-2022", "--seed", "one"),
    ],
)
def test_bad_usage_is_exit_code_2_with_a_sentence(arguments: tuple[str, ...]) -> None:
    done = rehearse(*arguments)

    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_a_broken_registry_file_is_refused_with_its_faults(tmp_path: Path) -> None:
    registry = tmp_path / "registry.json"
    registry.write_text('{"sites": [{"code": "Hill Temple"}]}', encoding="utf-8")
    path = replay_file(tmp_path, "2022-03-21T08:00:00Z,hill/C-01,0.4")

    done = rehearse(path, "--registry", registry)

    assert done.returncode == 2
    assert "sites[0]" in done.stderr or "sites.0" in done.stderr


def test_what_did_not_happen_is_told_and_is_exit_code_1(registry: Path, tmp_path: Path) -> None:
    """Tianning's expectations against a registry without rules: nothing is raised."""
    quiet = dict(scenario("fault-silent").registry, rules=[])
    path = tmp_path / "quiet.json"
    path.write_text(json.dumps(quiet), encoding="utf-8")

    done = rehearse("fault-silent", "--registry", path, "--expect", "--junit", tmp_path / "o.xml")

    assert done.returncode == 1
    assert "FAIL it is unknown within the hour: only 0 of at least 1 found" in done.stdout
    assert ElementTree.parse(tmp_path / "o.xml").getroot().get("failures") != "0"
