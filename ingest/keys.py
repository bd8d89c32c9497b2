"""The key book of the database, as the receiver asks it: read again when it is a moment old."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from ingest.receiver.keys import Grant
from models.clock import machine_now
from models.keys import is_secret, keys_version, working_keys
from models.people import DeviceKey
from models.store import Store

KEPT_S = 1.0
"""How long the keys are taken from memory: a revoked one is noticed well within 5 seconds, and
a thousand devices that come back at once cost one query, not a thousand."""

# Checked where there is no such secret, so that the answer takes as long.
_NOBODY = "0" * 64


@dataclass(frozen=True, slots=True)
class _Key:
    """The hashes of its secrets, and what it allows; `old_until` is machine time."""

    new: str
    old: str | None
    old_until: datetime | None
    device: str | None
    topics: tuple[str, ...]

    @property
    def hashes(self) -> tuple[str, ...]:
        """What opens it now, the newest secret's first."""
        over = self.old_until is not None and self.old_until <= machine_now()
        return (self.new,) if self.old is None or over else (self.new, self.old)


class StoredKeys:
    """Checks credentials against the device keys of a store. Safe to ask from many threads."""

    def __init__(self, store: Store, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store, self._monotonic = store, monotonic
        self._lock = threading.Lock()
        self._keys: Mapping[str, _Key] = {}
        self._version: object = None
        self._read_at: float | None = None

    def check(self, client_id: str, username: str | None, password: bytes | None) -> Grant | None:
        """Return what the key called `username` allows, None where the secret isn't its own."""
        key = self._current().get(username or "")
        secret = (password or b"").decode("utf-8", "replace")
        hashes = key.hashes if key else ()
        # Always two comparisons: how long it takes tells nobody which keys are rotating.
        new, old = (*hashes, _NOBODY, _NOBODY)[:2]
        is_new, is_old = is_secret(new, secret), is_secret(old, secret)
        if key is None or not (is_new or is_old):
            return None
        return Grant(key.device, key.topics, new if is_new else old, with_old_secret=not is_new)

    def holds(self, username: str, grant: Grant) -> bool:
        """Whether the key still stands as it was: a connection that it opened ends when not."""
        key = self._current().get(username)
        if key is None or grant.secret not in key.hashes:
            return False
        return (key.device, key.topics) == (grant.device, grant.topics)

    def _current(self) -> Mapping[str, _Key]:
        with self._lock:
            now = self._monotonic()
            if self._read_at is None or now - self._read_at >= KEPT_S:
                self._read()
                self._read_at = now
            return self._keys

    def _read(self) -> None:
        """Read all keys where any has changed: there may be thousands, and they seldom do."""
        with self._store.reading() as session:
            version = keys_version(session)
            if version == self._version:
                return
            self._keys = {row.name: _key(row) for row in working_keys(session)}
            self._version = version


def _key(row: DeviceKey) -> _Key:
    hashes = row.secret_hash, row.old_secret_hash, row.old_until
    return _Key(*hashes, row.device, tuple(row.topics))
