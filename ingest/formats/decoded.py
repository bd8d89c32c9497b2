"""What a message turned out to say: measurements, or the reason why there are none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

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


@dataclass(frozen=True, slots=True)
class Decoded:
    """The outcome for one message; `measurements` may hold unbelievable ones in every outcome.

    `key` is the format's own key against redelivery (frame counter and session, …).
    `sequence` is the sender's running number, by device. `gone` names devices that said, or of
    whom the network said, that they are off. `learned` is what later messages need to be read.
    """

    outcome: str
    reason: Reason | None = None
    measurements: tuple[Measurement, ...] = ()
    devices: tuple[str, ...] = ()
    format: str = ""
    key: str = ""
    sequence: Mapping[str, int] = field(default_factory=dict)
    gone: tuple[str, ...] = ()
    learned: Mapping[str, Json] = field(default_factory=dict)


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
