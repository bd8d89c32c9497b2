"""Who may publish what: the face of the key book that the receiver asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ingest.topics import covers


@dataclass(frozen=True, slots=True)
class Grant:
    """What a key allows. `device`: only as this device; `topics`: only under these filters.

    `secret` tells the key book's own way which of a rotating key's two secrets opened.
    """

    device: str | None = None
    topics: tuple[str, ...] | None = None
    secret: str = field(default="", repr=False, compare=False)
    with_old_secret: bool = field(default=False, compare=False)


class KeyBook(Protocol):
    def check(self, client_id: str, username: str | None, password: bytes | None) -> Grant | None:
        """Return what these credentials allow, None for nothing. Called from helper threads."""

    def holds(self, username: str, grant: Grant) -> bool:
        """Whether what the key allowed still stands: else the connection that it opened ends."""


ANYTHING = Grant()


def may_publish(grant: Grant, topic: str) -> bool:
    """Say whether `grant` covers `topic`. Topics under `$` are ours and no device's."""
    if topic.startswith("$"):
        return False
    return grant.topics is None or any(covers(each, topic) for each in grant.topics)
