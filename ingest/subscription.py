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
        self, broker: str, topics: list[str], client_id: str, state_dir: Path | None
    ) -> None:
        self.broker, self.topics = broker, topics
        name = re.sub(r"[^\w.-]", "_", client_id)
        self._file = state_dir / f"mqtt-session-{name}.json" if state_dir else None
        self._held = self._read()

    @property
    def existed(self) -> bool:
        """Whether the broker has held a session for us before, so that it can have lost it."""
        return self._held is not None

    @property
    def unwanted(self) -> list[str]:
        """Topics of an earlier configuration, which the session would go on delivering."""
        return [topic for topic in self._held or () if topic not in self.topics]

    def remember(self) -> None:
        """Note that the broker now holds exactly these topics for us."""
        if self._held == self.topics:
            return
        self._held = list(self.topics)
        if self._file is None:
            return
        try:
            self._file.write_text(json.dumps({"broker": self.broker, "topics": self._held}))
        except OSError as error:  # the messages themselves are safe; only the memory is short
            log.error("file=%s not_saved=%r", self._file, str(error))

    def _read(self) -> list[str] | None:
        if self._file is None or not self._file.exists():
            return None
        try:
            held: Any = json.loads(self._file.read_text())
            if held["broker"] == self.broker:  # another broker never had a session for us
                return [str(topic) for topic in held["topics"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.warning("file=%s unreadable=%r", self._file, str(error))
        return None
