"""Writes what a notice says: values for a program, subject and body for a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from models.alert import Alert
from models.notice import Notice, Webhook
from models.reasons import Reason
from models.registry import Site
from models.times import iso
from models.words.render import LANGUAGES, Reader, name_of, phrase, text

TIMEZONE = "Asia/Shanghai"  # of notices that belong to no site


@dataclass(frozen=True, slots=True)
class Letter:
    """One notice, taken out of the database: what a channel needs to send it."""

    key: str
    kind: str
    channel: str
    address: str
    language: str
    severity: str
    site: str
    timezone: str
    place: Mapping[str, str]
    alert: str | None
    reason: Reason
    at: str
    url: str
    secret: str = ""


def letter_of(session: Session, notice: Notice, public_url: str) -> Letter:
    """Return what a notice says, with the names of its place as they are now."""
    site = session.get(Site, notice.site_id) if notice.site_id else None
    alert = session.get(Alert, notice.alert_id) if notice.alert_id else None
    why = Reason.from_json(notice.reason)
    return Letter(
        key=notice.key,
        kind=notice.kind,
        channel=notice.channel,
        address=notice.address,
        language=notice.language if notice.language in LANGUAGES else "zh",
        severity=notice.severity,
        site=site.code if site else "",
        timezone=site.timezone if site else TIMEZONE,
        place=_place(site, alert),
        alert=alert.code if alert else None,
        reason=why,
        at=iso(notice.created_at),
        url=public_url + _path(notice, why),
        secret=_secret(session, notice) if notice.channel == "webhook" else "",
    )


def _path(notice: Notice, why: Reason) -> str:
    if notice.alert_id is not None:
        return f"/alerts/{notice.alert_id}"
    if notice.incident_id is not None:
        return f"/incidents/{notice.incident_id}"
    return str(why.values.get("href") or "/")


def _place(site: Site | None, alert: Alert | None) -> dict[str, str]:
    """Return what the alert is about, then where: in both languages."""
    parts: list[Any] = []
    if alert is not None:
        sensor = alert.sensor
        parts = [
            alert.zone.name if alert.zone else None,
            alert.element.name if alert.element else None,
            (sensor.name or sensor.code) if sensor and not alert.element else None,
        ]
    parts.append(site.name if site else None)
    joined = {"zh": " · ", "en": ", "}
    return {
        language: joined[language].join(name_of(part, language) for part in parts if part)
        for language in LANGUAGES
    }


def _secret(session: Session, notice: Notice) -> str:
    name = notice.role.removeprefix("webhook:")
    found = session.query(Webhook).filter(Webhook.name == name).first()
    return found.secret if found else ""


def subject(letter: Letter) -> str:
    """Return the subject of an e-mail: severity in words, what it is, and the place."""
    reader = Reader(letter.language, letter.timezone)
    what = phrase(f"notice.subject.{letter.kind}", reader)
    word = phrase(f"severity.{letter.severity}", reader) if letter.severity else ""
    place = letter.place[letter.language]
    return " ".join(part for part in (f"[{word}]" if word else "", what, place) if part)


def body(letter: Letter) -> str:
    """Return the body: why, when it was measured, when it arrived, and the link."""
    reader = Reader(letter.language, letter.timezone)
    lines = [said(letter.reason, reader)]
    for name in ("observed_at", "arrived_at"):
        if letter.reason.values.get(name):
            lines.append(phrase(f"notice.{name}", reader, at=letter.reason.values[name]))
    lines.append(phrase("notice.sent_for", reader, at=letter.at))
    lines += ["", letter.url, "", phrase("notice.footer", reader)]
    return "\n".join(lines) + "\n"


def said(why: Reason, reader: Reader) -> str:
    """Return a reason as a sentence; one that carries another is said with it."""
    values = dict(why.values)
    inner = values.pop("why", None)
    if isinstance(inner, Mapping) and "code" in inner:
        values["why"] = text(Reason.from_json(inner), reader)
    elif inner is not None:
        values["why"] = inner
    return phrase(why.code, reader, **values)


def message(letter: Letter) -> dict[str, Any]:
    """Return what a webhook is sent."""
    texts = {
        language: said(letter.reason, Reader(language, letter.timezone)) for language in LANGUAGES
    }
    return {
        "id": letter.key,
        "kind": letter.kind,
        "severity": letter.severity or None,
        "site": letter.site or None,
        "alert": letter.alert,
        "place": dict(letter.place),
        "reason": {**letter.reason.to_json(), "text": texts},
        "at": letter.at,
        "url": letter.url,
    }
