"""Which topics an MQTT topic filter covers."""

from __future__ import annotations

from collections.abc import Iterable


def covers(wide: str, narrow: str) -> bool:
    """Say whether every topic that matches the filter (or is the topic) `narrow` matches `wide`."""
    if narrow.startswith("$") and wide[:1] in ("+", "#"):
        return False  # MQTT 4.7.2: a leading wildcard does not reach $SYS and its like
    wanted, given = wide.split("/"), narrow.split("/")
    for index, level in enumerate(wanted):
        if level == "#":
            return True  # also when `given` has ended: "a/#" matches "a"
        if index == len(given) or given[index] == "#":
            return False
        if level not in ("+", given[index]):
            return False
    return len(wanted) == len(given)


def is_filter(text: str) -> bool:
    """Say whether `text` is a well-formed topic filter."""
    levels = text.split("/")
    return (
        0 < len(text.encode("utf-8", "replace")) <= 65535
        and "\0" not in text
        and all(level in ("+", "#") or not set("+#") & set(level) for level in levels)
        and "#" not in levels[:-1]
    )


def without_overlaps(filters: Iterable[str]) -> list[str]:
    """Leave out each filter that another covers: a broker delivers overlaps once for each."""
    once = list(dict.fromkeys(filters))
    return [each for each in once if not any(covers(o, each) for o in once if o != each)]
