"""The key book of the database, as the receiver asks it: read again when it is a moment old."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ingest.receiver.keys import Grant
from models.keys import is_secret, working_keys
from models.store import Store

KEPT_S = 2.0
"""How long the keys are taken from memory: a revoked one is noticed well within 5 seconds, and
a thousand devices that come back at once cost one query, not a thousand."""

# Checked where there is no such key, so that the answer takes as long.
_NOBODY = "0" * 64


@dataclass(frozen=True, slots=True)
class _Key:
    secret_hash: str
    grant: Grant


class StoredKeys:
    """Checks credentials against the device keys of a store. Safe to ask from many threads."""

    def __init__(self, store: Store, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store, self._monotonic = store, monotonic
        self._lock = threading.Lock()
        self._keys: Mapping[str, _Key] = {}
        self._read_at: float | None = None

    def check(self, client_id: str, username: str | None, password: bytes | None) -> Grant | None:
        """Return what the key called `username` allows, None where the secret isn't its own."""
        key = self._current().get(username or "")
        secret = (password or b"").decode("utf-8", "replace")
        if not is_secret(key.secret_hash if key else _NOBODY, secret) or key is None:
            return None
        return key.grant

    def holds(self, username: str) -> bool:
        """Whether the key still stands: a connection that it opened ends when it doesn't."""
        return username in self._current()

    def _current(self) -> Mapping[str, _Key]:
        with self._lock:
            now = self._monotonic()
            if self._read_at is None or now - self._read_at >= KEPT_S:
                self._keys = self._read()
                self._read_at = now
            return self._keys

    def _read(self) -> dict[str, _Key]:
        with self._store.reading() as session:
            return {
                row.name: _Key(row.secret_hash, Grant(row.device, tuple(row.topics)))
                for row in working_keys(session)
            }
