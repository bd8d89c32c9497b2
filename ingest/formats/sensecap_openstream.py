"""Reads Seeed's SenseCAP OpenStream: one value a message, its meaning in the topic."""

from ingest.formats import times
from ingest.formats.decoded import Decoded
from ingest.formats.envelope import Envelope
from ingest.formats.memory import Memory
from ingest.formats.numbers import plain_id
from ingest.formats.sensecap_ids import MEASUREMENTS
from ingest.formats.sheet import Sheet

NAME = "sensecap_openstream"


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Is the topic `/device_sensor_data/{org}/{EUI}/{channel}/{reserved}/{id}`?"""
    levels = envelope.levels
    if len(levels) > 3 and levels[0] == "" and levels[1].startswith("device_status"):
        return True
    return len(envelope.levels) == 7 and envelope.levels[:2] == ["", "device_sensor_data"]


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return the one value. Raises Unreadable."""
    sheet = Sheet(envelope.message, NAME)
    if envelope.levels[1] != "device_sensor_data":
        return sheet.summed_up()
    document = envelope.object
    _, _, _, eui, channel, _, measurement = envelope.levels
    device = sheet.heard(eui)
    meaning = MEASUREMENTS.get(measurement)
    if meaning is None:
        sheet.ignored_because = "no-known-quantity"
        return sheet.summed_up()
    raw = document.get("timestamp")
    when = sheet.received if raw is None else sheet.when(times.from_epoch(raw, "ms"))
    sheet.add(device, plain_id(f"{channel}/{measurement}"), document.get("value"), when, meaning)
    return sheet.summed_up()
