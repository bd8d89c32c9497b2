"""Matches MQTT topics against filters with `+` and `#`."""

from functools import lru_cache


@lru_cache(maxsize=8192)
def matches(topic_filter: str, topic: str) -> bool:
    """Does a topic fall under a filter? Levels are compared exactly; `$` topics need naming."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    for index, level in enumerate(wanted):
        if level == "#":
            return index == len(wanted) - 1
        if index >= len(levels) or level not in ("+", levels[index]):
            return False
    return len(wanted) == len(levels)
