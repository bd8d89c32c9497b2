"""Ends what stands and nobody judges any more: no reading will ever say that it is over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from ingest.alerting import latches
from ingest.bindings import Bindings, SensorFacts
from ingest.judging import Found
from ingest.rulebook import InForce, Rulebook
from models.alert import Alert, Condition, Subject
from models.reasons import reason
from models.rulebook import RuleRow
from models.rules.parsing import parse_rule
from models.rules.step import Step
from models.times import to_ms


def unjudged(session: Session, bindings: Bindings, rulebook: Rulebook) -> list[Found]:
    """Return the end of each active alert, and each condition, whose rule no longer looks at it.

    The rule was switched off, or looks elsewhere now, or the zone was retired. What would have
    latched waits for a person all the same. Alerts of the system are no rule's.
    """
    standing: list[Alert | Condition] = [*_alerts(session), *_conditions(session)]
    if not standing:
        return []
    codes = {one.rule_code for one in standing}
    rules = {
        row.code: row
        for row in session.scalars(
            select(RuleRow).where(RuleRow.code.in_(codes)).options(selectinload(RuleRow.versions))
        )
    }
    wanted = {one.subject for one in standing}
    places = {
        facts.subject.text: facts
        for facts in bindings.sensors.values()
        if facts.subject.text in wanted
    }
    found = []
    for one in standing:
        if one.rule_code in rules and not _is_judged(one, places, bindings, rulebook):
            found.append(_end(one, _version(rules[one.rule_code], one.rule_version)))
    return found


def _alerts(session: Session) -> Iterator[Alert]:
    standing = select(Alert).where(Alert.live, Alert.active)
    yield from session.scalars(standing.order_by(Alert.raised_at, Alert.code))


def _conditions(session: Session) -> Iterator[Condition]:
    standing = select(Condition).where(Condition.until.is_(None))
    yield from session.scalars(standing.order_by(Condition.since, Condition.id))


def _is_judged(
    one: Alert | Condition,
    places: Mapping[str, SensorFacts],
    bindings: Bindings,
    rulebook: Rulebook,
) -> bool:
    facts = places.get(one.subject)
    if facts is None:
        of_zone = any(rule.code == one.rule_code for rule in rulebook.combinations)
        return of_zone and one.subject in bindings.zones
    # A person's word ends the alerts of a sensor that he retires, or leaves one to be inspected.
    return facts.retired or any(rule.code == one.rule_code for rule in rulebook.for_sensor(facts))


def _version(row: RuleRow, number: int) -> InForce:
    kept = next((one for one in row.versions if one.number == number), row.current)
    return InForce(row.code, kept.number, parse_rule(kept.spec, f"rules.{row.code}"))


def _end(one: Alert | Condition, rule: InForce) -> Found:
    reached = one.peak if isinstance(one, Alert) else one.severity
    observed = one.observed_at if isinstance(one, Alert) else one.since
    step = Step(
        "latched" if latches(rule, reached) else "cleared",
        one.severity,
        0,
        to_ms(observed),
        to_ms(observed),
        None,
        None,
        reason("rule.no_longer_judges", rule=rule.code, subject=one.subject),
    )
    subject = Subject(one.subject, site_id=one.site_id)
    return Found(rule, subject, step)
