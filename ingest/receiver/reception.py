"""What all connections of the receiver share: the inbox, the key book, and who is connected."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from ingest.inbox import Inbox
from ingest.message import Delivery, Message, Receipt
from ingest.receiver.door import Door
from ingest.receiver.keys import ANYTHING, Grant, KeyBook, may_publish
from ingest.receiver.packets import V311, Connect, Will
from ingest.receiver.publishing import Counts
from ingest.receiver.remembered import Remembered
from ingest.receiver.uses import Uses
from ingest.receiver.wire import Code
from models.key_use import Seen

log = logging.getLogger(__name__)


LONGEST_CLIENT_ID = 256
MOST_DELAYED_WILLS = 10_000
MOST_LINES_A_SECOND = 5
# What was read in one round goes to the inbox together; at once where it is much, so that the
# inbox's limits hold.
MOST_GATHERED, MOST_GATHERED_BYTES = 1_000, 64 * 1024
LOOK_EVERY_S = 0.003


class Guest(Protocol):
    """A connection, as far as the reception has to know it."""

    client_id: str
    username: str | None
    grant: Grant
    will: Will | None
    expiry_s: int | None

    def leave(self, code: Code, *, with_will: bool = True) -> None:
        """Close the connection and say why."""

    def look_after(self, now: float) -> None:
        """Close a connection that has been silent for too long."""

    def abort(self) -> None:
        """Drop the connection."""

    def carry_on(self) -> None:
        """There is room in the inbox again."""


_Delayed = tuple[asyncio.TimerHandle, Callable[[], None], str | None]  # the key that sent it


class Reception:
    """Lives in the receiver's event loop; no method may be called from another thread."""

    def __init__(
        self,
        inbox: Inbox,
        now_ms: Callable[[], int],
        *,
        keys: KeyBook | None,
        timezone: str,
        sessions_file: Path | None,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.inbox, self.timezone = inbox, timezone
        self._now_ms = now_ms
        self.counts = Counts()
        self.guests: dict[str, Guest] = {}
        self.open: set[Guest] = set()
        self.uses = Uses(self.loop.time)
        self._keys = keys
        self._remembered = Remembered(sessions_file, self.loop.time)
        self._delayed: dict[str, _Delayed] = {}
        self._waiting: list[Guest] = []
        self._gathered: list[Delivery] = []
        self._gathered_bytes = 0
        self._looked_s, self._at_ms, self._room_then = float("-inf"), 0, 0
        self._log_second, self._lines = 0, 0
        # Key books ask a database and hash passwords: neither may stop the loop.
        self._helpers = ThreadPoolExecutor(2, thread_name_prefix="receiver-keys")

    def time_and_room(self, now_s: float) -> tuple[int, int]:
        """Return site time and how many more messages are welcome at `now_s` of the loop's time.

        Both may be some milliseconds old: each is asked of another, for thousands of messages.
        """
        if now_s - self._looked_s > LOOK_EVERY_S:
            self._looked_s, self._at_ms, self._room_then = now_s, self._now_ms(), self.inbox.room()
        return self._at_ms, self._room_then - len(self._gathered)

    def gather(self, deliveries: list[Delivery]) -> None:
        """Take what one connection said; the inbox gets it with what others say in this round."""
        self._gathered += deliveries
        for delivery in deliveries:
            self._gathered_bytes += len(delivery.message.payload)
        if len(self._gathered) >= MOST_GATHERED or self._gathered_bytes >= MOST_GATHERED_BYTES:
            self.hand_over()

    def hand_over(self) -> None:
        """Put what was gathered into the inbox, in the order in which it came."""
        if self._gathered:
            gathered, self._gathered, self._gathered_bytes = self._gathered, [], 0
            self.inbox.extend(gathered)
            self._room_then = self.inbox.room()

    async def why_not_or_grant(self, asked: Connect, door: Door) -> Code | Grant:
        """Return what this client may do, or why it may not come in."""
        if code := _why_not_named_so(asked):
            return code
        named = asked.username is not None or asked.password is not None
        try:
            grant = await self._grant(asked, door) if named else _without_key(door)
        except Exception:  # the key book asks a database; while that fails nobody can come in
            log.exception("client=%r key_book=failed", asked.client_id)
            return Code.UNAVAILABLE
        if grant is None:
            self.uses.turn_away(asked.username)
            return Code.BAD_CREDENTIALS if named else Code.NOT_AUTHORISED
        if asked.will and not may_publish(grant, asked.will.topic):
            return Code.NOT_AUTHORISED
        other = self.guests.get(asked.client_id)
        if other and other.username is not None and other.username != asked.username:
            return Code.BAD_CLIENT_ID  # a key may not push out another's connection
        return grant

    async def _grant(self, asked: Connect, door: Door) -> Grant | None:
        if self._keys is None:
            return _without_key(door)
        return await self.loop.run_in_executor(
            self._helpers, self._keys.check, asked.client_id, asked.username, asked.password
        )

    def arrive(self, guest: Guest, *, clean: bool) -> tuple[bool, bool]:
        """Let a client in; return whether its session goes on, and whether it was here before."""
        if other := self.guests.get(guest.client_id):
            log.info("client=%r taken_over=1", guest.client_id)
            other.leave(Code.TAKEN_OVER)
        seen = self._remembered.seen_before(guest.client_id)
        present = self._remembered.begin(guest.client_id, clean=clean, expiry_s=guest.expiry_s)
        if delayed := self._delayed.pop(guest.client_id, None):
            timer, publish, username = delayed
            timer.cancel()
            # Its session has ended, and with it the delay (MQTT 5, 3.1.3.2.2); or another has come.
            if not present or username != guest.username:
                publish()
        self.guests[guest.client_id] = guest
        return present, seen

    def depart(self, guest: Guest, *, with_will: bool) -> None:
        """A client has gone; with its will, unless it said goodbye."""
        if self.guests.get(guest.client_id) is guest:
            del self.guests[guest.client_id]
        self._remembered.leave(guest.client_id, guest.expiry_s)
        will = guest.will
        if not with_will or will is None:
            return
        session_s = float("inf") if guest.expiry_s is None else guest.expiry_s
        delay_s = min(will.delay_s, session_s)
        if not delay_s or len(self._delayed) >= MOST_DELAYED_WILLS:
            return self._publish_will(guest.client_id, guest.grant, will)

        def publish() -> None:
            self._delayed.pop(guest.client_id, None)
            self._publish_will(guest.client_id, guest.grant, will)

        timer = self.loop.call_later(delay_s, publish)
        self._delayed[guest.client_id] = timer, publish, guest.username

    def _publish_will(self, client_id: str, grant: Grant, will: Will) -> None:
        """Hand over the will, then the notice that its sender is gone, room or no room."""
        log.info("client=%r will=%r", client_id, will.topic)
        self.hand_over()
        self._looked_s = float("-inf")  # whoever speaks after this must not have spoken before it
        # From here on the will is ours and can't get lost: at QoS 0 it says nothing of its device.
        for topic, payload, qos, retain in (
            (will.topic, will.payload, max(1, will.qos), will.retain),
            (f"$ridgewatch/gone/{client_id}", b"", 0, False),
        ):
            message = Message(
                topic,
                payload,
                self._now_ms(),
                qos=qos,
                retain=retain,
                client=client_id,
                device=grant.device,
                timezone=self.timezone,
            )
            self.inbox.extend([Delivery(message, Receipt(None, 0))])

    def may_log(self) -> bool:
        """Whether a fault gets a line: strangers must not fill the disk. All are counted."""
        second = int(self.loop.time())
        if second != self._log_second:
            self._log_second, self._lines = second, 0
        self._lines += 1
        return self._lines <= MOST_LINES_A_SECOND

    def news(self) -> dict[str, Seen]:
        """Return what each key did since the last call."""
        return self.uses.news(guest.username for guest in self.guests.values())

    async def close_revoked(self) -> None:
        """Close the connections whose keys no longer stand."""
        opened = [
            (guest, guest.username, guest.grant)
            for guest in self.guests.values()
            if guest.username is not None
        ]
        if self._keys is None or not opened:
            return
        try:
            gone = await self.loop.run_in_executor(self._helpers, _revoked, self._keys, opened)
        except Exception:  # the key book asks a database; who is in stays in while that fails
            log.exception("key_book=failed")
            return
        for guest in gone:
            log.warning("client=%r key=%r revoked=1", guest.client_id, guest.username)
            guest.leave(Code.NOT_AUTHORISED)

    def wait_for_room(self, guest: Guest) -> None:
        """Have the guest carry on when the inbox has room again."""
        self._waiting.append(guest)
        if len(self._waiting) == 1:
            self.inbox.when_room(self._room_from_elsewhere)

    def _room_from_elsewhere(self) -> None:
        try:
            self.loop.call_soon_threadsafe(self._room)
        except RuntimeError:  # the loop has ended: nobody waits any more
            log.debug("receiver=stopped")

    def _room(self) -> None:
        waiting, self._waiting = self._waiting, []
        # Whoever was first is last this time: one who sends without end must starve nobody.
        for guest in waiting[1:] + waiting[:1]:
            guest.carry_on()

    def close(self) -> None:
        for timer, _, _ in self._delayed.values():
            timer.cancel()
        self._helpers.shutdown(wait=False, cancel_futures=True)


def _revoked(keys: KeyBook, opened: list[tuple[Guest, str, Grant]]) -> list[Guest]:
    return [guest for guest, username, grant in opened if not keys.holds(username, grant)]


def _without_key(door: Door) -> Grant | None:
    return ANYTHING if door.anonymous else None


def _why_not_named_so(asked: Connect) -> Code | None:
    """Say why a client may not be called that (MQTT 3.1.1, 3.1.3.1: only a clean one is named)."""
    nameless = not asked.client_id and asked.version == V311 and not asked.clean_start
    return Code.BAD_CLIENT_ID if nameless or len(asked.client_id) > LONGEST_CLIENT_ID else None
