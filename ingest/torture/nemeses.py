"""What may befall an installation, one kind each: what it needs, how it strikes, how it ends."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

from ingest.local_broker import find_mosquitto
from ingest.storage_faults import EXIT_STORAGE
from ingest.torture.house import SECOND, House
from ingest.torture.proxy import Proxy
from ingest.torture.waiting import Failed
from models.reasons import Reason, reason

SMALL_DISK_BYTES = 96 * 1024 * 1024
# 1 on Ubuntu: a process may trace its own children only, and the ingester is not strace's.
PTRACE_SCOPE = Path("/proc/sys/kernel/yama/ptrace_scope")
SMALLEST_FILE_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class Scene:
    """What a nemesis may lay hands on, and for how long."""

    house: House
    proxy: Proxy
    random: Random
    lasts_s: float


Strike = Callable[[Scene], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Nemesis:
    """`roles`: which processes must run for it. `lasts_s`: between which lengths it holds.

    `recovers_s`: the bar. So long after its end at most, messages are acknowledged again, and
    the roles that it strikes have turned again.
    """

    name: str
    strike: Strike
    roles: tuple[str, ...] = ()
    lasts_s: tuple[float, float] = (0.0, 0.0)
    lacks: Callable[[], Reason | None] = lambda: None
    small_disk: bool = False
    broker: bool = False
    sqlite_only: bool = False
    recovers_s: float = 5.0
    usually_s: float = 1.5  # what the plan reckons with


async def _kill(scene: Scene, role: str) -> None:
    scene.house.kill(role)
    await asyncio.sleep(scene.lasts_s)
    scene.house.start(role)


async def _pause(scene: Scene, role: str) -> None:
    scene.house.signal(role, signal.SIGSTOP)
    await asyncio.sleep(scene.lasts_s)
    scene.house.signal(role, signal.SIGCONT)


async def _fill_disk(scene: Scene) -> None:
    """Fill what is left of a small disk, as a log or another program would."""
    filler = scene.house.data_dir / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError:
                continue
    await asyncio.sleep(scene.lasts_s)
    filler.unlink()


async def _limit_files(scene: Scene) -> None:
    """Let no file grow: writes fail as on a broken disk, and the writer must end, not guess."""
    scene.house.limit_files("ingest", SMALLEST_FILE_BYTES)
    await _ends_by_itself(scene)


async def _fail_fsync(scene: Scene) -> None:
    """Let the next fsync of the ingester fail; after that even a success may be a lie."""
    pid = str(scene.house.runs["ingest"].pid)
    argv = ["strace", "-f", "-qq", "-o", os.devnull, "-p", pid, "-e", "trace=fdatasync,fsync"]
    tracer = subprocess.Popen([*argv, "-e", "inject=fdatasync,fsync:error=EIO"])
    try:
        await _ends_by_itself(scene)
    finally:
        tracer.kill()
        tracer.wait()


async def _ends_by_itself(scene: Scene) -> None:
    code = await asyncio.to_thread(scene.house.wait_for_end, "ingest")
    if code != EXIT_STORAGE:
        raise Failed(f"the ingester ended with {code} instead of {EXIT_STORAGE}")
    await asyncio.sleep(scene.lasts_s)
    scene.house.start("ingest")


async def _step_clock(scene: Scene) -> None:
    """Set the machine's clock, as Ridgewatch reads it, an hour on or back; then right again."""
    hour = scene.random.choice((3600, -3600))
    scene.house.clock_offset.write_text(str(hour), encoding="ascii")
    await asyncio.sleep(scene.lasts_s)
    scene.house.clock_offset.write_text("0", encoding="ascii")


async def _second_ingester(scene: Scene) -> None:
    """Let a second ingester stand by, kill the first, so that it takes over; and back again."""
    house = scene.house
    for works, stands_by in (("ingest", SECOND), (SECOND, "ingest")):
        await asyncio.to_thread(house.start_standing_by, stands_by)
        await asyncio.sleep(scene.lasts_s / 2)
        house.kill(works)


def _on_network(what: Callable[[Scene], None]) -> Strike:
    async def strike(scene: Scene) -> None:
        what(scene)
        await asyncio.sleep(scene.lasts_s)
        scene.proxy.heal()

    return strike


def _no_root_for_mount() -> Reason | None:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return reason("torture.lacks_root", instead="limit-files")
    return None


def _no_strace() -> Reason | None:
    if shutil.which("strace") is None:
        return reason("torture.lacks_program", program="strace")
    try:
        may_attach = PTRACE_SCOPE.read_text(encoding="ascii").strip() == "0"
    except OSError:  # a kernel without this restriction
        may_attach = True
    return None if may_attach or os.geteuid() == 0 else reason("torture.lacks_ptrace")


def _no_prlimit() -> Reason | None:
    return None if sys.platform == "linux" else reason("torture.lacks_linux")


def no_mosquitto() -> Reason | None:
    """Why there is no broker on this machine, if there is none."""
    return None if find_mosquitto() else reason("torture.lacks_program", program="mosquitto")


def _for_role(strike: Callable[[Scene, str], Awaitable[None]], role: str) -> Strike:
    async def on_role(scene: Scene) -> None:
        await strike(scene, role)

    return on_role


_ALL = (
    *(
        Nemesis(f"kill-{role}", _for_role(_kill, role), (role,), (0.0, 0.5))
        for role in ("ingest", "work", "web")
    ),
    # A clock that was killed could not give its lease back: ten seconds.
    Nemesis(
        "kill-clock",
        _for_role(_kill, "clock"),
        ("clock",),
        (0.0, 0.5),
        recovers_s=15.0,
        usually_s=10.0,
    ),
    *(
        Nemesis(f"pause-{role}", _for_role(_pause, role), (role,), (0.5, 3.0), recovers_s=10.0)
        for role in ("ingest", "clock")
    ),
    Nemesis("cut", _on_network(lambda scene: scene.proxy.cut()), (), (0.2, 1.0), recovers_s=15.0),
    Nemesis(
        "delay",
        _on_network(lambda scene: scene.proxy.delay(scene.random.uniform(0.05, 0.3))),
        (),
        (1.0, 3.0),
        recovers_s=15.0,
    ),
    Nemesis(
        "half-close",
        _on_network(lambda scene: scene.proxy.half_close()),
        (),
        (0.5, 2.0),
        recovers_s=15.0,
    ),
    Nemesis(
        "black-out",
        _on_network(lambda scene: scene.proxy.black_out()),
        (),
        (0.5, 6.0),
        recovers_s=15.0,
    ),
    Nemesis(
        "two-ingesters", _second_ingester, ("ingest",), (1.0, 4.0), recovers_s=10.0, usually_s=5.0
    ),
    Nemesis("clock-step", _step_clock, ("clock",), (1.0, 3.0)),
    Nemesis("fsync-fails", _fail_fsync, (), (0.0, 0.5), lacks=_no_strace, sqlite_only=True),
    Nemesis("limit-files", _limit_files, (), (0.0, 0.5), lacks=_no_prlimit, sqlite_only=True),
    Nemesis(
        "disk-full",
        _fill_disk,
        (),
        (1.0, 3.0),
        lacks=_no_root_for_mount,
        small_disk=True,
        sqlite_only=True,
    ),
    Nemesis("kill-broker", _for_role(_kill, "broker"), (), (0.1, 0.5), no_mosquitto, broker=True),
)
NEMESES: Mapping[str, Nemesis] = {one.name: one for one in _ALL}


def mount_small_disk(folder: Path) -> None:
    """Put a disk of its own with little room at `folder`; only root may. Raises OSError."""
    size = f"size={SMALL_DISK_BYTES}"
    argv = ["mount", "-t", "tmpfs", "-o", size, "ridgewatch-torture", str(folder)]
    subprocess.run(argv, check=True, capture_output=True)


def unmount(folder: Path) -> None:
    """Take it away again, whoever still has a file open on it."""
    subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)
