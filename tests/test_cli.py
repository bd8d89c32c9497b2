"""The command line: quick help for everything, clear faults, exit codes that programs can use."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from models.errors import BadInput, Blocker, Fault, Refusal
from models.reasons import reason
from webapp import cli

_HEAVY = ("flask", "sqlalchemy", "paho", "PIL", "alembic", "apscheduler", "babel", "httpx")


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command and subcommand under its full name."""
    context = click.Context(cli.ridgewatch)
    waiting = [(name, cli.ridgewatch.get_command(context, name)) for name in _names()]
    while waiting:
        name, command = waiting.pop()
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            waiting += [(f"{name} {sub}", one) for sub, one in command.commands.items()]


def _names() -> list[str]:
    return cli.ridgewatch.list_commands(click.Context(cli.ridgewatch))


def _ridgewatch(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("RIDGEWATCH_")}
    return subprocess.run(
        [sys.executable, "-c", "from webapp.cli import main; main()", *arguments],
        capture_output=True,
        text=True,
        env=bare | environ,
        cwd=Path(__file__).parents[1],
    )


@pytest.fixture
def a_command(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """A command `act` that raises or returns what the test puts into the list."""
    what: list[object] = []

    @click.command()
    def act() -> object:
        """Do what the test says."""
        if isinstance(what[0], BaseException):
            raise what[0]
        return what[0]

    monkeypatch.setattr(cli.LazyGroup, "get_command", lambda *_: act)
    yield what


def test_every_command_and_every_option_has_help() -> None:
    silent = [name for name, command in commands() if not command.get_short_help_str()]
    silent += [
        f"{name} {option.opts[0]}"
        for name, command in commands()
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]

    assert silent == []


def test_help_needs_no_configuration_and_no_heavy_library() -> None:
    script = (
        "import sys; from webapp.cli import run; run(['--help']);"
        f"print([name for name in {_HEAVY} if name in sys.modules], file=sys.stderr)"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env={})

    assert "Exit codes" in done.stdout
    assert done.stderr == "[]\n"


def test_help_of_each_command_goes_to_standard_output() -> None:
    for name in _names():
        assert cli.run([name, "--help"]) == 0


def test_an_unknown_command_is_bad_usage() -> None:
    done = _ridgewatch("reherse")

    assert (done.returncode, done.stdout) == (2, "")
    assert "reherse" in done.stderr


def test_no_command_at_all_shows_the_help_and_is_bad_usage() -> None:
    done = _ridgewatch()

    assert (done.returncode, done.stdout) == (2, "")
    assert "Usage: ridgewatch" in done.stderr


def test_bad_input_lists_every_fault_in_the_callers_language(
    a_command: list[object], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    a_command.append(
        BadInput(
            [
                Fault("RIDGEWATCH_PORT", reason("settings.port_unreadable", value="x")),
                Fault("RIDGEWATCH_SECRET_KEY", reason("settings.no_secret")),
            ]
        )
    )
    monkeypatch.setenv("RIDGEWATCH_LANGUAGE", "zh")

    code = cli.run(["act"])

    said = capsys.readouterr()
    assert (code, said.out) == (2, "")
    assert said.err.splitlines()[0] == "有 2 处需要更正。"
    assert "RIDGEWATCH_PORT: x 不是端口" in said.err
    assert "RIDGEWATCH_SECRET_KEY: 没有设置密钥" in said.err


def test_a_refusal_lists_what_is_in_the_way(
    a_command: list[object], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    blocker = Blocker(reason("settings.port_unreadable", value="y"))
    a_command.append(Refusal(reason("settings.no_secret"), [blocker]))
    monkeypatch.setenv("RIDGEWATCH_LANGUAGE", "en")

    assert cli.run(["act"]) == 2
    assert "  y is not a port." in capsys.readouterr().err


def test_a_fault_of_ours_is_exit_code_3_with_all_of_it_on_standard_error(
    a_command: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    a_command.append(ZeroDivisionError("the stone is gone"))

    code = cli.run(["act"])

    said = capsys.readouterr()
    assert (code, said.out) == (3, "")
    assert "the stone is gone" in said.err and "Traceback" in said.err


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (1, 1), (3, 3)])
def test_a_command_returns_its_exit_code(
    a_command: list[object], returned: object, code: int
) -> None:
    a_command.append(returned)

    assert cli.run(["act"]) == code


def test_a_complaint_of_click_is_bad_usage_not_a_failed_expectation(
    a_command: list[object],
) -> None:
    a_command.append(click.ClickException("no such file"))

    assert cli.run(["act"]) == 2


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "en_GB.UTF-8", "RIDGEWATCH_LANGUAGE": "zh"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "RIDGEWATCH_LANGUAGE": "klingon"}, "zh"),
    ],
)
def test_it_speaks_the_language_of_the_environment(environ: dict[str, str], language: str) -> None:
    assert cli.language_of(environ) == language


def test_no_command_file_imports_ours_before_it_runs() -> None:
    script = (
        "import sys; from webapp.cli import run; run(['--help']);"
        "ours = ('models', 'ingest', 'sensors_sim');"
        "print([name for name in sys.modules if name.split('.')[0] in ours], file=sys.stderr)"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env={})

    assert done.stderr == "[]\n"
