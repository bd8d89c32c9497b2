"""Who is told and who may come in: secrets, keys, mail, webhooks, people on duty."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ingest.doctor.finding import Finding, fault, warning
from models.clock import site_now
from models.notice import Webhook
from models.paging import recipients
from models.people import DeviceKey, Membership
from models.settings import Settings
from models.settings_text import Remote, is_loopback

SHORTEST_SECRET = 32
MAIL_WITHIN_S = 5.0


def look_at_people(
    settings: Settings, session: Session, machine_now: datetime
) -> Iterator[Finding]:
    """Look at who could do harm, and whether anybody would be told."""
    key = settings.secret_key
    if not key:
        yield fault("no_secret")
    elif len(key) < SHORTEST_SECRET or len(set(key)) < 8:
        yield fault("weak_secret", length=len(key))
    if settings.receives:
        yield from _publishing(settings, session)
    if not is_loopback(settings.host) and "//127.0.0.1" in settings.public_url.replace(
        "//localhost", "//127.0.0.1"
    ):
        yield warning("links_lead_nowhere", url=settings.public_url)
    yield from _telling(settings, session)
    admins = select(func.count()).select_from(Membership).where(Membership.role == "admin")
    if not session.scalar(admins):
        yield warning("no_admin")


def _publishing(settings: Settings, session: Session) -> Iterator[Finding]:
    """Look at how devices sign in to the receiver."""
    demanding = [one for one in settings.mqtt_listeners if not settings.takes_anonymous(one)]
    if demanding and not _keys(session):
        yield warning("no_keys", listen=", ".join(map(str, demanding)))
    in_the_clear = [
        str(one) for one in settings.mqtt_listeners if not (one.tls or one.address.is_loopback)
    ]
    if in_the_clear:
        yield warning("keys_in_the_clear", listen=", ".join(in_the_clear))


def _keys(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(DeviceKey)) or 0


def _telling(settings: Settings, session: Session) -> Iterator[Finding]:
    hooks = select(func.count()).select_from(Webhook).where(Webhook.disabled_at.is_(None))
    if settings.smtp is None and not session.scalar(hooks):
        yield fault("nobody_is_told")
    if settings.smtp is not None and (why := _mail_trouble(settings.smtp)):
        yield fault("mail_unreachable", host=settings.smtp.host, why=why)
    on_duty = recipients(session, None, ["duty", "manager"], site_now(session))
    if not any(one.address for one in on_duty):
        yield warning("nobody_on_duty")


def _mail_trouble(server: Remote) -> str:
    """Say hello to the mail server; return why that did not work, or nothing."""
    kind = smtplib.SMTP_SSL if server.tls else smtplib.SMTP
    try:
        with kind(server.host, server.port, timeout=MAIL_WITHIN_S) as smtp:
            smtp.noop()
    except (smtplib.SMTPException, OSError) as fault:
        return str(fault)[:200] or type(fault).__name__
    return ""
