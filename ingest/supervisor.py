"""Runs the roles as children: starts them, starts again what died, and stops all together."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import IO

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
WELL_AFTER_S = 30.0  # a child that ran this long is well: the next pause is short again
STOPS_WITHIN_S, STAGE_WITHIN_S = 9.0, 6.0
LOOKS_EVERY_S = 0.1
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class Program:
    """A child to run. One that ends with 0 by itself (`for_ever` false) is not started again."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    for_ever: bool = True
    refused: tuple[int, ...] = (2,)  # bad settings: starting again would not help
    log: Path | None = None  # None: says what it says where we do
    stage: int = 1  # when it is stopped: who speaks to others before those whom others speak to


@dataclass
class _Child:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    start_at_s: float = 0.0
    over: bool = False


class Supervisor:
    """Children of one process; they die with it, however it ends."""

    def __init__(self, programs: Sequence[Program]) -> None:
        self._children = [_Child(program) for program in programs]

    def start(self) -> None:
        """Start those that are not running."""
        for child in self._children:
            if child.process is None and not child.over:
                self._start(child)

    def add(self, program: Program) -> None:
        """Start one more."""
        child = _Child(program)
        self._children.append(child)
        self._start(child)

    def watch(self, stop: Event) -> int:
        """Keep all running until told to stop; return the exit code.

        A child that refuses its settings ends everything: it has said what is wrong.
        """
        while not stop.wait(LOOKS_EVERY_S):
            code = self.look_after()
            if code is not None:
                return code
        return 0

    def look_after(self) -> int | None:
        """Start again what has ended; return the code of a child that refused, else None."""
        codes = [self._look_after(child) for child in self._children]
        return next((code for code in codes if code is not None), None)

    def stop(self) -> None:
        """Ask all to stop, stage after stage; end what has not stopped in time."""
        until_s = time.monotonic() + STOPS_WITHIN_S
        for stage in sorted({child.program.stage for child in self._children}):
            self._stop([one for one in self._children if one.program.stage == stage], until_s)

    def _stop(self, children: Sequence[_Child], until_s: float) -> None:
        running = [child.process for child in children if child.process is not None]
        for process in running:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        until_s = min(until_s, time.monotonic() + STAGE_WITHIN_S)
        for process in running:
            try:
                process.wait(max(0.1, until_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("child=%d stopping=slow killed=1", process.pid)
                process.kill()
                process.wait()

    def _start(self, child: _Child) -> None:
        with _output(child.program.log) as output:
            child.process = subprocess.Popen(
                child.program.argv,
                env={**os.environ, **child.program.env},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=die_with_parent,
                # Ctrl-C is for the supervisor; the children are asked by it, in order.
                process_group=0,
            )
        child.started_s = time.monotonic()

    def _look_after(self, child: _Child) -> int | None:
        """Start a child again whose time has come; return a code where it refused."""
        now_s = time.monotonic()
        if child.over or _is_running(child):
            return None
        if child.process is not None:
            return self._ended(child, child.process.returncode, now_s)
        if now_s >= child.start_at_s:
            self._start(child)
        return None

    def _ended(self, child: _Child, code: int, now_s: float) -> int | None:
        child.process = None
        if code in child.program.refused:
            log.error("child=%s refused=%d", child.program.name, code)
            return code
        if code == 0 and not child.program.for_ever:
            child.over = True
            return None
        if now_s - child.started_s >= WELL_AFTER_S:
            child.pause_s = FIRST_PAUSE_S
        log.warning("child=%s ended=%d again_in_s=%g", child.program.name, code, child.pause_s)
        child.start_at_s = now_s + child.pause_s
        child.pause_s = min(child.pause_s * 2, LONGEST_PAUSE_S)
        return None


def own(
    name: str,
    *more: str,
    env: Mapping[str, str] | None = None,
    log: Path | None = None,
    stage: int = 1,
) -> Program:
    """Return one of our own commands as a child."""
    argv = (sys.executable, "-m", "webapp", name, *more)
    return Program(name, argv, env or {}, log=log, stage=stage)


def _output(log: Path | None) -> AbstractContextManager[IO[bytes] | None]:
    return nullcontext() if log is None else log.open("ab")


def _is_running(child: _Child) -> bool:
    return child.process is not None and child.process.poll() is None


def die_with_parent(with_signal: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel end this process when its parent is killed; called right after a fork."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, with_signal)
