"""A publisher that costs next to nothing: single readings over one socket, QoS 1, in a window."""

import socket
import time
from collections.abc import Iterator
from threading import Thread

from tests.ingest import publisher as mqtt

DEVICES = 100
BEGINS_S = 1_647_820_800  # 2022-03-21T00:00:00Z


def readings(count: int, *, first: int = 0) -> Iterator[bytes]:
    """Yield PUBLISH packets, each with one reading of one of the devices."""
    for number in range(first, first + count):
        device = f"node-{number % DEVICES}"
        at_s = BEGINS_S + number // DEVICES * 60
        value = 0.5 + number % 7 / 100
        payload = b'[{"bn":"%s:","bt":%d,"n":"crack","u":"mm","v":%.2f}]'
        topic = f"ridgewatch/hill/{device}/senml"
        packet_id = number % 60_000 + 1
        yield mqtt.publish(topic, payload % (device.encode(), at_s, value), packet_id)


class Pipe:
    """One connection; a thread notes when each PUBACK comes (they come in order)."""

    def __init__(self, port: int) -> None:
        self._publisher = mqtt.Publisher(port, mqtt.connect("bench"))
        self.acknowledged_at: list[float] = []
        self._listener = Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        left = 0
        self._publisher.socket.settimeout(None)
        while part := self._publisher.socket.recv(65_536):
            now, left = time.perf_counter(), left + len(part)
            self.acknowledged_at += [now] * (left // 4)
            left %= 4

    def send(self, packets: list[bytes], in_flight: int) -> float:
        """Send all, no more than `in_flight` unanswered; return the seconds that it took."""
        begun, first, sent = time.perf_counter(), len(self.acknowledged_at), 0
        while sent < len(packets):
            room = in_flight - (sent - (len(self.acknowledged_at) - first))
            if room <= 0:
                time.sleep(0.0002)
                continue
            chunk = packets[sent : sent + min(room, 500)]
            self._publisher.socket.sendall(b"".join(chunk))
            sent += len(chunk)
        self.wait_for(first + len(packets))
        return time.perf_counter() - begun

    def send_at(self, packets: list[bytes], per_second: int) -> list[float]:
        """Send at a steady rate; return how long each waited for its PUBACK, in seconds."""
        begun, first = time.perf_counter(), len(self.acknowledged_at)
        sent_at = []
        for number, packet in enumerate(packets):
            due = begun + number / per_second
            while (now := time.perf_counter()) < due:
                time.sleep(max(0.0, min(due - now, 0.001)))
            sent_at.append(due)  # what waits in the sender waits too: nothing is left out
            self._publisher.socket.sendall(packet)
        self.wait_for(first + len(packets))
        answered = self.acknowledged_at[first:]
        return [at - due for at, due in zip(answered, sent_at, strict=True)]

    def wait_for(self, count: int, within_s: float = 120) -> None:
        """Wait until so many are acknowledged."""
        until = time.monotonic() + within_s
        while len(self.acknowledged_at) < count:
            if time.monotonic() > until:
                raise TimeoutError(f"{len(self.acknowledged_at)} of {count} acknowledged")
            time.sleep(0.001)

    def close(self) -> None:
        """Close the connection."""
        self._publisher.socket.shutdown(socket.SHUT_RDWR)
        self._publisher.close()


def share(values: list[float], of: float) -> float:
    """Return the value that a share of all does not exceed."""
    return sorted(values)[min(len(values) - 1, int(of * len(values)))]
