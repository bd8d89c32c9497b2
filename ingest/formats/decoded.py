"""What a message turned out to say: measurements, or the reason why there are none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from models.reasons import Json, Reason

ACCEPT, PARTIAL, IGNORE, QUARANTINE = "accept", "partial", "ignore", "quarantine"

GOOD, UNJUDGED, QUESTIONABLE, BAD, MISSING = 1, 2, 3, 4, 9


class Measurement(NamedTuple):
    """One value of one channel at one instant.

    `value` is in the canonical unit where `unit` is known, else as it was sent; None means
    "reported, but not believable", and `fault` says why. `quantity` and `unit` are None where
    neither the message nor a profile tells them. (A tuple, because one is made per reading.)
    """

    device: str
    channel: str
    quantity: str | None
    value: float | None
    unit: str | None
    at_ms: int
    raw_value: Json
    raw_unit: str | None
    time_source: str  # "device", "network" or "receipt"
    historical: bool = False  # the sender says that it is back-filled
    simulated: bool = False  # the network says that no sensor measured it
    quality: int = GOOD
    fault: str = ""


class Count(NamedTuple):
    """A sender's running number: what is left out of the count has never come.

    `session` is the boot or the session key in which it counts on; `first` is the number with
    which a session begins, where that is known. `at_ms` is when the sender or its network made
    the message, 0 where nobody tells. `wraps`: the count goes from `wraps` - 1 to 0 (0: never).
    `fresh`: with this message it begins anew.
    """

    source: str
    number: int
    session: str = ""
    at_ms: int = 0
    first: int | None = None
    wraps: int = 0
    fresh: bool = False


HIGHEST_COUNT = 2**53
"""More is no count of messages, and would not fit a column."""
LONGEST_SESSION = 64


def counted(source: str, number: Json, session: Json = "", **how: Any) -> tuple[Count, ...]:
    """Return what a sender counts; nothing where it is no count."""
    if type(number) is not int or not 0 <= number < HIGHEST_COUNT:
        return ()
    name = session[:LONGEST_SESSION] if isinstance(session, str) else ""
    return (Count(source, number, name, **how),)


# Never changed once made. `frozen` would hold that, and doubles the cost of making one.
@dataclass(slots=True)
class Decoded:
    """The outcome for one message; `measurements` may hold unbelievable ones in every outcome.

    `key` is the format's own key against redelivery (frame counter and session, …).
    `counts` are the senders' running numbers. `gone` names devices that said, or of
    whom the network said, that they are off. `learned` is what later messages need to be read.
    """

    outcome: str
    reason: Reason | None = None
    measurements: tuple[Measurement, ...] = ()
    devices: tuple[str, ...] = ()
    format: str = ""
    key: str = ""
    counts: tuple[Count, ...] = ()
    gone: tuple[str, ...] = ()
    learned: Mapping[str, Json] = field(default_factory=dict)
    # Each measurement is good, whole, of now and timed by its device, and there is nothing else.
    plain: bool = field(default=False, compare=False)

    @property
    def tells_its_time(self) -> bool:
        """Whether all that was measured has a time of its own."""
        timed = (one.time_source != "receipt" for one in self.measurements)
        return bool(self.measurements) and all(timed)

    @property
    def is_told_once(self) -> bool:
        """Whether equal bytes are this message again: they have a number, or tell their time."""
        return bool(self.key) or self.tells_its_time


NOTHING_LEARNED: Mapping[str, Json] = MappingProxyType({})


class Unreadable(Exception):
    """The whole message can't be used; `code` says why, with hyphens, as in `malformed-json`."""

    def __init__(self, code: str, **values: Json) -> None:
        super().__init__(code)
        self.code = code
        self.values = values


class Unusable(Exception):
    """One field can't be used; the others of its message still can."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def quarantined(code: str, **values: Json) -> Reason:
    """Return the reason for refusing a message or a field."""
    return Reason("quarantine." + code.replace("-", "_"), values)


def ignored(code: str, **values: Json) -> Reason:
    """Return the reason for taking no reading from a message that is in order."""
    return Reason("ignored." + code.replace("-", "_"), values)


def short(reason: Reason) -> str:
    """Return the hyphen form of a reason's code: `quarantine.malformed_json`, `malformed-json`."""
    return reason.code.partition(".")[2].replace("_", "-")
