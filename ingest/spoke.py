"""Remembers which devices spoke through which connection, so that its end can be held to them."""

from __future__ import annotations

from collections import OrderedDict

MOST_PAIRS = 200_000
"""Of client and device. Clients come and go without a word, under new names for ever."""


class Spoke:
    """Forgets the client that has been quiet longest; its devices' silence is then told by time."""

    def __init__(self, most: int = MOST_PAIRS) -> None:
        self._most, self._pairs = most, 0
        self._by_client: OrderedDict[str, set[str]] = OrderedDict()

    def __len__(self) -> int:
        return self._pairs

    def note(self, client: str, device: str) -> None:
        """Note that a device was heard through a client's connection."""
        devices = self._by_client.get(client)
        if devices is None:
            devices = self._by_client[client] = set()
        else:
            self._by_client.move_to_end(client)
        if device in devices:
            return
        devices.add(device)
        self._pairs += 1
        while self._pairs > self._most:
            # Also one client alone may name devices without end; then it begins anew.
            _, forgotten = self._by_client.popitem(last=False)
            self._pairs -= len(forgotten)

    def take(self, client: str) -> set[str]:
        """Return the devices of a client, and forget them."""
        devices = self._by_client.pop(client, set())
        self._pairs -= len(devices)
        return devices
