"""Holds a device to its key: whatever topic it uses, it may speak for nobody but itself."""

from __future__ import annotations

from ingest.formats.decoded import Decoded, quarantined
from ingest.message import Message

NOT_ITS_OWN = "not-its-own-device"


def held_to_key(message: Message, outcome: Decoded) -> Decoded:
    """Return the outcome, or its refusal where a device's key speaks for another device.

    The topic is checked where the message comes in; this looks at whom the payload names. A
    message that names both its sender and another is refused whole.
    """
    if message.device is None:
        return outcome
    named = {*outcome.devices, *outcome.gone, *(one.device for one in outcome.measurements)}
    others = named - {message.device}
    if not others:
        return outcome
    why = quarantined(NOT_ITS_OWN, key=message.device, device=min(others))
    return Decoded("quarantine", why, format=outcome.format)
