"""Reads The Things Stack v3 over MQTT: uplinks of LoRaWAN devices with their codec's fields."""

from ingest.formats import times
from ingest.formats.codec_object import keys_of, says_units, take_object
from ingest.formats.decoded import Decoded, Unreadable, Unusable, counted
from ingest.formats.envelope import Envelope
from ingest.formats.memory import Memory
from ingest.formats.sheet import Meaning, Sheet, When
from models.reasons import Json

NAME = "tts_v3"

# The Things Stack's normalized payload fixes units (its documentation, "Payload Normalization").
_NORMALIZED = {
    "air/temperature": Meaning("temperature", "degC"),
    "air/relativeHumidity": Meaning("humidity", "%RH"),
    "air/pressure": Meaning("pressure", "hPa"),
    "soil/temperature": Meaning("temperature", "degC"),
    "soil/moisture": Meaning("moisture_rel", "%"),
    "rain/intensity": Meaning("rain_rate", "mm/h"),
    "rain/cumulative": Meaning("rain_total", "mm"),
    "wind/speed": Meaning("wind_speed", "m/s"),
    "battery": Meaning("battery_voltage", "V"),
}


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Is the topic `v3/{application}/devices/{device}/{event}`? Letters count as they are."""
    levels = envelope.levels
    return len(levels) >= 5 and levels[0] == "v3" and levels[2] == "devices"


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what an uplink says; all other events are ignored. Raises Unreadable."""
    sheet = Sheet(envelope.message, NAME)
    if envelope.levels[4:] != ["up"]:
        sheet.heard(envelope.levels[3])
        return sheet.summed_up()
    document = envelope.object
    device = sheet.heard(_device(document, envelope.levels[3]))
    uplink = document.get("uplink_message")
    if not isinstance(uplink, dict):
        raise Unreadable("wrong-type")
    count = uplink.get("f_cnt", 0)  # zero is left out
    known = isinstance(count, int) and "session_key_id" in uplink
    if known:
        # Some stacks begin at 0, some at 1: a session's first frame is not missed for that.
        envelope.counts = counted(device, count, uplink["session_key_id"], first=1)
    when = _when(sheet, document, uplink)
    envelope.counted_at(when.at_ms, when.source)
    _take(sheet, memory, device, document, uplink, when)
    return sheet.summed_up(
        key=f"{device}/{uplink['session_key_id']}/{count}" if known else "",
        counts=envelope.counts,
    )


def _device(document: dict[str, Json], in_topic: str) -> Json:
    ids = document.get("end_device_ids")
    named = ids.get("device_id") if isinstance(ids, dict) else None
    if named is not None and named != in_topic:
        raise Unreadable("device-mismatch")
    return in_topic


def _when(sheet: Sheet, document: dict[str, Json], uplink: dict[str, Json]) -> When:
    raw = uplink.get("received_at") or document.get("received_at")
    if raw is None:
        return sheet.received
    message = sheet.message
    return sheet.when(times.from_iso(raw, message.timezone, message.received_ms), "network")


def _take(
    sheet: Sheet,
    memory: Memory,
    device: str,
    document: dict[str, Json],
    uplink: dict[str, Json],
    when: When,
) -> None:
    fields = uplink.get("decoded_payload")
    if not fields:
        if uplink.get("frm_payload"):
            raise Unreadable("no-decoded-payload")
        return
    ids = uplink.get("version_ids")
    ids = ids if isinstance(ids, dict) else {}
    brand, model = str(ids.get("brand_id", "")), str(ids.get("model_id", ""))
    profile = memory.profiles.for_device(NAME, brand, model, keys_of(fields))
    simulated = document.get("simulated") is True
    normalized = uplink.get("normalized_payload")
    if profile is None and isinstance(normalized, list) and not says_units(fields):
        taken = _take_normalized(sheet, device, normalized, when, simulated)
        if taken and isinstance(fields, dict):  # the rest of what the codec gave
            fields = {key: raw for key, raw in fields.items() if raw not in taken}
    take_object(sheet, device, fields, when, profile, simulated=simulated)


def _take_normalized(
    sheet: Sheet, device: str, rows: list[Json], when: When, simulated: bool
) -> list[Json]:
    """Add what the network itself gave a meaning; return the values of which it knew one."""
    taken: list[Json] = []
    for row in rows:
        for path, meaning in _NORMALIZED.items():
            raw: Json = row
            for step in path.split("/"):
                raw = raw.get(step) if isinstance(raw, dict) else None
            if raw is not None:
                try:
                    own = row.get("time")
                    message = sheet.message
                    at = (
                        sheet.when(times.from_iso(own, message.timezone, message.received_ms))
                        if own
                        else when
                    )
                except Unusable:
                    at = when
                sheet.add(device, path, raw, at, meaning, simulated=simulated)
                taken.append(raw)
    return taken
