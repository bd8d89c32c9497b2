"""Holds what earlier messages and the operator have told, so that later ones can be read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.formats.profiles import SHIPPED, Profiles
from models.reasons import Json

MOST_FACTS = 50_000
"""Strangers can teach too: a flood of births and descriptions must not fill the memory."""


@dataclass(slots=True)
class Memory:
    """What is known before a message: facts by key, device profiles, formats told per topic.

    Decoding never changes it: what a message teaches is in `Decoded.learned`, and whoever
    keeps the memory applies that with `learn` once the message counts.
    """

    facts: dict[str, Json] = field(default_factory=dict)
    profiles: Profiles = SHIPPED
    told: tuple[tuple[str, str], ...] = ()  # (topic filter, name of the format), first wins

    def recall(self, key: str) -> Json:
        """Return what was learned under a key, or None."""
        return self.facts.get(key)

    def learn(self, learned: Mapping[str, Json]) -> None:
        """Keep what a message taught; None forgets."""
        for key, fact in learned.items():
            self.facts.pop(key, None)
            if fact is not None:
                self.facts[key] = fact
        while len(self.facts) > MOST_FACTS:  # what was taught longest ago goes first
            del self.facts[next(iter(self.facts))]
