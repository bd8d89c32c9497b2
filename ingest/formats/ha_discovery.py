"""Reads Home Assistant's MQTT discovery: descriptions of sensors, then their states anywhere."""

import re
from collections.abc import Iterator

from ingest.formats.decoded import Decoded, Unusable
from ingest.formats.envelope import Envelope
from ingest.formats.memory import Memory
from ingest.formats.names import quantity_of
from ingest.formats.numbers import number, plain_id
from ingest.formats.paths import at_path
from ingest.formats.sheet import Meaning, Sheet
from models.reasons import Json

NAME = "ha_discovery"

_SHORT = {
    "stat_t": "state_topic", "unit_of_meas": "unit_of_measurement", "dev_cla": "device_class",
    "val_tpl": "value_template", "dev": "device", "ids": "identifiers", "p": "platform",
    "cmps": "components", "avty_t": "availability_topic", "avty": "availability",
    "json_attr_t": "json_attributes_topic",
}  # fmt: skip
_CLASSES = {
    "temperature": "temperature",
    "humidity": "humidity",
    "moisture": "moisture_rel",
    "pressure": "pressure",
    "atmospheric_pressure": "pressure",
    "precipitation": "rain_total",
    "precipitation_intensity": "rain_rate",
    "wind_speed": "wind_speed",
    "battery": "battery_level",
}
# Classes that do not tell what of: any voltage, any length. The name may.
_OF_SOMETHING = frozenset({"voltage", "distance"})
# Templates are programs; only the plain picking of a field is followed, the rest is not guessed.
_TEMPLATE = re.compile(
    r"\{\{-?\s*value(_json)?((?:\.\w+|\[['\"]?[\w -]+['\"]?\])*)\s*"
    r"(?:\|\s*(?:float|int|round|is_defined|default)\s*(?:\([\w\s,.'\"]*\))?\s*)*-?\}\}"
)
_STEP = re.compile(r"\.(\w+)|\[['\"]?([\w -]+)['\"]?\]")
_ABSENT = (b"", b"unavailable", b"unknown", b"None", b"none", b"online", b"offline")
MOST_PER_TOPIC = 200
_NAMELESS = "-"


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Is it a description, or on a topic that one has named, or the hub's own word?"""
    if envelope.topic == "homeassistant/status":
        return True
    return _is_config(envelope) or memory.recall(f"ha/state/{envelope.topic}") is not None


def _is_config(envelope: Envelope) -> bool:
    levels = envelope.levels
    return levels[0] == "homeassistant" and levels[-1] == "config" and len(levels) in (4, 5)


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what a state says, or learn where a description sends its states."""
    sheet = Sheet(envelope.message, NAME)
    if _is_config(envelope):
        return _learnt(sheet, envelope, memory)
    if envelope.payload.strip() in _ABSENT:
        return sheet.summed_up()
    for entity in memory.recall(f"ha/state/{envelope.topic}") or []:
        _take(sheet, envelope, entity)
    return sheet.summed_up()


def _learnt(sheet: Sheet, envelope: Envelope, memory: Memory) -> Decoded:
    own = "ha/config/" + "/".join(envelope.levels[1:-1])
    learned = _forgotten(own, memory)
    sheet.ignored_because = "config-learned"
    if envelope.payload.strip():  # an empty description deletes its sensors
        config = _spelled_out(envelope.object)
        places = []
        for topic, entity in _entities(envelope, config):
            place = f"ha/state/{topic}"
            others = learned.get(place, memory.recall(place)) or []
            learned[place] = [*others, {**entity, "own": own}][-MOST_PER_TOPIC:]
            places.append(place)
        learned[own] = places or None
        if not places:
            sheet.ignored_because = "no-known-quantity"
    return sheet.summed_up(learned=learned)


def _spelled_out(config: dict[str, Json]) -> dict[str, Json]:
    return {_SHORT.get(key, key): value for key, value in config.items()}


def _forgotten(own: str, memory: Memory) -> dict[str, Json]:
    """Return what is to be kept when an earlier description no longer holds."""
    learned: dict[str, Json] = {own: None}
    for place in memory.recall(own) or []:
        left = [entity for entity in memory.recall(place) or [] if entity["own"] != own]
        learned[place] = left or None
    return learned


def _entities(envelope: Envelope, config: dict[str, Json]) -> Iterator[tuple[str, dict[str, Json]]]:
    """Yield the state topic and the meaning of each sensor that a description holds."""
    components = config.get("components")
    if envelope.levels[1] == "device" and isinstance(components, dict):
        for name, component in components.items():
            if isinstance(component, dict):
                whole = {**config, **_spelled_out(component)}
                if whole.get("platform") == "sensor":
                    yield from _entity(envelope, plain_id(name), whole)
    elif envelope.levels[1] == "sensor":
        yield from _entity(envelope, plain_id(envelope.levels[-2]), config)


def _entity(
    envelope: Envelope, name: str, config: dict[str, Json]
) -> Iterator[tuple[str, dict[str, Json]]]:
    topic = _whole(config.get("state_topic"), config)
    if topic is None:
        return
    unit = config.get("unit_of_measurement")
    unit = unit if isinstance(unit, str) else None
    entity = {
        "device": plain_id(_device(envelope, config, topic)),
        "channel": name,
        "quantity": _quantity(config, name, unit),
        "unit": unit,
        "path": _path(config.get("value_template")),
    }
    yield topic, entity
    for other in _topics_beside(config):
        if other != topic:  # nothing is measured there, and that is in order
            yield other, {**entity, "path": None}


def _whole(topic: Json, config: dict[str, Json]) -> str | None:
    """Return a topic with its base written out."""
    base = config.get("~")
    if isinstance(topic, str) and isinstance(base, str):
        topic = base + topic[1:] if topic.startswith("~") else topic
        topic = topic[:-1] + base if topic.endswith("~") else topic
    return topic if isinstance(topic, str) else None


def _topics_beside(config: dict[str, Json]) -> Iterator[str]:
    """Yield where a sensor tells that it is there, and what else it knows."""
    rows = config.get("availability")
    rows = rows if isinstance(rows, list) else []
    named = [row.get("topic", row.get("t")) for row in rows if isinstance(row, dict)]
    named += [config.get("availability_topic"), config.get("json_attributes_topic")]
    for topic in named:
        written = _whole(topic, config)
        if written is not None:
            yield written


def _quantity(config: dict[str, Json], name: str, unit: str | None) -> str | None:
    """Return the quantity of a sensor's class, or what its names tell where the class can't."""
    device_class = config.get("device_class")
    if not (device_class is None or isinstance(device_class, str)):
        return None
    if device_class in _CLASSES:
        return _CLASSES[device_class]
    names = [config.get("name"), config.get("object_id"), name]
    told = [quantity_of(text, unit) for text in names if isinstance(text, str)]
    known = next((quantity for quantity in told if quantity), None)
    if known is None and device_class == "distance":
        return "distance"
    return known if device_class is None or device_class in _OF_SOMETHING else None


def _device(envelope: Envelope, config: dict[str, Json], topic: str) -> Json:
    """Return the device's identifier, else the node in the topic, else where its states are."""
    about = config.get("device")
    identifiers = _spelled_out(about).get("identifiers") if isinstance(about, dict) else None
    if isinstance(identifiers, list):
        identifiers = identifiers[0] if identifiers else None
    if identifiers:
        return identifiers
    if len(envelope.levels) == 5 or envelope.levels[1] == "device":
        return envelope.levels[2]
    return topic.removesuffix("/state")


def _path(template: Json) -> str | None:
    """Return the field that a template picks: "" for the whole payload, None if it does more."""
    if template is None:
        return ""
    match = _TEMPLATE.fullmatch(template.strip()) if isinstance(template, str) else None
    if match is None:
        return None
    return "/".join(a or b for a, b in _STEP.findall(match[2]))


def _take(sheet: Sheet, envelope: Envelope, entity: dict[str, Json]) -> None:
    device, path = sheet.heard(entity["device"]), entity["path"]
    if path is None:
        return
    if path:
        raw = at_path(envelope.document, path)
    else:
        raw = envelope.payload.decode("utf-8", "replace").strip()
    if raw is None or raw in ("unavailable", "unknown", "None"):
        return
    quantity, unit = entity["quantity"], entity["unit"]
    if quantity is None and unit is None and not _is_a_number(raw):
        return
    meaning = Meaning(quantity if unit else None, unit)
    # The names have been asked already; the channel must not be asked once more.
    sheet.add(device, entity["channel"], raw, sheet.received, meaning, name=_NAMELESS)


def _is_a_number(raw: Json) -> bool:
    try:
        number(raw)
    except Unusable:
        return False
    return True
