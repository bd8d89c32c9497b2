"""Deals sensors to shares: a sensor is in the share of its newest device."""

from __future__ import annotations

from ingest.bindings import Bindings
from models.share import share_of


def deal(bindings: Bindings, number: int, shares: int) -> tuple[set[int], set[int]]:
    """Return the sensors of a share, and those of any that devices of several shares have been.

    A sensor that never had a device is dealt by its own key.
    """
    newest: dict[int, tuple[int, int, str]] = {}
    been: dict[int, set[int]] = {}
    for device, bound in bindings.bounds():
        last = (bound.until_ms, bound.since_ms, device)
        newest[bound.sensor] = max(last, newest.get(bound.sensor, last))
        been.setdefault(bound.sensor, set()).add(share_of(device, shares))
    mine = {
        key
        for key in bindings.sensors
        if share_of(newest[key][2] if key in newest else str(key), shares) == number
    }
    return mine, {key for key, dealt in been.items() if len(dealt) > 1}
