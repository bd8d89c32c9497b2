"""Reads what stands on a node's label: a name, an address of ours, or a LoRaWAN device's code."""

import re
from collections.abc import Iterable
from urllib.parse import parse_qs, urlsplit

LONGEST = 400
_EUI = re.compile(r"(?:[0-9a-f]{2}[-: ]?){7}[0-9a-f]{2}", re.IGNORECASE)


def device_on(label: str) -> str:
    """Return the device's name, as it calls itself in messages; "" where there is none.

    TR005 of the LoRa Alliance: `LW:D0:JoinEUI:DevEUI:ProfileID…`; networks write the DevEUI in
    small letters.
    """
    text = label.strip()[:LONGEST]
    if text.upper().startswith("LW:D0:"):
        parts = text.split(":")
        return _plain_eui(parts[3]) if len(parts) > 3 else ""
    if text.lower().startswith(("http://", "https://")):
        asked = parse_qs(urlsplit(text).query).get("device", [""])
        return asked[0].strip()
    return _plain_eui(text) if _EUI.fullmatch(text) else text


def _plain_eui(text: str) -> str:
    return re.sub(r"[-: ]", "", text).lower()


def heard_as(device: str, heard: Iterable[str]) -> str | None:
    """Return the device that was heard under this name, whatever the case of its letters."""
    names = list(heard)
    if device in names:
        return device
    alike = [name for name in names if name.lower() == device.lower()]
    return alike[0] if len(alike) == 1 else None
