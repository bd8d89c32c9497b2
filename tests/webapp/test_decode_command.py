"""`ridgewatch decode` shows what is made of messages, and needs nothing but the messages."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def line(payload: object, **changes: Any) -> str:
    content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    document = {
        "topic": "ridgewatch/tianning/node-3/senml",
        "payload_base64": base64.b64encode(content).decode(),
        "received_at": "2026-02-11T06:20:00Z",
        "qos": 1,
        "retain": False,
        "site_timezone": None,
    }
    return json.dumps({**document, **changes}) + "\n"


def run(
    text: str, *arguments: str, file: str = "-", language: str = "en"
) -> subprocess.CompletedProcess:
    environment = {"PATH": os.environ["PATH"], "RIDGEWATCH_LANGUAGE": language}
    return subprocess.run(
        [sys.executable, "-c", "from webapp.cli import main; main()", "decode", file, *arguments],
        input=text, capture_output=True, encoding="utf-8", env=environment, cwd=ROOT, timeout=60,
    )  # fmt: skip


CRACK = [{"bn": "node-3:", "bt": 1770790800, "n": "crack", "u": "m", "v": 0.00041}]


def test_each_message_gives_one_line_in_order():
    ran = run(line(CRACK) + line(CRACK) + line(b"{") + line({"hello": 1}, topic="foo"))

    assert ran.returncode == 0, ran.stderr
    first, *rest = [json.loads(text) for text in ran.stdout.splitlines()]
    assert first == {
        "outcome": "accept",
        "reason": None,
        "measurements": [
            {
                "device": "node-3",
                "channel": "crack",
                "quantity": "crack_width",
                "value": 0.41,
                "unit": "mm",
                "time": "2026-02-11T06:20:00Z",
                "raw_value": 0.00041,
                "raw_unit": "m",
            }
        ],
    }
    assert [(result["outcome"], result["reason"]) for result in rest] == [
        ("ignore", "duplicate"),
        ("quarantine", "malformed-json"),
        ("quarantine", "unknown-format"),
    ]


def test_a_file_is_read_and_what_may_be_left_out_may(tmp_path: Path):
    document = json.loads(line(CRACK))
    for name in ("qos", "retain", "site_timezone"):
        del document[name]
    (tmp_path / "m.jsonl").write_text(json.dumps(document) + "\n\n", "utf-8")

    ran = run("", file=str(tmp_path / "m.jsonl"))

    assert json.loads(ran.stdout)["outcome"] == "accept"


@pytest.mark.parametrize(
    "bad",
    [
        "not json\n",
        "[1]\n",
        line(CRACK, topic=""),
        line(CRACK, payload_base64="%%%"),
        line(CRACK, payload_base64=5),
        line(CRACK, received_at="2026-02-11T06:20:00"),
        line(CRACK, received_at=None),
        line(CRACK, qos=3),
        line(CRACK, qos=True),
        line(CRACK, retain="no"),
        line(CRACK, site_timezone="Mars/Olympus"),
    ],
)
@pytest.mark.parametrize("language", ["en"])
def test_a_line_that_is_no_message_ends_with_its_number(bad: str, language: str):
    ran = run(line(CRACK) + bad, language=language)

    assert ran.returncode == 2
    assert len(ran.stdout.splitlines()) == 1
    assert "line 2" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_missing_file_is_bad_usage():
    assert run("", file="nowhere.jsonl").returncode == 2


def test_a_message_over_four_mebibytes_is_refused_not_read():
    ran = run(line(b"x" * (4 * 1024 * 1024 + 1)))

    assert json.loads(ran.stdout)["reason"] == "too-large"


def test_profiles_of_ones_own_are_used(tmp_path: Path):
    mapping = {
        "name": "wall", "match": {"topic": "house/+"}, "device": "topic:1",
        "fields": {"w": {"quantity": "crack_width", "unit": "mm"}},
    }  # fmt: skip
    (tmp_path / "wall.json").write_text(json.dumps(mapping), "utf-8")

    ran = run(line({"w": 0.5}, topic="house/n7"), "--profiles", str(tmp_path))

    (reading,) = json.loads(ran.stdout)["measurements"]
    assert (reading["device"], reading["channel"], reading["value"]) == ("n7", "w", 0.5)
