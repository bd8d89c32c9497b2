"""Watches another role's heartbeat: a dead ingester is one critical alert, not a hundred."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ingest.bindings import Bindings
from ingest.share_deal import deal
from models.alert import Alert, Subject, Verdict, take
from models.chunks import chunks
from models.clock import machine_now
from models.heartbeat import DEAD_AFTER, Heartbeat
from models.paging import page, told_of
from models.people import machine
from models.pulse import bump, registry_version
from models.reading import SensorState
from models.reasons import Reason, reason
from models.share import number_of, role_of, shares_agreed
from models.times import iso

SYSTEM = machine("clock")
# Without the first two nobody is warned. Without a worker papers and imports wait, and are not
# lost; without pages warnings still go out, but nobody can answer one, close, or read a notice.
SEVERITY_OF = {"ingest": "critical", "clock": "critical", "work": "high", "web": "high"}
RULE, SESSION_RULE, DISK_RULE, VERSION = "SYSTEM", "SYSTEM-SESSION", "SYSTEM-DISK", 1


@dataclass
class Watch:
    """Takes a role for dead when its heartbeat has stood still for a while of our own watching.

    Only our own monotonic time counts: a clock that was set, a laptop that slept, or a start of
    all roles at once kills nobody.
    """

    roles: tuple[str, ...]
    now_s: Callable[[], float] = monotonic
    _seen: dict[str, tuple[datetime, float]] = field(default_factory=dict)
    _looked_s: float | None = None

    def look(self, session: Session) -> set[str]:
        """Return the roles that have died; call it every few seconds."""
        now_s = self.now_s()
        slept = self._looked_s is not None and now_s - self._looked_s > DEAD_AFTER.total_seconds()
        self._looked_s = now_s
        if slept:
            self._seen.clear()
        dead = set()
        self.roles = with_shares(session, self.roles)
        for row in session.scalars(select(Heartbeat).where(Heartbeat.role.in_(self.roles))):
            beat_at, since_s = self._seen.get(row.role, (None, now_s))
            if beat_at != row.beat_at:
                since_s = now_s
            self._seen[row.role] = row.beat_at, since_s
            if now_s - since_s >= DEAD_AFTER.total_seconds():
                dead.add(row.role)
        return dead


def with_shares(session: Session, roles: tuple[str, ...]) -> tuple[str, ...]:
    """Add to the ingester the shares, of which each is looked at; take away what is none now."""
    if "ingest" not in roles:
        return roles
    others = [role for role in roles if not role.startswith("ingest/")]
    return (*others, *(role_of(number) for number in range(1, shares_agreed(session))))


def untold(session: Session, roles: Iterable[str], dead: set[str]) -> list[str]:
    """Return the roles of which the alerts say something else; nearly always none."""
    told = {
        alert.subject.partition(":")[2]
        for alert in session.scalars(select(Alert).where(Alert.rule_code == RULE, Alert.active))
    }
    return [role for role in roles if (role in dead) != (role in told)]


def tell(session: Session, roles: Iterable[str], dead: set[str], now: datetime) -> None:
    """Raise or clear the alert of each role. The caller commits."""
    for role in roles:
        live = _live(session, RULE, role)
        if role in dead:
            _raise(session, live, role, now)
        elif live is not None and live.active:
            _clear(session, live, role, now)


def lose_session(session: Session, client: str, now: datetime) -> None:
    """Say that a broker forgot our session: what came while we were away may be lost."""
    why = reason("system.session_lost", client=client, at=iso(now))
    verdict = _verdict(SESSION_RULE, "raised", "high", why, now)
    alert, pages = take(
        session, _live(session, SESSION_RULE, "ingest"), _subject("ingest"), verdict, now, SYSTEM
    )
    if alert is None:
        return
    if pages:
        page(session, alert, told_of(alert, why), now)
    # It happened; it does not last. The alert stays on the desk until somebody has seen it.
    over = _verdict(SESSION_RULE, "cleared", "high", why, now)
    take(session, alert, _subject("ingest"), over, now, SYSTEM)


def tell_of_disk(session: Session, why: Reason, now: datetime, *, full: bool) -> None:
    """Raise or clear the alert of a full disk; who must know has been told directly."""
    live = _live(session, DISK_RULE, "disk")
    if not full and (live is None or not live.active):
        return
    verdict = _verdict(DISK_RULE, "raised" if full else "cleared", "critical", why, now)
    take(session, live, _subject("disk"), verdict, now, SYSTEM)
    bump(session)


def _raise(session: Session, live: Alert | None, role: str, now: datetime) -> None:
    beat = session.get(Heartbeat, role)
    since = beat.beat_at if beat is not None else machine_now()
    why = _why(session, role, "dead", since=iso(since.replace(microsecond=0)))
    verdict = _verdict(RULE, "raised", _severity_of(role), why, now)
    alert, pages = take(session, live, _subject(role), verdict, now, SYSTEM)
    if _is_ingester(role):
        _nothing_is_known(session, role, now)
    if alert is not None and pages:
        page(session, alert, told_of(alert, why), now)


def _clear(session: Session, live: Alert, role: str, now: datetime) -> None:
    why = _why(session, role, "back")
    take(
        session,
        live,
        _subject(role),
        _verdict(RULE, "cleared", _severity_of(role), why, now),
        now,
        SYSTEM,
    )
    bump(session)


def _is_ingester(role: str) -> bool:
    return role.partition("/")[0] == "ingest"


def _severity_of(role: str) -> str:
    return SEVERITY_OF[role.partition("/")[0]]


def _why(session: Session, role: str, what: str, **values: str) -> Reason:
    """Name the share where there are several: the others go on."""
    if _is_ingester(role) and shares_agreed(session) > 1:
        return reason(f"system.share_{what}", share=number_of(role), **values)
    return reason(f"system.{role.partition('/')[0]}_{what}", **values)


def _nothing_is_known(session: Session, role: str, now: datetime) -> None:
    """While nobody listens no sensor is normal: each is unknown until it is heard again."""
    shares = shares_agreed(session)
    of_share = None if shares == 1 else _sensors_of(session, number_of(role), shares)
    deaf = (
        update(SensorState)
        .where(SensorState.silent_since_ms.is_(None), SensorState.heard_ms.is_not(None))
        .values(silent_since_ms=SensorState.heard_ms)
        .execution_options(synchronize_session=False)
    )
    if of_share is None:
        session.execute(deaf)
    else:
        for some in chunks(sorted(of_share)):
            session.execute(deaf.where(SensorState.sensor.in_(some)))
    why = reason("system.ingest_deaf")
    known = select(Alert).where(Alert.live, Alert.unknown.is_(False), Alert.sensor_id.is_not(None))
    ids = None if of_share is None else set(of_share.values())
    for alert in session.scalars(known.order_by(Alert.code)):
        if ids is None or alert.sensor_id in ids:
            alert.become_unknown(by=SYSTEM, now=now, why=why)
    # An ingester that only hung has its own memory of all this: let it read the new one.
    bump(session, registry=True)


def _sensors_of(session: Session, number: int, shares: int) -> dict[int, uuid.UUID]:
    """Return the ids of the sensors of a share, by key."""
    bindings = Bindings.load(session, registry_version(session))
    mine, _ = deal(bindings, number, shares)
    return {key: bindings.sensors[key].id for key in mine}


def _live(session: Session, rule: str, role: str) -> Alert | None:
    mine = select(Alert).where(
        Alert.live, Alert.rule_code == rule, Alert.subject == f"system:{role}"
    )
    return session.scalars(mine).first()


def _subject(role: str) -> Subject:
    return Subject(f"system:{role}")


def _verdict(rule: str, to: str, severity: str, why: Reason, now: datetime) -> Verdict:
    return Verdict(rule, VERSION, to, severity, now, None, None, why)
