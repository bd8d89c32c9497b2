"""Which programs the tests drive besides Python: where they are, and how to get what lacks.

`python -m tests.harness.needs [--install] [LEFT OUT …]` is what `make test` asks before it starts.
"""

import argparse
import glob
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# First its headless shell: the same engine without a desktop's trimmings, for half the work.
CHROMIUM_NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)


@dataclass(frozen=True, slots=True)
class Need:
    """Something outside the virtual environment, the packages that bring it, and its fixtures."""

    name: str
    found: Callable[[], object]
    packages: tuple[str, ...]
    fixtures: frozenset[str]


def program(name: str) -> str | None:
    """Return the path of a program; also from sbin, which is not on everyone's PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")


@cache
def chromium() -> str | None:
    """Return a Chromium that starts. (Ubuntu's package is only a door to the snap shop.)"""
    candidates = [os.environ.get("RW_CHROMIUM"), *map(shutil.which, CHROMIUM_NAMES)]
    candidates += sorted(
        glob.glob(str(Path.home() / ".cache/ms-playwright/chromium-*/chrome-linux*/chrome")),
        reverse=True,
    )
    return next((path for path in candidates if path and _starts(path)), None)


def _starts(path: str) -> bool:
    try:
        done = subprocess.run([path, "--version"], capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _draws_chinese() -> bool:
    lister = shutil.which("fc-list")
    if lister is None:
        return False
    fonts = subprocess.run([lister, ":lang=zh", "family"], capture_output=True, text=True)
    return bool(fonts.stdout.strip())


def _has_browser() -> bool:
    return chromium() is not None and _draws_chinese()


@cache
def postgres_bin() -> Path | None:
    """Return the folder of initdb and postgres, the newest where there are several."""
    folders = [
        Path(found)
        for found in glob.glob("/usr/lib/postgresql/*/bin") + glob.glob("/usr/pgsql-*/bin")
    ]
    folders.sort(key=lambda folder: [int(part) for part in folder.parts if part.isdigit()])
    on_path = program("initdb")
    folders += [Path(on_path).resolve().parent] if on_path else []
    usable = [folder for folder in folders if all((folder / n).exists() for n in _PG_PROGRAMS)]
    return usable[-1] if usable else None


_PG_PROGRAMS = ("initdb", "postgres")

NEEDS = {
    need.name: need
    for need in (
        Need(
            "browser",
            _has_browser,
            ("chromium-headless-shell", "fontconfig", "fonts-wqy-microhei"),
            frozenset({"browser"}),
        ),
        Need("postgres", postgres_bin, ("postgresql",), frozenset({"postgres", "postgres_url"})),
        Need(
            "mosquitto",
            lambda: program("mosquitto") and program("mosquitto_pub"),
            ("mosquitto", "mosquitto-clients"),
            frozenset({"mosquitto", "start_mosquitto"}),
        ),
        Need("strace", lambda: program("strace"), ("strace",), frozenset({"strace"})),
    )
}


def lacking(names: Collection[str] = tuple(NEEDS)) -> list[Need]:
    """Return those of the needs that this machine does not meet."""
    return [NEEDS[name] for name in names if not NEEDS[name].found()]


def how_to_get(needs: Collection[Need]) -> str:
    """Return the one line to run as root."""
    packages = " ".join(package for need in needs for package in need.packages)
    line = f"apt-get update && apt-get install -y --no-install-recommends {packages}"
    if _on_ubuntu() and any(need.name == "browser" for need in needs):
        line = line.replace(" chromium-headless-shell", "") + f" && {_playwright_install()}"
    return line


def _on_ubuntu() -> bool:
    release = Path("/etc/os-release")
    return release.exists() and "ID=ubuntu" in release.read_text().splitlines()


def _playwright_install() -> str:
    return f"{sys.executable} -m playwright install --with-deps chromium"


def install(needs: Collection[Need]) -> None:
    """Install packages; only root can. Raises CalledProcessError where apt-get fails."""
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["sh", "-c", how_to_get(needs)], check=True, env=environ, stdout=sys.stderr)
    chromium.cache_clear()
    postgres_bin.cache_clear()


def _may_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def main() -> int:
    """Say what lacks and, with --install and as root, install it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--install", action="store_true", help="install it, when root")
    parser.add_argument("left_out", nargs="*", help=f"do without: {' '.join(NEEDS)}")
    asked = parser.parse_args()
    unknown = sorted(set(asked.left_out) - set(NEEDS))
    if unknown:
        parser.error(f"WITHOUT knows {' '.join(NEEDS)}, not {' '.join(unknown)}")
    wanted = [name for name in NEEDS if name not in asked.left_out]
    missing = lacking(wanted)
    if missing and asked.install and _may_install():
        install(missing)
        missing = lacking(wanted)
    if not missing:
        return 0
    names = " ".join(need.name for need in missing)
    print(f"The tests need: {names}. Run as root:\n  {how_to_get(missing)}", file=sys.stderr)
    print(f'or leave that part out:\n  make test WITHOUT="{names}"', file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
