"""The load generator that every measurement shares: `mqload.c`, compiled when it is first used."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.figures import BUILD, ROOT, Figure
from bench.options import Options

SOURCE = Path(__file__).with_name("mqload.c")


@dataclass(frozen=True)
class Load:
    """What is sent: single readings, QoS 1, over so many connections of so many sensors each."""

    connections: int
    sensors: int  # of each connection
    channels: int  # of each device; a connection carries one device or several
    messages: int
    per_second: float = 0.0  # 0: flat out
    window: int = 64  # unanswered messages of each connection
    seconds: float = 0.0  # after which no more is sent, whatever is left; 0: all is sent
    ahead_ms: int = 0  # how far the site's clock is ahead of this machine's

    @property
    def all_sensors(self) -> int:
        """How many sensors speak."""
        return self.connections * self.sensors


Size = tuple[int, int, int]  # sites, sensors at each, channels of each device


def town(options: Options) -> Size:
    """Return the same 20,000 sensors for everything that is compared with others."""
    return sized(options, 100, 200)


def sized(options: Options, sites: int, sensors: int) -> Size:
    """Return a size that one may be told otherwise; a site's one device has all its channels."""
    sensors = options.sensors or sensors
    return options.sites or sites, sensors, min(options.channels or sensors, sensors)


@dataclass(frozen=True)
class Sent:
    """What became of it. Latency is from when a message was due to its PUBACK."""

    sent: int
    acknowledged: int
    repeated: int
    reconnected: int
    seconds: float
    per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_s: float  # of the generator


def built() -> Path:
    """Return the compiled generator. Raises SystemExit where there is no C compiler."""
    program = BUILD / "mqload"
    if program.exists() and program.stat().st_mtime > SOURCE.stat().st_mtime:
        return program
    compiler = shutil.which("cc")
    if compiler is None:
        raise SystemExit("bench needs a C compiler for its load generator: no `cc` on the path")
    BUILD.mkdir(parents=True, exist_ok=True)
    subprocess.run([compiler, "-O2", "-o", program, SOURCE], check=True)
    return program


def begin(
    port: int,
    load: Load,
    *,
    acknowledged: Path | None = None,
    sent: Path | None = None,
    reconnects: bool = False,
) -> subprocess.Popen[str]:
    """Start to send, and return once all connections stand."""
    argv = [str(built()), "-P", str(port), "-c", str(load.connections), "-s", str(load.sensors)]
    argv += ["-d", str(load.channels)]
    argv += ["-n", str(load.messages), "-r", str(load.per_second), "-W", str(load.window)]
    argv += ["-t", str(load.seconds), "-o", str(load.ahead_ms)]
    argv += ["-a", str(acknowledged)] if acknowledged else []
    argv += ["-l", str(sent)] if sent else []
    argv += ["-R"] if reconnects else []
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = process.stderr.readline()
    if said != "connected\n":
        process.wait()
        raise RuntimeError(f"the generator did not connect: {said}{process.stderr.read()}")
    return process


def result(process: subprocess.Popen[str]) -> Sent:
    """Wait for the end. Raises RuntimeError where not all was acknowledged."""
    out, err = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(f"the generator failed: {err}")
    return Sent(**json.loads(out))


def send(port: int, load: Load) -> Sent:
    """Send it all and return what became of it."""
    return result(begin(port, load))


def measure(options: Options) -> Iterator[Figure]:
    """Test that its messages decode to what it says it has sent."""
    test = ROOT / "tests" / "test_bench.py"
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-m", "bench", test], cwd=ROOT)
    yield Figure("tests of the generator that failed", done.returncode, "", at_most=0)
