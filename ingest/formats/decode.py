"""Tells which format a message is in and what it says: the one door for all that is received."""

import logging
from dataclasses import replace
from types import ModuleType

from ingest.formats import (
    alink,
    campbell,
    chirpstack_v3,
    chirpstack_v4,
    ecowitt,
    ha_discovery,
    hj212_2017,
    influx_lp,
    king_pigeon,
    milesight_gateway,
    plain_json,
    rtl_433,
    senml,
    senml_cbor,
    senml_native,
    sensecap_openstream,
    sensorthings,
    shelly_gen2,
    sl651_2014,
    sparkplug_b,
    tasmota,
    thingsboard,
    ttn_v2,
    tts_v3,
    ultralight2,
    vega_nbiot,
    weewx_mqtt,
    zigbee2mqtt,
)
from ingest.formats.decoded import QUARANTINE, Decoded, Unreadable, Unusable, quarantined
from ingest.formats.envelope import Envelope
from ingest.formats.memory import Memory
from ingest.formats.numbers import as_sent
from ingest.formats.retold import retold
from ingest.formats.topics import matches
from ingest.message import Message

log = logging.getLogger(__name__)

# A format is a module with NAME, claims(envelope, memory) and read(envelope, memory). The first
# that claims a message reads it: what an operator mapped, then topics of their own, then shapes.
FORMATS: tuple[ModuleType, ...] = (
    plain_json,
    sparkplug_b,
    tts_v3,
    chirpstack_v4,
    chirpstack_v3,
    zigbee2mqtt,
    tasmota,
    shelly_gen2,
    thingsboard,
    ha_discovery,
    sensorthings,
    alink,
    sensecap_openstream,
    ultralight2,
    ttn_v2,
    senml,
    senml_cbor,
    hj212_2017,
    sl651_2014,
    rtl_433,
    ecowitt,
    weewx_mqtt,
    king_pigeon,
    vega_nbiot,
    campbell,
    milesight_gateway,
    influx_lp,
)
BY_NAME = {module.NAME: module for module in FORMATS}


def decode(message: Message, memory: Memory) -> Decoded:
    """Return what a message says, given what was known before it. Changes nothing."""
    if message.topic.endswith("/senml") and not (memory.told or memory.profiles.may_change_senml):
        plain = senml_native.read(message)
        if plain is not None:
            return plain
    name, envelope = "", Envelope(message)
    try:
        module = _format_of(envelope, memory)
        name = module.NAME
        decoded: Decoded = module.read(envelope, memory)
        if memory.profiles.by_pattern and decoded.measurements:
            decoded = retold(decoded, memory.profiles.by_pattern)
        if envelope.counts and not decoded.counts:
            return replace(decoded, counts=envelope.counts)
        return decoded
    except (Unreadable, Unusable) as refusal:
        values = refusal.values if isinstance(refusal, Unreadable) else {}
        values = {"field": as_sent(message.topic), **values}  # what no field is to blame for
        why = quarantined(refusal.code, **values)
        return Decoded(QUARANTINE, why, format=name, counts=envelope.counts)
    except Exception:
        # The payload is whatever a stranger sent: a hole in one format's reading must not stop
        # the others' messages. It is logged as the fault of ours that it is, and kept whole.
        log.exception("decoder_fault format=%s topic=%r", name, message.topic[:200])
        why = quarantined("decoder-fault")
        return Decoded(QUARANTINE, why, format=name, counts=envelope.counts)


def _format_of(envelope: Envelope, memory: Memory) -> ModuleType:
    if envelope.message.oversize_bytes:
        raise Unreadable("too-large", bytes=envelope.message.oversize_bytes)
    for topic_filter, name in memory.told:
        if matches(topic_filter, envelope.topic):
            return BY_NAME[name]
    if envelope.topic.endswith("/senml") and envelope.first_byte == b"[":
        if not plain_json.claims(envelope, memory):
            return senml  # the native format, told first because it is most of the load
    for module in FORMATS:
        if module.claims(envelope, memory):
            return module
    raise Unreadable("unknown-format" if envelope.payload else "empty-payload")
