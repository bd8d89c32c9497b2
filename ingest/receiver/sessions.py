"""One publisher's connection, from CONNECT to the end."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence
from typing import cast
from uuid import uuid4

from ingest.message import LARGEST_PACKET_BYTES
from ingest.receiver import protocol, replies
from ingest.receiver.door import Door, Pace
from ingest.receiver.keys import ANYTHING, Grant
from ingest.receiver.packets import V5, V311, Connect, Disconnect, Will
from ingest.receiver.publishing import Publishing
from ingest.receiver.reception import Reception
from ingest.receiver.uses import Use
from ingest.receiver.wire import Code, ProtocolError

log = logging.getLogger(__name__)

CONNECT_WITHIN_S = 10.0
READ_ANSWERS_WITHIN_S = 60.0
LARGEST_CONNECT_BYTES = 128 * 1024  # a will of 64 KiB and all names; it comes before the key

MOST_PACKETS_AT_ONCE = 2000  # some 20 ms; then the other connections have their turn

# Why a connection is not read for now: the inbox is full, its key is being checked, it does not
# read what we answer, it has had its turn, or it sends faster than it may.
_ROOM, _KEY, _ANSWERS, _TURN, _PACE = "room", "key", "answers", "turn", "pace"


class Connection(asyncio.Protocol):
    """Acts on all packets of one read without awaiting anything, which is what makes it fast."""

    def __init__(self, reception: Reception, door: Door) -> None:
        self.client_id, self.grant = "", ANYTHING
        self.username: str | None = None
        self.will: Will | None = None
        self.expiry_s: int | None = 0
        self._reception, self._door = reception, door
        # What came and is not read yet. What comes to an empty one is read where it is, without a
        # copy; what is left of it is a bytearray, to which more can be added cheaply.
        self._buffer: bytes | bytearray = b""
        self._answers = bytearray()
        self._version, self._keep_alive_s = V311, 0
        self._publishing: Publishing | None = None  # once it is admitted
        self._closed = self._departed = False
        self._holds: set[str] = set()
        self._made_at = self._heard = self._unread_since = reception.loop.time()
        self._task: asyncio.Task[None] | None = None

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        # A client without keep-alive that vanishes is noticed by TCP alone.
        connected: socket.socket = transport.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._reception.open.add(self)

    def data_received(self, data: bytes) -> None:
        self._heard = self._reception.loop.time()
        if self._closed:
            return
        if not self._buffer:
            if self._publishing and not self._holds and self._take_whole(self._publishing, data):
                return
            self._buffer = data
        elif isinstance(self._buffer, bytes):
            self._buffer = bytearray(self._buffer + data)
        else:
            self._buffer += data
        if not self._holds:
            self._work()

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        self._depart(with_will=True)
        self._reception.open.discard(self)
        # It knows us, too: a ring that only the collector would find, and with it all it holds.
        self._publishing, self._buffer = None, b""

    def pause_writing(self) -> None:
        self._unread_since = self._reception.loop.time()
        self._hold(_ANSWERS)

    def resume_writing(self) -> None:
        self._release(_ANSWERS)

    # What the reception and the listener call.

    def carry_on(self) -> None:
        self._release(_ROOM)

    def acknowledge(self, packet_ids: Sequence[int]) -> None:
        """Answer for messages that are committed, in order, in one write."""
        if self._publishing and not self._closed:
            self._transport.write(self._publishing.owed.settle(packet_ids))

    def leave(self, code: Code, *, with_will: bool = True) -> None:
        """Close the connection and say why; to the rest of the world it died."""
        last_words = replies.goodbye(self._version, code) if self._publishing else b""
        self._close(last_words, with_will=with_will)

    def abort(self) -> None:
        self._transport.abort()

    def look_after(self, now: float) -> None:
        """Close a connection that has not spoken, or not listened, for too long."""
        if self._closed or _ANSWERS in self._holds:
            if now - self._unread_since > READ_ANSWERS_WITHIN_S:
                log.info("client=%r closed=does_not_read", self.client_id)
                self._transport.abort()
        elif not self._publishing:
            if now - self._made_at > CONNECT_WITHIN_S:
                self._transport.abort()
        elif self._silent_for_too_long(now):
            log.info("client=%r closed=keep_alive", self.client_id)
            self.leave(Code.KEEP_ALIVE_TIMEOUT)

    def _silent_for_too_long(self, now: float) -> bool:
        """Whether 1.5 x keep-alive has passed; while we do not read, we cannot tell."""
        if not self._keep_alive_s or self._holds:
            return False
        return now - self._heard > 1.5 * self._keep_alive_s

    # Packets, in order.

    def _take_whole(self, publishing: Publishing, data: bytes) -> bool:
        """Take one message the short way, if that is all that came; False: it is not.

        Most of what thousands of devices send comes so: nothing to keep, no turn to end.
        """
        now_ms, room = self._reception.time_and_room(self._heard)
        if data[0] >> 4 != protocol.PUBLISH or room < 1:
            return False
        if publishing.is_draining or publishing.use.pace is not None:
            return False
        try:
            head = protocol.frame(data, 0)
            if head is None or head[1] != len(data):
                return False
            self._answers += publishing.publish(data[0], data[head[0] :], now_ms)
        except ProtocolError as fault:
            self._fail(fault)
        self._pass_on()
        return True

    def _work(self) -> None:
        """Act on every whole packet in the buffer, as far as the inbox has room."""
        try:
            if self._publishing:
                self._read_messages(self._publishing)
            else:
                self._read_connect()
        except ProtocolError as fault:
            self._fail(fault)

    def _read_connect(self) -> None:
        """Read the one packet that may come first; the rest waits until the key is checked."""
        if self._buffer and self._buffer[0] != protocol.CONNECT << 4:
            raise ProtocolError(Code.PROTOCOL_ERROR, "the first packet is not CONNECT")
        head = protocol.frame(self._buffer, 0)
        if head is None:
            return
        start, end = head
        if end > LARGEST_CONNECT_BYTES:
            raise ProtocolError(Code.TOO_LARGE, f"a CONNECT of {end} bytes")
        if end <= len(self._buffer):
            body = bytes(self._buffer[start:end])
            self._buffer = bytearray(self._buffer[end:])
            self._version = protocol.version_of(body)
            asked = protocol.connect(body)
            self._hold(_KEY)
            self._task = self._reception.loop.create_task(self._check_key(asked))

    def _read_messages(self, publishing: Publishing) -> None:
        """Act on packets until the buffer, the room in the inbox, or the turn is over."""
        buffer, largest = self._buffer, LARGEST_PACKET_BYTES
        now_ms, room = self._reception.time_and_room(self._heard)
        at, left = self._drain(publishing, 0, now_ms), MOST_PACKETS_AT_ONCE
        try:
            while not (self._closed or self._holds):
                head = protocol.frame(buffer, at)
                if head is None:
                    break
                start, end = head
                if end > len(buffer) and end - at <= largest:
                    break
                left -= 1
                first = buffer[at]
                kind = first >> 4
                if left < 0:
                    self._end_turn()
                    break
                if kind != protocol.PUBLISH and kind != protocol.PUBREL:
                    self._obey(first, start, end, at)
                elif len(publishing.batch) >= room:
                    self._wait_for_room()
                    break
                elif end - at > largest:
                    if kind == protocol.PUBREL:
                        raise ProtocolError(Code.TOO_LARGE, f"a packet of {end - at} bytes")
                    if not publishing.begin_drain(first, buffer, start, end - at):
                        break
                    end = at + self._drain(publishing, at, now_ms)
                elif kind == protocol.PUBREL:
                    self._release_message(publishing, first, bytes(buffer[start:end]), now_ms)
                elif refusal := publishing.publish(first, bytes(buffer[start:end]), now_ms):
                    self._answers += refusal
                at = end
        finally:
            self._pass_on()
        self._keep(buffer, at)
        if publishing.use.pace is not None:
            self._keep_pace(publishing.use.pace, MOST_PACKETS_AT_ONCE - max(left, 0), at)

    def _release_message(
        self, publishing: Publishing, first: int, body: bytes, now_ms: int
    ) -> None:
        if self._version == V5:  # told that the maximum is QoS 1, it has nothing to release
            raise ProtocolError(Code.PROTOCOL_ERROR, "PUBREL without QoS 2")
        publishing.release(first, body, now_ms)

    def _keep_pace(self, pace: Pace, packets: int, size: int) -> None:
        """Stop reading whoever has sent more than it may, until it has waited for it."""
        if self._closed or not size or not (wait_s := pace.spend(packets, size)):
            return
        assert self._publishing is not None
        self._publishing.use.slowed_s += wait_s
        self._reception.counts.slowed += 1
        self._hold(_PACE)
        self._reception.loop.call_later(wait_s, self._release, _PACE)

    def _drain(self, publishing: Publishing, at: int, now_ms: int) -> int:
        passed, refusal = publishing.drain(len(self._buffer) - at, now_ms)
        self._answers += refusal
        return passed

    def _keep(self, buffer: bytes | bytearray, at: int) -> None:
        """Keep what of the buffer is not read yet."""
        if at == len(buffer):
            self._buffer = b""
        elif isinstance(buffer, bytes):
            self._buffer = bytearray(buffer[at:])
        else:
            del buffer[:at]

    def _pass_on(self) -> None:
        """Pass on what was read, and put what has to be answered at once on the wire."""
        if self._publishing and (batch := self._publishing.batch):
            self._reception.counts.received += len(batch)
            self._publishing.use.messages += len(batch)
            self._reception.gather(batch)
            self._publishing.batch = []
        if self._answers:
            answers, self._answers = bytes(self._answers), bytearray()
            self._transport.write(answers)

    def _end_turn(self) -> None:
        self._hold(_TURN)
        self._reception.loop.call_soon(self._release, _TURN)

    def _wait_for_room(self) -> None:
        self._pass_on()
        self._hold(_ROOM)
        self._reception.wait_for_room(self)

    def _obey(self, first: int, start: int, end: int, at: int) -> None:
        """Act on any packet but a message."""
        if end - at > LARGEST_PACKET_BYTES:
            raise ProtocolError(Code.TOO_LARGE, f"a packet of {end - at} bytes")
        packet = protocol.parse(first, bytes(self._buffer[start:end]), self._version)
        if isinstance(packet, Disconnect):
            self._part(packet)
        else:
            self._answers += replies.answer(self._version, packet)

    def _part(self, parting: Disconnect) -> None:
        if parting.expiry_s != "as before":
            if self.expiry_s == 0 and parting.expiry_s != 0:
                raise ProtocolError(Code.PROTOCOL_ERROR, "a session expiry where there was none")
            self.expiry_s = parting.expiry_s
        self._close(b"", with_will=parting.with_will)

    # Coming in and going.

    async def _check_key(self, asked: Connect) -> None:
        grant = await self._reception.why_not_or_grant(asked, self._door)
        if self._closed:
            return
        if isinstance(grant, Code):
            self._turn_away(asked, grant)
        else:
            self._let_in(asked, grant)

    def _turn_away(self, asked: Connect, code: Code) -> None:
        self._reception.counts.turned_away += 1
        if self._reception.may_log():
            user, code_name = asked.username, code.name
            log.warning("client=%r turned_away=%s user=%r", asked.client_id, code_name, user)
        self._close(replies.not_welcome(asked.version, code))

    def _let_in(self, asked: Connect, grant: Grant) -> None:
        assigned_id = "" if asked.client_id else f"auto-{uuid4().hex}"
        self.client_id, self.grant = asked.client_id or assigned_id, grant
        self.username, self.will, self.expiry_s = asked.username, asked.will, asked.expiry_s
        present, seen = self._reception.arrive(self, clean=asked.clean_start)
        self._publishing = Publishing(
            self,
            self.client_id,
            grant,
            asked.version,
            counts=self._reception.counts,
            timezone=self._reception.timezone,
            resumed=present or seen,
            use=self._use_of_key(asked, grant),
        )
        self._keep_alive_s = asked.keep_alive_s
        log.debug("client=%r connected=1 version=%d", self.client_id, asked.version)
        hello = replies.welcome(asked.version, session_present=present, assigned_id=assigned_id)
        self._transport.write(hello)
        self._release(_KEY)

    def _use_of_key(self, asked: Connect, grant: Grant) -> Use:
        use = self._reception.uses.of(asked.username, self._door.limit)
        use.came_with_new |= not grant.with_old_secret
        use.came_with_old |= grant.with_old_secret
        return use

    def _fail(self, fault: ProtocolError) -> None:
        self._reception.counts.faults += 1
        if self._reception.may_log():
            code, text = fault.code, str(fault)
            log.warning("client=%r closed=%s fault=%r", self.client_id, code.name, text)
        if self._publishing:
            self.leave(fault.code)
        elif self._version == V5 or fault.code == Code.UNSUPPORTED_VERSION:
            self._close(replies.not_welcome(self._version, fault.code))
        else:
            self._close(b"")  # MQTT 3.1.1, 3.1.4: without a CONNACK

    def _close(self, last_words: bytes, *, with_will: bool = True) -> None:
        if self._closed:
            return
        self._pass_on()
        self._closed, self._unread_since = True, self._reception.loop.time()
        if last_words:
            self._transport.write(last_words)
        self._depart(with_will=with_will)
        self._transport.close()

    def _depart(self, *, with_will: bool) -> None:
        if self._publishing and not self._departed:
            self._departed = True
            self._reception.depart(self, with_will=with_will)

    # Reading, and not reading.

    def _hold(self, why: str) -> None:
        if not self._holds:
            self._transport.pause_reading()
        self._holds.add(why)

    def _release(self, why: str) -> None:
        self._holds.discard(why)
        if self._holds or self._closed:
            return
        self._heard = self._reception.loop.time()
        self._work()
        if not (self._holds or self._closed):
            self._transport.resume_reading()
