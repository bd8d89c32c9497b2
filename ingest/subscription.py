"""What we have asked a broker to keep for us, remembered over restarts."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


class Subscription:
    """The topics wanted from one broker, and those that its session for us already holds."""

    def __init__(
        self,
        broker: str,
        topics: list[str],
        client_id: str,
        state_dir: Path | None,
        *,
        made: bool = False,
    ) -> None:
        self.broker, self.topics, self._made = broker, topics, made
        name = re.sub(r"[^\w.-]", "_", client_id)
        self._file = state_dir / f"mqtt-session-{name}.json" if state_dir else None
        self._held: list[str] | None = None
        self.lost = False  # it was, and that is not yet on anybody's desk
        self._read()

    @property
    def existed(self) -> bool:
        """Whether the broker has held this session before, so that it can have lost it."""
        return self._made or bool(self._held)

    @property
    def unwanted(self) -> list[str]:
        """Topics of an earlier configuration, which the session would go on delivering."""
        return [topic for topic in self._held or () if topic not in self.topics]

    def remember(self) -> None:
        """Note that the broker now holds exactly these topics for us."""
        if self._held != self.topics:
            self._held = list(self.topics)
            self._write()

    def note_lost(self) -> None:
        """Note that the broker has forgotten us, before its new session hides it."""
        self.lost = True
        self._write()

    def note_told(self) -> None:
        """Note that the loss is on disk as an alert."""
        self.lost = False
        self._write()

    def _write(self) -> None:
        if self._file is None:
            return
        kept = {"broker": self.broker, "topics": self._held, "lost": self.lost}
        try:
            whole = self._file.with_suffix(".new")
            whole.write_text(json.dumps(kept))
            whole.replace(self._file)  # a crash leaves the old one or the new one
        except OSError as error:  # the messages themselves are safe; only the memory is short
            log.error("file=%s not_saved=%r", self._file, str(error))

    def _read(self) -> None:
        if self._file is None or not self._file.exists():
            return
        try:
            kept: Any = json.loads(self._file.read_text())
            if kept["broker"] == self.broker:  # another broker never had a session for us
                self._held = [str(topic) for topic in kept["topics"]]
                self.lost = bool(kept.get("lost"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("file=%s unreadable=%r", self._file, str(error))
