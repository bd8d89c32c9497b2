"""Real processes for tests: started, waited for, killed, and none left running."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

# Below the ports that the kernel deals out for outgoing connections, which would steal them.
_PORTS = range(15_000, 32_000)
_TRIES = 200


def free_port() -> int:
    """Return a TCP port of the loopback that nothing listens on."""
    for port in random.SystemRandom().sample(_PORTS, _TRIES):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


def wait_until(
    question: Callable[[], object], what: str, *, within_s: float = 30.0, every_s: float = 0.05
) -> None:
    """Wait until `question` is true. Raises TimeoutError naming `what` otherwise."""
    give_up_at = time.monotonic() + within_s
    while not question():
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"not within {within_s:g} s: {what}")
        time.sleep(every_s)


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Say whether something listens on a port."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


class Process:
    """One child in a session of its own, so that its children end with it."""

    def __init__(
        self,
        name: str,
        argv: tuple[str, ...],
        folder: Path,
        *,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.argv = argv
        self.stdout_path = folder / f"{name}.out"
        self.stderr_path = folder / f"{name}.err"
        with self.stdout_path.open("ab") as out, self.stderr_path.open("ab") as err:
            self.child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**os.environ, **(env or {})},
                cwd=cwd,
                user=user,
                group=user and _group_of(user),
                extra_groups=[] if user else None,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self.child.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.child.poll() is None

    @property
    def stdout(self) -> str:
        """What it has printed."""
        return self.stdout_path.read_text(errors="replace")

    @property
    def stderr(self) -> str:
        """What it has logged."""
        return self.stderr_path.read_text(errors="replace")

    def wait_until(
        self, question: Callable[[], object], what: str, within_s: float = 30.0
    ) -> "Process":
        """Wait while it runs; a child that died is reported at once, with what it said."""

        def done() -> bool:
            if question():
                return True
            if not self.running:
                raise AssertionError(
                    f"{self.name} ended with {self.child.returncode}\n{self.stderr}"
                )
            return False

        wait_until(done, f"{self.name}: {what}", within_s=within_s)
        return self

    def wait_for_port(self, port: int, within_s: float = 30.0) -> "Process":
        """Wait until it listens."""
        return self.wait_until(lambda: answers(port), f"listens on {port}", within_s)

    def wait_for_text(self, text: str, within_s: float = 30.0) -> "Process":
        """Wait until it has printed or logged a text."""
        return self.wait_until(lambda: text in self.stdout + self.stderr, f"says {text}", within_s)

    def wait(self, within_s: float = 30.0) -> int:
        """Wait for its end and return the exit code."""
        return self.child.wait(within_s)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to this process alone, not to its children."""
        self.child.send_signal(number)

    def kill(self) -> None:
        """kill -9 of this process alone."""
        self.send(signal.SIGKILL)
        self.child.wait()

    def pause(self) -> None:
        """SIGSTOP: it hangs, as on a machine that stalls."""
        self.send(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT after a pause."""
        self.send(signal.SIGCONT)

    def stop(self, within_s: float = 15.0, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop and return the exit code. Raises TimeoutExpired where it will not."""
        if self.running:
            self.go_on()
            self.send(number)
        return self.child.wait(within_s)

    def end(self) -> None:
        """End it and all its children whatever happens; for the end of a test."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.stop(within_s=10.0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.child.wait()


def _group_of(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_gid


class Processes:
    """The children of one test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.all: list[Process] = []

    def start(
        self,
        name: str,
        *argv: str | Path,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        cwd: Path | None = None,
    ) -> Process:
        """Start a program; its output is kept and shown if the test fails."""
        texts = tuple(str(part) for part in argv)
        process = Process(name, texts, self.folder, env=env, user=user, cwd=cwd)
        self.all.append(process)
        return process

    def end_all(self) -> None:
        """End every child, the newest first."""
        for process in reversed(self.all):
            process.end()

    def report(self) -> str:
        """Return the last of what each has said."""
        parts = []
        for name in dict.fromkeys(process.name for process in self.all):
            one = next(process for process in self.all if process.name == name)
            parts.append(f"--- {name}: {' '.join(one.argv)}\n{(one.stdout + one.stderr)[-4000:]}")
        return "\n".join(parts)


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    """Start real processes; all of them end with the test."""
    folder = tmp_path / "processes"
    folder.mkdir()
    children = Processes(folder)
    yield children
    children.end_all()
