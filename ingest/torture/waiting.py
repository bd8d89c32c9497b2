"""Ports, and waiting for what listens on them."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from time import monotonic, sleep

STARTS_WITHIN_S = 30.0
# Below the ports that the kernel deals out for outgoing connections, which would steal them.
_PORTS = range(15_000, 32_000)


class Failed(Exception):
    """The throw-away installation did not do what every installation does: a fault of ours."""


def free_port() -> int:
    """Return a TCP port of the loopback that nothing listens on."""
    for _ in range(200):
        port = _PORTS[secrets.randbelow(len(_PORTS))]
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Failed("no free port")


def answers(port: int) -> bool:
    """Say whether something listens on a port of the loopback."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def wait_until(question: Callable[[], bool], what: str, within_s: float = STARTS_WITHIN_S) -> None:
    """Wait until the answer is yes. Raises Failed."""
    until_s = monotonic() + within_s
    while not question():
        if monotonic() > until_s:
            raise Failed(f"not within {within_s:g} s: {what}")
        sleep(0.02)
