"""What pages call an alert: a headline from its reason, where it is, and how it stands."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from models.alert import Alert
from models.event import Event
from models.reasons import Reason
from models.words.render import catalogue
from webapp.casework import Line, told
from webapp.filters import name, sentence, t
from webapp.reader import current_reader


def has_words(code: str) -> bool:
    """Whether a code can be said."""
    return code in catalogue(current_reader().language)


def said(why: Mapping[str, Any] | Reason | None) -> str:
    """Return a stored reason as a sentence; one of an older version by its code."""
    if why is None:
        return ""
    kept = why if isinstance(why, Reason) else Reason.from_json(why)
    try:
        return sentence(kept)
    except KeyError:  # written by another version: no words for it, or other values
        return kept.code


def event_word(event: Any) -> str:
    """Return what was done in one word, for events that no noun has words of its own for."""
    code = f"event.action.{event.action}"
    return t(code) if has_words(code) else str(event.action)


def log_of(events: Sequence[Event]) -> list[Line]:
    """Return events as lines of a log; what has no sentence is told by one word."""
    words = {event.number: event_word(event) for event in events}
    return [line if line.text else replace(line, text=words[line.number]) for line in told(events)]


def headline(alert: Alert, rules: Mapping[tuple[str, int], Any]) -> str:
    """Return what happened in few words, with the number; else the rule's name."""
    why = Reason.from_json(alert.reason)
    code = f"headline.{why.code.removesuffix('_suspect')}"
    if has_words(code):
        return t(code, **why.values)
    rule = rules.get((alert.rule_code, alert.rule_version))
    return name(rule) if rule else sentence(why)


def reason_text(alert: Alert) -> str:
    """Return the whole sentence of why it was raised."""
    why = Reason.from_json(alert.reason)
    return sentence(why) if has_words(why.code) else why.code


def place_parts(alert: Alert) -> list[str]:
    """Return site, building or zone, element, from the large to the small."""
    building = alert.element.building if alert.element else None
    if building is None and alert.sensor is not None:
        building = alert.sensor.building
    parts = [alert.site, alert.zone if building is None else building, alert.element]
    return [name(part.name) for part in parts if part is not None]


def sensor_words(sensor: Any) -> str:
    """C-07 花脊裂缝计; the quantity where it has no name of its own."""
    called = name(sensor.name) if sensor.name else t(f"quantity.{sensor.quantity}")
    return f"{sensor.code} {called}"


def standing_of(alert: Alert, now: datetime, names: Mapping[Any, str]) -> tuple[str, str, str]:
    """Return (words, icon, kind) of how far an alert has got, for a tag."""
    state = alert.state(now)
    if state.endswith("_unacknowledged"):
        return t(f"alert_state.{state}"), "clock", "late" if state.startswith("active") else "warn"
    if state == "shelved" and alert.shelved_until is not None:
        return t("alerts.shelved_until", until=alert.shelved_until), "bell-pause", ""
    if alert.assignee_id is not None and state != "normal":
        person = names.get(alert.assignee_id, "")
        return t("alerts.sent", person=person), "user", ""
    icon = {"normal": "circle-check", "latched": "lock"}.get(state, "eye")
    return t(f"alert_state.{state}"), icon, "warn" if state == "latched" else ""
