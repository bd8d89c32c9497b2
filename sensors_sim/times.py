"""Moments in the simulator: whole milliseconds since 1970 in UTC, and their text."""

from datetime import UTC, datetime

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


def ms(text: str) -> int:
    """Return the moment that an ISO time with an offset names."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"time without an offset: {text}")
    return round(moment.timestamp() * 1000)


def iso(at_ms: int) -> str:
    """Return the moment as `2022-03-21T08:00:00Z`, with milliseconds only where there are any."""
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    fraction = f".{at_ms % 1000:03d}" if at_ms % 1000 else ""
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z"
