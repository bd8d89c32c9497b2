"""Which clients have a session with us, so that a reconnecting one keeps what it has not yet sent.

All that a publisher's session holds is on the publisher's side: messages not yet acknowledged.
MQTT 5 makes it throw them away when the server does not remember the session (3.2.2.1.1), so we
remember, across a restart too.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger(__name__)

MOST_CLIENTS = 100_000


class Remembered:
    """Client ids with the moment at which their session ends (None: never, or connected now).

    Sessions without an end are also kept in the file, one change a line. It is not synced to
    disk: a power cut may cost the last few, and a new connection then starts a new session.
    """

    def __init__(self, path: Path | None, clock: Callable[[], float]) -> None:
        self._path, self._clock = path, clock
        self._ends: dict[str, float | None] = {}
        self._lasting: dict[str, None] = dict.fromkeys(_load(path), None)
        self._seen: dict[str, None] = {}
        self._ends.update(dict.fromkeys(self._lasting, None))
        self._rewrite()

    def begin(self, client_id: str, *, clean: bool, expiry_s: int | None) -> bool:
        """Begin or go on with a session; say whether there was one to go on with."""
        end = self._ends.pop(client_id, 0.0)
        present = not clean and (end is None or end > self._clock())
        self._ends[client_id] = None
        self._keep(client_id, expiry_s is None)
        _limit(self._ends)
        return present

    def leave(self, client_id: str, expiry_s: int | None) -> None:
        """The connection has ended; the session goes on for `expiry_s` seconds."""
        self._keep(client_id, expiry_s is None)
        if expiry_s is None:
            return
        self._ends.pop(client_id, None)
        if expiry_s:
            self._ends[client_id] = self._clock() + expiry_s

    def seen_before(self, client_id: str) -> bool:
        """Say whether this client id has connected before, and note that it has now."""
        before = client_id in self._seen or client_id in self._lasting
        self._seen[client_id] = None
        _limit(self._seen)
        return before

    def _keep(self, client_id: str, lasting: bool) -> None:
        if lasting == (client_id in self._lasting):
            return
        if lasting:
            self._lasting[client_id] = None
            _limit(self._lasting)
        else:
            del self._lasting[client_id]
        self._write("a", [("+" if lasting else "-", client_id)])

    def _rewrite(self) -> None:
        self._write("w", [("+", client_id) for client_id in self._lasting])

    def _write(self, mode: str, changes: list[tuple[str, str]]) -> None:
        if self._path is None:
            return
        lines = "".join(sign + json.dumps(client_id) + "\n" for sign, client_id in changes)
        try:
            with self._path.open(mode, encoding="utf-8") as file:
                file.write(lines)
        except OSError as error:  # a full disk must not keep messages out
            log.error("sessions=%s not_saved=%r", self._path, str(error))


def _load(path: Path | None) -> list[str]:
    if path is None or not path.exists():
        return []
    lasting: dict[str, None] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            client_id = str(json.loads(line[1:]))
        except ValueError:  # the line that a crash cut short
            continue
        lasting.pop(client_id, None)
        if line.startswith("+"):
            lasting[client_id] = None
    return list(lasting)[-MOST_CLIENTS:]


def _limit(clients: dict[str, None] | dict[str, float | None]) -> None:
    if len(clients) > MOST_CLIENTS:
        del clients[next(iter(clients))]
