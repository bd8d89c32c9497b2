"""Writes what the rules found: alerts, conditions, and the pages that go with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ingest.judging import Found
from ingest.rulebook import InForce
from models.alert import Alert, Condition, Subject, Verdict, learn_late, rank, take
from models.closing import is_shut
from models.paging import page, told_of
from models.people import machine
from models.reasons import reason
from models.sensor import Sensor
from models.shut_silence import SILENT_WHERE_SHUT
from models.times import from_ms, iso

RULE = machine("rule")


def write(session: Session, found: Sequence[Found], now: datetime) -> None:
    """Write all findings in order, each on the one live alert of its rule and subject."""
    if not found:
        return
    live = _live(session, {one.subject.text for one in found})
    for one in found:
        at = max(now, from_ms(one.step.at_ms))
        if one.rule.rule.condition:
            _write_condition(session, one, at)
            continue
        key = (one.rule.code, one.subject.text)
        verdict = _of_this_episode(live.get(key), one, _weighed(session, one))
        alert, pages = take(session, live.get(key), one.subject, verdict, at, RULE)
        if alert is not None and alert.live:
            live[key] = alert
        else:
            live.pop(key, None)
        if alert is not None and pages:
            page(session, alert, told_of(alert, one.step.reason), at)


def write_late(session: Session, found: Iterable[Found], now: datetime) -> None:
    """Raise what an out-of-order reading shows and no alert of that time tells; clear nothing.

    A new alert follows its own stretch to its end; one that stands is left alone unless the
    reading shows a higher level than it has ever told of, or that it is not over after all.
    """
    opened: dict[tuple[str, str], Alert] = {}
    lifted: dict[tuple[str, str], Alert] = {}
    for one in found:
        if one.rule.rule.condition:
            if one.stands:
                _write_condition(session, one, now)
            continue
        key = (one.rule.code, one.subject.text)
        known = opened.get(key)
        if one.stands:
            known = known or _live(session, {one.subject.text}).get(key)
            if known is not None and _tells(known, one):
                continue
        elif known is None:
            if one.step.to == "latched" and key in lifted:
                learn_late(lifted[key], _verdict(one), now, RULE)
            if one.step.to not in ("raised", "escalated"):
                continue
            of_then = _of_that_time(session, one)
            if any(rank(alert.peak) >= rank(one.step.severity) for alert in of_then):
                continue
            standing = next((alert for alert in of_then if alert.live), None)
            if standing is not None:
                lifted[key] = standing
                if learn_late(standing, _verdict(one), now, RULE):
                    page(
                        session,
                        standing,
                        told_of(standing, one.step.reason),
                        now,
                    )
                continue
        alert, pages = take(session, known, one.subject, _verdict(one), now, RULE)
        if alert is None:
            continue
        opened[key] = alert
        if pages:
            page(session, alert, told_of(alert, one.step.reason), now)


def become_unknown(session: Session, subject: Subject, since_ms: int, now: datetime) -> None:
    """Say of a silent sensor's live alerts, that of its silence among them, that none is known."""
    why = reason("alert.sensor_silent", subject=subject.text, since=iso(since_ms))
    for alert in _live(session, {subject.text}).values():
        if not alert.unknown:
            alert.become_unknown(by=RULE, now=now, why=why)


def become_known(session: Session, subject: Subject, now: datetime) -> None:
    """Say that the sensor is heard again; its alerts stand as they stood."""
    for alert in _live(session, {subject.text}).values():
        if alert.unknown:
            alert.become_known(by=RULE, now=now, why=reason("alert.sensor_heard"))


def _live(session: Session, subjects: set[str]) -> dict[tuple[str, str], Alert]:
    rows = session.scalars(
        select(Alert).where(Alert.live, Alert.subject.in_(subjects)).order_by(Alert.rule_code)
    )
    return {(row.rule_code, row.subject): row for row in rows}


def _of_that_time(session: Session, one: Found) -> list[Alert]:
    """Return the alerts of this rule and subject that stand, or that tell of that stretch."""
    at = from_ms(one.step.observed_ms)
    rows = session.scalars(
        select(Alert).where(Alert.rule_code == one.rule.code, Alert.subject == one.subject.text)
    )
    return [
        row
        for row in rows
        if row.live or (row.observed_at <= at and (row.cleared_at is None or row.cleared_at >= at))
    ]


def _tells(alert: Alert, one: Found) -> bool:
    return alert.active and rank(alert.severity) >= rank(one.step.severity)


def _weighed(session: Session, one: Found) -> Verdict:
    """Return the verdict; silence weighs more where the stone is known to move (domain §5.5)."""
    verdict = _verdict(one)
    if one.rule.kind != "silence" or verdict.to in ("cleared", "latched"):
        return verdict
    if rank(verdict.severity) >= rank(SILENT_WHERE_SHUT):
        return verdict
    sensor = session.get(Sensor, one.subject.sensor_id) if one.subject.sensor_id else None
    if sensor is None or not is_shut(session, sensor):
        return verdict
    return replace(verdict, severity=SILENT_WHERE_SHUT)


def _of_this_episode(alert: Alert | None, one: Found, verdict: Verdict) -> Verdict:
    """Let an episode end by what it has reached itself, whatever one before it has.

    The rule remembers a latch for good; that a person has reset it, only the alert knows, which
    ended with that.
    """
    if verdict.to != "latched" or alert is None:
        return verdict
    if not latches(one.rule, alert.peak):
        return replace(verdict, to="cleared", severity=alert.severity)
    return replace(verdict, severity=min(verdict.severity, alert.peak, key=rank))


def latches(rule: InForce, reached: str) -> bool:
    """Whether an episode that reached a severity waits for a person when it is over."""
    return any(level.latch and rank(level.severity) <= rank(reached) for level in rule.rule.levels)


def _verdict(one: Found) -> Verdict:
    step = one.step
    arrived = None
    if one.arrived_ms is not None and one.arrived_ms > step.observed_ms + 600_000:
        arrived = from_ms(one.arrived_ms)
    return Verdict(
        rule_code=one.rule.code,
        rule_version=one.rule.version,
        to=step.to,
        severity=step.severity,
        observed_at=from_ms(step.observed_ms),
        value=step.value,
        limit=step.limit,
        reason=step.reason,
        arrived_at=arrived,
        late=one.late,
    )


def _write_condition(session: Session, one: Found, now: datetime) -> None:
    step = one.step
    session.execute(
        update(Condition)
        .where(
            Condition.rule_code == one.rule.code,
            Condition.subject == one.subject.text,
            Condition.until.is_(None),
        )
        .values(until=now, version=Condition.version + 1)
        .execution_options(synchronize_session=False)
    )
    if step.to in ("cleared", "latched"):
        return
    session.add(
        Condition(
            rule_code=one.rule.code,
            rule_version=one.rule.version,
            subject=one.subject.text,
            site_id=one.subject.site_id,
            severity=step.severity,
            since=now,
            value=step.value,
            reason=step.reason.to_json(),
        )
    )
    session.flush()
