"""A small house whose devices are in two shares, for tests of several ingesters."""

from typing import Any

from models.share import share_of
from tests.ingest.house import (
    CRACK_RULE,
    RAIN_RULE,
    SILENCE_RULE,
    registry,
)

TOGETHER = {
    "code": "BOTH",
    "kind": "combination",
    "over": "zone",
    "within": "72h",
    "all": [{"rule": "WIDE", "level": "medium"}, {"rule": "WET", "level": "low"}],
    "levels": [{"severity": "high"}],
}
RULES = (CRACK_RULE, SILENCE_RULE, RAIN_RULE, TOGETHER)
# node-1 is in one of two shares, and this one in the other.
OTHER = next(
    name for name in ("node-2", "node-3", "node-4") if share_of(name, 2) != share_of("node-1", 2)
)


def dealt() -> dict[str, Any]:
    """Return the small house, its gauge on a device of the other share."""
    document = registry(RULES)
    (site,) = document["sites"]
    site["sensors"][0]["source"]["device"] = OTHER
    name = {"zh": "殿", "en": "hall"}
    site["zones"] = [{"code": "all", "name": name, "buildings": ["hall"], "elements": []}]
    return document
