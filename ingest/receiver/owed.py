"""The acknowledgements that one connection is owed, given in the order its messages came in."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from ingest.receiver import replies
from ingest.receiver.wire import Code


class Owed:
    """Accepted messages are answered after their commit, refused ones as soon as their turn is."""

    def __init__(self) -> None:
        self._accepted = self._settled = 0
        self._refused: deque[tuple[int, int]] = deque()  # (accepted before it, packet id)

    def __len__(self) -> int:
        return self._accepted - self._settled + len(self._refused)

    def accept(self) -> None:
        self._accepted += 1

    def refuse(self, packet_id: int) -> bytes:
        """Note a refusal; return what can be answered at once."""
        self._refused.append((self._accepted, packet_id))
        return self._refusals_due()

    def settle(self, packet_ids: Sequence[int]) -> bytes:
        """Return the answers to accepted messages, with the refusals whose turn it is."""
        if not self._refused:
            self._settled += len(packet_ids)
            return replies.acknowledgements(packet_ids)
        answers = bytearray()
        for packet_id in packet_ids:
            self._settled += 1
            answers += replies.acknowledgements((packet_id,)) + self._refusals_due()
        return bytes(answers)

    def _refusals_due(self) -> bytes:
        due = b""
        while self._refused and self._refused[0][0] <= self._settled:
            due += replies.refusal(self._refused.popleft()[1], Code.NOT_AUTHORISED)
        return due
