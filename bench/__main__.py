"""Runs the measurements: `make bench`, or `python -m bench NAME …` for some of them."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict, fields
from importlib import import_module

from bench.figures import Figure, keep, machine, table
from bench.options import Options

MEASUREMENTS = {
    "generator": "does the load generator send what it says? (a test, the first of all)",
    "client": "mqtt of npm, a client that is not ours, against the receiver",
    "flat_out": "readings a second and their cost, beside Node-RED and a shell",
    "subscriber": "through mosquitto and the paho subscriber",
    "latency": "publish to committed at 1,000 messages a second",
    "memory": "the ingester with 20,000 sensors",
    "at_rest": "bytes of a reading on disk",
    "postgres": "PostgreSQL instead of SQLite",
    "queries": "a year's chart, the latest of 1,000 sensors",
    "pages": "server time of the pages that people wait for",
    "nation": "every protected site of a nation: 17,000 messages a second, a million sensors",
    "hour": "the nation's load while every sensor's hour closes (only when named)",
    "kills": "kill -9 during the nation's load: what was acknowledged and is not stored",
}
APART = ("hour",)


def main() -> int:
    """Run what is named, or all; print figures as they come and the table at the end."""
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog="\n".join(f"  {name:12}{what}" for name, what in MEASUREMENTS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; all where none is named")
    parser.add_argument("--table", action="store_true", help="print what earlier runs have kept")
    for option in fields(Options):
        parser.add_argument(f"--{option.name}", type=int)
    asked = vars(parser.parse_args())
    names, show = asked.pop("names"), asked.pop("table")
    if unknown := [name for name in names if name not in MEASUREMENTS]:
        parser.error(f"there is {', '.join(MEASUREMENTS)}; not {', '.join(unknown)}")
    if not show:
        print(machine())
        _run(names or [name for name in MEASUREMENTS if name not in APART], Options(**asked))
    if show or not names:
        print(table())
    return 0


def _run(names: list[str], options: Options) -> None:
    for name in names:
        print(f"# {name}: {MEASUREMENTS[name]}", flush=True)
        found: Iterator[Figure] = import_module(f"bench.{name}").measure(options)
        figures = []
        for figure in found:
            print(f"  {figure.line()}", flush=True)
            figures.append(figure)
        keep(name, figures, asdict(options))


if __name__ == "__main__":
    sys.exit(main())
