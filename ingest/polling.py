"""Waiting for one socket, or for another thread that has something to send."""

from __future__ import annotations

import logging
import select
import socket
from typing import Any

log = logging.getLogger(__name__)


class Wake:
    """Ends a wait from another thread."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def call(self) -> None:
        try:
            self._writer.send(b"w")
        except BlockingIOError:  # it has been woken often enough
            return
        except OSError:  # whoever waited has stopped
            log.debug("wake=stopped")

    def wait(self, connection: Any, *, read: bool, write: bool) -> tuple[bool, bool]:
        """Wait up to a second; say whether the connection can be read, and written."""
        if read and has_pending(connection):
            return True, False
        poll = select.poll()  # not select(): the receiver beside us may hold thousands of files
        poll.register(self._reader, select.POLLIN)
        # One that is neither read nor written is left out: its end would be told again and again.
        if wanted := select.POLLIN * read | select.POLLOUT * write:
            poll.register(connection, wanted)
        ready = dict(poll.poll(1000))
        if self._reader.fileno() in ready:
            self._clear()
        found = ready.get(connection.fileno(), 0)
        return bool(found & ~select.POLLOUT), bool(found & select.POLLOUT)

    def close(self) -> None:
        self._reader.close()
        self._writer.close()

    def _clear(self) -> None:
        try:
            while self._reader.recv(4096):
                continue
        except BlockingIOError:
            return


def has_pending(connection: Any) -> bool:
    """Whether TLS has decrypted bytes that polling the socket cannot see."""
    return bool(getattr(connection, "pending", int)())
