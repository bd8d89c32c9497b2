"""Runs the measurements: `make bench`, or `python -m bench ingest`, `python -m bench pages`."""

import sys
from collections.abc import Callable

from bench import ingest, pages

MEASUREMENTS: dict[str, Callable[[], None]] = {"ingest": ingest.main, "pages": pages.main}


def main(wanted: list[str]) -> int:
    """Run what is named, or all."""
    unknown = set(wanted) - set(MEASUREMENTS)
    if unknown:
        print(f"there is {', '.join(MEASUREMENTS)}; not {', '.join(unknown)}", file=sys.stderr)
        return 2
    for name in wanted or MEASUREMENTS:
        print(f"# {name}")
        MEASUREMENTS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
