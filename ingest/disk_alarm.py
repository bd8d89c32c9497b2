"""Tells people that the disk is full, by ways that need no disk."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from threading import Event, Thread

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from ingest import watching
from ingest.email import Email
from ingest.failing import NoticeFailed
from ingest.letters import TIMEZONE, Letter
from ingest.outbox import Channel, wait_after
from ingest.webhook import WebhookChannel
from models.clock import machine_now, site_now
from models.disk import Disk
from models.notice import Webhook
from models.paging import recipients
from models.reasons import Reason, reason
from models.settings import Settings
from models.store import Store
from models.times import iso

log = logging.getLogger(__name__)

TOLD = ("duty", "manager", "admin")
_UNSAID = reason("system.disk_has_room")  # until there is something to say
_NOWHERE: Mapping[str, str] = {"zh": "", "en": ""}


@dataclass
class DiskAlarm:
    """Hands e-mails and webhooks out directly, past the outbox, which is on the full disk.

    The alert on the desk is written too where the let-go reserve has room for it; it pages nobody
    a second time.
    """

    store: Store
    channels: Mapping[str, Channel] = field(default_factory=dict)
    public_url: str = ""
    _known: Sequence[Letter] = ()
    _over: Event = field(default_factory=Event)
    _telling: Thread | None = None

    @classmethod
    def of(cls, settings: Settings, store: Store) -> DiskAlarm:
        """Return the alarm of an installation."""
        channels: dict[str, Channel] = {
            "email": Email(settings.smtp, settings.mail_from),
            "webhook": WebhookChannel(settings.webhook_private),
        }
        return cls(store, channels, settings.public_url)

    def remember(self) -> None:
        """Read whom to tell, while the database can still be read for certain."""
        try:
            with self.store.reading() as session:
                self._known = _letters(session, self.public_url)
        except SQLAlchemyError as fault:
            log.warning("disk_alarm=not_refreshed why=%r", str(fault)[:200])

    def sound(self, disk: Disk) -> None:
        """Tell everyone, and go on trying until told or over; returns at once."""
        self.remember()
        why = reason("system.disk_full", free_mb=disk.free_bytes >> 20, since=iso(machine_now()))
        self._over = Event()
        letters = [_about(letter, why) for letter in self._known]
        self._telling = Thread(
            target=self._tell, args=(letters, self._over), name="disk-alarm", daemon=True
        )
        self._telling.start()
        self._on_the_desk(why, full=True)

    def end(self) -> None:
        """The disk has room again."""
        self._over.set()
        self._on_the_desk(reason("system.disk_has_room"), full=False)

    def _tell(self, letters: Sequence[Letter], over: Event) -> None:
        attempt = 0
        while letters and not over.is_set():
            attempt += 1
            letters = [letter for letter in letters if not self._sent(letter)]
            over.wait(wait_after(attempt).total_seconds())

    def _sent(self, letter: Letter) -> bool:
        """Send one; true where another try is of no use, because it is out or never will be."""
        channel = self.channels.get(letter.channel)
        if channel is None:
            return True
        try:
            channel.send(letter)
        except NoticeFailed as failed:
            log.error("disk_alarm=%s failed=%s", letter.channel, failed.reason.code)
            return failed.permanent
        log.warning("disk_alarm=%s sent=1", letter.channel)
        return True

    def _on_the_desk(self, why: Reason, *, full: bool) -> None:
        try:
            with self.store.writing() as session:
                watching.tell_of_disk(session, why, site_now(session), full=full)
        except SQLAlchemyError as fault:  # no room even for that: the pages look for themselves
            log.error("disk_alert=not_written why=%r", str(fault)[:200])


def _letters(session: Session, public_url: str) -> list[Letter]:
    """Return a letter to each person and each webhook, without what it says."""
    blank = Letter(
        key="", kind="disk", channel="email", address="", language="zh", severity="critical",
        site="", timezone=TIMEZONE, place=_NOWHERE, alert=None, reason=_UNSAID, at="",
        url=public_url + "/",
    )  # fmt: skip
    people = {
        one.address: replace(blank, address=one.address, language=one.language)
        for one in recipients(session, None, TOLD, site_now(session))
        if one.address
    }
    hooks = session.scalars(select(Webhook).where(Webhook.disabled_at.is_(None)))
    return [
        *people.values(),
        *(replace(blank, channel="webhook", address=one.url, secret=one.secret) for one in hooks),
    ]


def _about(letter: Letter, why: Reason) -> Letter:
    """Fill in what has happened; the key is that of this event, at every try."""
    since = str(why.values["since"])
    key = f"disk-full:{since}:{letter.channel}:{letter.address}"
    return replace(letter, key=key, reason=why, at=since)
