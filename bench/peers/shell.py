"""`mosquitto_sub | awk | sqlite3`: near what the machine can do, and nothing else.

A thousand messages a transaction, stored as the bytes that they are: nothing is decoded or judged,
and the broker has its acknowledgement long before anything is on disk.
"""

import contextlib
import shlex
import sqlite3
import time

from bench.meter import Cost, costs
from bench.peers.peer import Place, rows

INSERT = "insert into readings values('%t','%p');"
_AWK = 'NR%1000==1{print "begin;"} {print} NR%1000==0{print "commit;"} END{print "commit;"}'


class Shell:
    """The three programs; they end when all messages have come through."""

    def __init__(self, place: Place, messages: int) -> None:
        self.database = place.folder / "shell.db"
        connection = sqlite3.connect(self.database)
        connection.executescript("pragma journal_mode=wal; create table readings(topic, payload);")
        connection.close()
        # Beside mosquitto's default of 20 unanswered messages, this one's 100 is in its favour.
        listen = f"mosquitto_sub -p {place.broker.port} -i shell -q 1 -t 'ridgewatch/#'"
        line = f'{listen} -C {messages} -F "{INSERT}" | awk {shlex.quote(_AWK)} | '
        line += f"sqlite3 -cmd 'pragma synchronous=full' {shlex.quote(str(self.database))}"
        self.process = place.processes.start("shell", "sh", "-c", line)
        broker = place.broker.child
        assert broker is not None
        broker.wait_for_text("as shell")
        time.sleep(0.5)  # and, a moment later, subscribed
        self._last = Cost(0, 0, 0, 0)

    def stored(self) -> int:
        """Return how many rows are in its database."""
        return rows(self.database)

    def cost(self) -> Cost:
        """Return what the three have cost; after their end, what they had when last asked."""
        with contextlib.suppress(FileNotFoundError):
            self._last = costs(*_family(self.process.pid))
        return self._last


def _family(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [pid, *(int(child) for child in file.read().split())]
