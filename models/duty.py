"""The duty roster: who is on duty for which site, from when to when."""

import uuid
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from models.errors import BadInput, Fault
from models.event import record
from models.notice import DutyShift
from models.people import Actor, User
from models.reasons import reason
from models.registry import Site
from models.times import iso


def add_shift(
    session: Session,
    user: User,
    since: datetime,
    until: datetime,
    *,
    by: Actor,
    now: datetime,
    site: Site | None = None,
) -> DutyShift:
    """Put a person on duty, for one site or all. Raises BadInput; the caller commits."""
    if until <= since:
        raise BadInput([Fault("until", reason("duty.until_before_since", since=iso(since)))])
    shift = DutyShift(
        id=uuid.uuid4(),
        user_id=user.id,
        site_id=site.id if site else None,
        since=since,
        until=until,
    )
    session.add(shift)
    why = reason("duty.shift_added", since=iso(since), until=iso(until))
    record(shift, "add", by=by, now=now, why=why)
    return shift


def end_shift(shift: DutyShift, *, by: Actor, now: datetime) -> None:
    """End a shift now. The caller commits."""
    shift.until = min(shift.until, now)
    record(shift, "end", by=by, now=now)


def on_duty(session: Session, site_id: uuid.UUID | None, now: datetime) -> list[DutyShift]:
    """Return the shifts that run now, for the site or for all."""
    here = or_(DutyShift.site_id.is_(None), DutyShift.site_id == site_id)
    running = select(DutyShift).where(here, DutyShift.since <= now, DutyShift.until > now)
    return list(session.scalars(running.order_by(DutyShift.since, DutyShift.id)))
