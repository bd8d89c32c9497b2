"""Reads Alibaba Cloud IoT (Alink): properties that a product's device reports."""

from collections.abc import Iterator

from ingest.formats import times
from ingest.formats.about import is_about_the_device
from ingest.formats.decoded import Decoded, Unreadable, Unusable
from ingest.formats.envelope import Envelope
from ingest.formats.key_units import unit_in
from ingest.formats.memory import Memory
from ingest.formats.numbers import number, plain_id
from ingest.formats.profiles import Profile
from ingest.formats.sheet import Meaning, Sheet, When
from models.reasons import Json

NAME = "alink"

_POSTS = (
    "event/property/post", "event/property/batch/post", "event/property/pack/post",
    "event/property/history/post",
)  # fmt: skip


def claims(envelope: Envelope, memory: Memory) -> bool:
    """Is the topic `/sys/{product}/{device}/thing/…`?"""
    levels = envelope.levels
    return len(levels) > 5 and (levels[0], levels[1], levels[4]) == ("", "sys", "thing")


def read(envelope: Envelope, memory: Memory) -> Decoded:
    """Return what a report says; replies, events and services are ignored. Raises Unreadable."""
    levels = envelope.levels
    sheet = Sheet(envelope.message, NAME)
    sheet.ignored_because = "no-known-quantity"
    device = sheet.heard(f"{levels[2]}/{levels[3]}")
    kind = "/".join(levels[5:])
    if kind == "model/up_raw":
        raise Unreadable("no-decoded-payload")
    if kind not in _POSTS:
        sheet.ignored_because = "no-measurement"
        return sheet.summed_up()
    historical = "history" in kind
    for name, params in _reports(device, envelope.object.get("params")):
        own = sheet.heard(name)
        profile = memory.profiles.for_device(NAME, "", levels[2], params)
        for identifier, raw in params.items():
            _take(sheet, own, identifier, raw, profile, historical)
    return sheet.summed_up()


def _reports(device: str, params: Json) -> Iterator[tuple[str, dict[str, Json]]]:
    """Yield each device with its properties: the sender's own, and those behind a gateway."""
    if isinstance(params, list):  # history: a list of reports
        for report in params:
            yield from _reports(device, report)
        return
    if not isinstance(params, dict):
        raise Unreadable("wrong-type")
    properties = params.get("properties")
    if not isinstance(properties, dict):
        yield device, params
        return
    identity = params.get("identity")
    yield (_named(identity) if identity else device), properties
    below = params.get("subDevices", [])
    for report in below if isinstance(below, list) else []:
        if isinstance(report, dict) and isinstance(report.get("properties"), dict):
            yield _named(report.get("identity")), report["properties"]


def _named(identity: Json) -> str:
    if not isinstance(identity, dict):
        raise Unreadable("missing-device")
    return f"{identity.get('productKey')}/{identity.get('deviceName')}"


def _take(
    sheet: Sheet, device: str, identifier: str, raw: Json, profile: Profile | None,
    historical: bool,
) -> None:  # fmt: skip
    if profile is not None and identifier in profile.ignore:
        return
    told = profile.fields.get(identifier) if profile else None
    meaning = told or Meaning(unit=unit_in(identifier))
    for point in raw if isinstance(raw, list) else [raw]:  # batch: several points
        value = point.get("value") if isinstance(point, dict) else point
        if told is None and (not _is_a_number(value) or is_about_the_device(identifier)):
            continue
        try:
            channel = plain_id(identifier)
            when = _when(sheet, point)
        except Unusable as refusal:
            sheet.fault(f"{device}/{identifier}", refusal.code)
            continue
        sheet.add(device, channel, value, when, meaning, historical=historical)


def _is_a_number(value: Json) -> bool:
    try:
        number(value)
    except Unusable:
        return isinstance(value, float)
    return True


def _when(sheet: Sheet, point: Json) -> When:
    raw = point.get("time") if isinstance(point, dict) else None
    return sheet.received if raw is None else sheet.when(times.from_epoch(raw, "ms"))
