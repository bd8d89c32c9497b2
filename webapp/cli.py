"""The `ridgewatch` command: finds each command in webapp/commands by its file's name.

A file `webapp/commands/NAME.py` defines `command`, a click command or group. What it needs it
imports inside the command, so that `--help` is quick and needs no configuration.
"""

import importlib
import logging
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from models.errors import Refused

_COMMANDS = Path(__file__).parent / "commands"
BAD_INPUT = 2
FAILED = 3
INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group that reads a command's file only when that command is named, or all are listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the files in webapp/commands."""
        stems = (path.stem for path in _COMMANDS.glob("*.py"))
        return sorted(stem.replace("_", "-") for stem in stems if not stem.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command that a file defines."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"webapp.commands.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        command.name = cmd_name
        return command


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="ridgewatch", message="%(prog)s %(version)s")
def ridgewatch() -> None:
    """Watch rain, cracks and damp in historic buildings, and see emergencies through.

    Settings come from RIDGEWATCH_… variables; docs/operations.md lists them.
    Results go to standard output, everything else to standard error.

    \b
    Exit codes:
      0  done
      1  an expectation failed (rehearse --expect)
      2  bad usage or input
      3  the run failed, or a check found a fault
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    for chatty in ("alembic", "httpx", "httpcore"):  # they tell of every look, not of events
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # It warns of every call that waits for the one before; ours are made for that.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    try:
        # What a command returns is its exit code; most return nothing, which is 0.
        code = ridgewatch.main(args=arguments, prog_name="ridgewatch", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as wrong:
        wrong.show(sys.stderr)
        return BAD_INPUT
    except click.Abort:
        return INTERRUPTED
    except BrokenPipeError:
        return _reader_went_away()
    except Exception as fault:
        return _fault(fault)
    return code if isinstance(code, int) else 0


def _reader_went_away() -> int:
    """Let `ridgewatch tail | head` end in silence: at exit Python would flush, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _fault(fault: Exception) -> int:
    """Say what was refused, in the caller's language; anything else is ours, so show all of it."""
    from models.errors import Refused

    if isinstance(fault, Refused):
        for line in refusal_lines(fault, language_of(os.environ)):
            click.echo(line, err=True)
        return BAD_INPUT
    traceback.print_exception(fault)
    return FAILED


def refusal_lines(refused: "Refused", language: str) -> list[str]:
    """Return a refusal and everything wrong or in the way, one line each."""
    from models.errors import BadInput, Refusal
    from models.words.render import Reader, text

    reader = Reader(language, "UTC")
    lines = [text(refused.reason, reader)]
    if isinstance(refused, BadInput):
        lines += [f"  {fault.where}: {text(fault.reason, reader)}" for fault in refused.faults]
    if isinstance(refused, Refusal):
        lines += [f"  {text(blocker.reason, reader)}" for blocker in refused.blockers]
    return lines


def language_of(environ: Mapping[str, str]) -> str:
    """Return the language to speak: RIDGEWATCH_LANGUAGE, else the locale's, else English."""
    asked = environ.get("RIDGEWATCH_LANGUAGE", "").lower()
    if asked in ("zh", "en"):
        return asked
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environ.get(variable):
            return "zh" if environ[variable].lower().startswith("zh") else "en"
    return "en"
