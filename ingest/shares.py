"""A share of the devices, as its owner holds it: which messages are its own, and for how long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from time import monotonic

from sqlalchemy.orm import Session

from ingest.formats.decoded import Decoded
from ingest.message import Message
from models import share as rows
from models.share import STILL_FOR, role_of, share_of

One = tuple[Message, Decoded]
OF_THE_SOURCE = "$ridgewatch/"  # what the share's own session tells
# The memory of a nation's sensors is read within a transaction, and a huge batch judged.
TAKES_LONG = timedelta(minutes=2)


@dataclass
class Share:
    """Share `number` of `shares`, taken with a fencing token."""

    number: int
    shares: int
    token: int
    _renewed_s: float = field(default_factory=monotonic)

    @property
    def client_id(self) -> str:
        """The name of its session at the broker, which goes over to whoever takes the share."""
        return client_id_of(self.number, self.shares)

    @property
    def role(self) -> str:
        """The name under which its owner beats."""
        return role_of(self.number)

    def fence(self, session: Session, *, takes_long: bool = False) -> int:
        """Ask first in every transaction; return the registry's version.

        Raises ShareLost where another has taken the share.
        """
        asked_s = monotonic()
        idle = TAKES_LONG if takes_long else STILL_FOR
        version = rows.fence(session, self.number, self.token, idle)
        self._renewed_s = asked_s
        return version

    def is_held(self) -> bool:
        """Whether nobody can have taken the share; asked by threads without a database."""
        return monotonic() - self._renewed_s < STILL_FOR.total_seconds()

    def let_go(self, session: Session) -> None:
        """Give the share back; the caller commits."""
        rows.let_go(session, self.number, self.token)

    def owns(self, device: str) -> bool:
        """Whether a device is in this share."""
        return share_of(device, self.shares) == self.number

    def own(self, decoded: Sequence[One]) -> list[One]:
        """Return what of a batch is this share's to handle; the rest is another's."""
        return list(decoded) if self.shares == 1 else list(self._own(decoded))

    def _own(self, decoded: Sequence[One]) -> Iterator[One]:
        for message, outcome in decoded:
            devices = _devices(outcome) or [message.topic]
            if message.topic.startswith(OF_THE_SOURCE) or all(map(self.owns, devices)):
                yield message, outcome
            elif outcome.learned or any(map(self.owns, devices)):
                yield message, self._own_part(outcome, devices[0])

    def _own_part(self, outcome: Decoded, first: str) -> Decoded:
        """Take what a gateway says of this share's devices, and what it teaches.

        Who has the first device keeps its faults.
        """
        return replace(
            outcome,
            reason=outcome.reason if self.owns(first) else None,
            measurements=tuple(one for one in outcome.measurements if self.owns(one.device)),
            devices=tuple(filter(self.owns, outcome.devices)),
            counts=tuple(one for one in outcome.counts if self.owns(one.source)),
            gone=tuple(filter(self.owns, outcome.gone)),
        )


def client_id_of(number: int, shares: int) -> str:
    """Return the name of a share's session at the broker."""
    return "ridgewatch-ingest" if shares == 1 else f"ridgewatch-ingest-{number}of{shares}"


def _devices(outcome: Decoded) -> list[str]:
    """Return whom a message speaks of, in its order."""
    named = [*outcome.devices, *outcome.gone, *(one.device for one in outcome.measurements)]
    return list(dict.fromkeys([*named, *(one.source for one in outcome.counts)]))
