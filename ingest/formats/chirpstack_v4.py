"""Reads ChirpStack v4 over MQTT: uplinks with their codec's object, and battery status."""

import re

from ingest.formats import times
from ingest.formats.codec_object import keys_of, take_object
from ingest.formats.decoded import Decoded, Unreadable, Unusable, counted
from ingest.formats.envelope import Envelope
from ingest.formats.memory import Memory
from ingest.formats.numbers import number
from ingest.formats.sheet import Meaning, Sheet, When
from models.reasons import Json

NAME = "chirpstack_v4"

_EUI = re.compile(r"[0-9a-fA-F]{16}", re.ASCII)
_COUNTERS = (
    "pulse", "pulses", "pulse_count", "pulseAbs", "pulse1", "count", "counter", "counterValue",
    "count1_times", "total_counter", "total_pulse", "tips", "rain_tips", "rainfall_counter",
)  # fmt: skip
_PER_TIP = frozenset({"mmpertip", "mmperpulse", "mmpercount", "tipmm", "mmtip", "tipsizemm"})
BATTERY = Meaning("battery_level", "%")


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Is the topic `application/{id}/device/{EUI}/event/{event}`, with version 4's fields?"""
    return is_application_event(envelope) and not is_version_3(envelope)


def is_application_event(envelope: Envelope) -> bool:
    """Is the topic that of a device's event, in version 3 or 4?"""
    levels = envelope.levels
    return (
        len(levels) == 6
        and (levels[0], levels[2], levels[4]) == ("application", "device", "event")
    )  # fmt: skip


def is_version_3(envelope: Envelope) -> bool:
    """Does the message spell the device's EUI as version 3 does?"""
    document = envelope.document_or_none
    return isinstance(document, dict) and "devEUI" in document


def eui_of(raw: Json) -> str:
    """Return an EUI in lower case. Raises Unusable."""
    if not isinstance(raw, str) or not _EUI.fullmatch(raw):
        raise Unusable("bad-device-id")
    return raw.lower()


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what an uplink or a status says; other events are ignored. Raises Unreadable."""
    sheet = Sheet(envelope.message, NAME)
    device = sheet.heard(eui_of(envelope.levels[3]))
    event = envelope.levels[5]
    if event not in ("up", "status"):
        return sheet.summed_up()
    document = envelope.object
    info = document.get("deviceInfo")
    info = info if isinstance(info, dict) else {}
    if "devEui" in info and eui_of(info["devEui"]) != device:
        raise Unreadable("device-mismatch")
    count = document.get("fCnt", 0)
    if event == "up":
        # An address is given anew with every join, and so tells one session from the next.
        session = document.get("devAddr", "")
        envelope.counts = counted(device, count, session, first=1 if session else None)
    when = _when(sheet, document)
    envelope.counted_at(when.at_ms, when.source)
    if event == "status":
        take_status(sheet, device, document, when)
    else:
        _take_uplink(sheet, memory, device, document, info, when)
    key = document.get("deduplicationId")
    return sheet.summed_up(
        key=f"{device}/{key}" if isinstance(key, str) and key else "",
        counts=envelope.counts,
    )


def _when(sheet: Sheet, document: dict[str, Json]) -> When:
    raw = document.get("time") or gateway_time(document)
    if raw is None:
        return sheet.received
    message = sheet.message
    return sheet.when(times.from_iso(raw, message.timezone, message.received_ms), "network")


def gateway_time(document: dict[str, Json]) -> Json:
    """Return the first time that a gateway noted, or None."""
    receptions = document.get("rxInfo")
    for reception in receptions if isinstance(receptions, list) else []:
        if isinstance(reception, dict):
            for field in ("nsTime", "gwTime", "time"):
                if reception.get(field):
                    return reception[field]
    return None


def take_status(sheet: Sheet, device: str, document: dict[str, Json], when: When) -> None:
    """Add the battery's level, where the device has a battery and knows it."""
    if document.get("batteryLevelUnavailable") is True or document.get("externalPowerSource"):
        return
    if "batteryLevel" in document:
        sheet.add(device, "batteryLevel", document["batteryLevel"], when, BATTERY)


def _take_uplink(
    sheet: Sheet,
    memory: Memory,
    device: str,
    document: dict[str, Json],
    info: dict[str, Json],
    when: When,
) -> None:
    fields = document.get("object")
    if not fields:
        if document.get("data"):
            raise Unreadable("no-decoded-payload")
        return
    model = str(info.get("deviceProfileName", ""))
    profile = memory.profiles.for_device(NAME, "", model, keys_of(fields))
    take_object(sheet, device, fields, when, profile, extra=tips_of(info.get("tags")))


def _plain(tag: str) -> str:
    return "".join(letter for letter in tag.lower() if letter.isalpha())


def tips_of(tags: Json) -> dict[str, Meaning]:
    """Return the meaning of a pulse counter whose tags say how much rain tips its bucket."""
    named = tags.items() if isinstance(tags, dict) else ()
    raw = next((raw for tag, raw in named if _plain(tag) in _PER_TIP), None)
    try:
        per_tip = number(raw)[0]
    except Unusable:
        return {}
    return {field: Meaning("rain_total", f"tip{per_tip:g}mm") for field in _COUNTERS}
