"""`ridgewatch torture` as people and CI run it: results, exit codes, and what it leaves alone."""

import asyncio
import json
import os
import subprocess
from pathlib import Path

import pytest

from ingest.torture.dead_man import DeadMan
from models.check_results import last
from tests.roles import RIDGEWATCH


def torture(
    folder: Path, *arguments: str, within_s: float = 300, language: str = "en"
) -> subprocess.CompletedProcess[str]:
    env = {"RIDGEWATCH_DATA_DIR": str(folder), "RIDGEWATCH_LANGUAGE": language}
    return subprocess.run(
        [str(RIDGEWATCH), "torture", *arguments],
        capture_output=True, text=True, env={**os.environ, **env}, timeout=within_s,
    )  # fmt: skip


def test_a_short_run_holds_and_says_so_and_touches_no_installation(
    tmp_path: Path, strace: str
) -> None:
    out = tmp_path / "result.json"

    done = torture(
        tmp_path / "mine", "--nemesis", "kill-ingest,cut,fsync-fails", "--seconds", "8",
        "--out", str(out),
    )  # fmt: skip

    result = json.loads(out.read_text(encoding="utf-8"))
    # A busy machine may be slow to recover; nothing else may be wrong.
    wrong = [one["code"] for one in result["faults"] if one["code"] != "torture.fault.slow"]
    assert wrong == [], done.stderr
    assert done.returncode == (0 if result["held"] else 3)
    (receiver,) = result["passes"]
    struck = [name for blow in receiver["blows"] for name in blow["fault"]["names"]]
    left_out = {one["name"] for one in result["left_out"]}  # where only root may trace
    able = [name for name in ("kill-ingest", "cut", "fsync-fails") if name not in left_out]
    assert struck[: len(able)] == able
    assert receiver["repeats"] > 0
    assert "lost 0 · phantom 0 · doubled 0" in done.stdout
    assert not (tmp_path / "mine").exists()


def test_a_result_is_kept_when_asked_and_the_report_is_in_the_callers_language(
    tmp_path: Path,
) -> None:
    arguments = ("--nemesis", "pause-clock", "--seconds", "4", "--record")
    done = torture(tmp_path, *arguments, language="zh")

    kept = last(tmp_path, "torture")
    assert kept is not None
    assert kept["passes"][0]["blows"][0]["fault"]["names"] == ["pause-clock"]
    assert done.returncode == (0 if kept["held"] else 3)
    assert "丢失 0" in done.stdout


def test_an_unknown_nemesis_is_bad_usage_and_the_known_ones_are_named(tmp_path: Path) -> None:
    done = torture(tmp_path, "--nemesis", "kill-cat")

    assert (done.returncode, done.stdout) == (2, "")
    assert "kill-cat" in done.stderr
    assert "kill-ingest" in done.stderr


def test_a_database_that_is_in_use_is_refused(tmp_path: Path, postgres_url: str) -> None:
    done = torture(tmp_path, "--nemesis", "kill-ingest", "--url", postgres_url)

    assert done.returncode == 2
    assert "not empty" in done.stderr


@pytest.mark.long
@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_everything_alone_and_in_pairs(tmp_path: Path, strace: str, seed: str) -> None:
    done = torture(tmp_path, "--seconds", "240", "--seed", seed, within_s=900)

    assert done.returncode == 0, done.stdout
    assert "Not done" not in done.stdout


@pytest.mark.long
def test_a_clock_that_is_set_neither_makes_nor_hides_silence(tmp_path: Path) -> None:
    folder = tmp_path / "dead-man"
    folder.mkdir()

    outcome = asyncio.run(DeadMan(folder).run())

    assert (outcome.blind.n, outcome.false.n) == (0, 0), outcome
    assert outcome.readings.lost.n == 0
