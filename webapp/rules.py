"""Rules: what each one says, how it has fared, and what it would have said of the past."""

from datetime import timedelta

from flask import Blueprint, g, render_template, request
from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from models.alert import Alert
from models.alert_facts import record_of
from models.errors import BadInput, Fault, Missing
from models.people import STAFF
from models.readings import raw
from models.reasons import reason
from models.rulebook import RuleRow
from models.rules.judge import Sample, Step, backtest
from models.rules.parsing import parse_rule
from models.rules.spec import Combination, Rule, Silence
from models.scene import sensors_where
from models.sensor import Sensor
from models.words.render import LANGUAGES, Reader
from webapp.casework import names_of
from webapp.db import db, site_now
from webapp.forms import refill
from webapp.policies import allow
from webapp.reader import current_reader, read_in_zone
from webapp.rule_words import delay_words, limit_words, rule_sentence

pages = Blueprint("rules", __name__, url_prefix="/rules")
DAYS = (7, 30, 90, 365)
MOST_READINGS = 100_000


@pages.get("/")
@allow(*STAFF)
def index() -> str:
    """List the rules with how often each has fired."""
    session = db.session()
    rows = session.scalars(
        select(RuleRow).options(selectinload(RuleRow.versions)).order_by(RuleRow.code)
    ).all()
    counts = {
        code: (fires, live)
        for code, fires, live in session.execute(
            select(
                Alert.rule_code,
                func.count(),
                func.count().filter(Alert.live),
            )
            .where(Alert.visible_to(g.actor))
            .group_by(Alert.rule_code)
        )
    }
    found = [(row, parse_rule(row.current.spec), counts.get(row.code, (0, 0))) for row in rows]
    return render_template(
        "rules/index.html",
        rows=[(row, rule, rule_sentence(rule, current_reader()), n) for row, rule, n in found],
    )


@pages.get("/<code>")
@allow(*STAFF)
def show(code: str) -> str:
    """Show one rule, and run it over the past where a sensor is asked for."""
    row = _find(code)
    rule = parse_rule(row.current.spec)
    sensors = _sensors(rule)
    asked = next((one for one in sensors if _key(one) == request.args.get("sensor")), None)
    days = request.args.get("days", 30, type=int)
    days = days if days in DAYS else 30
    result = _backtest(rule, asked, days) if asked is not None else None
    zone = current_reader().timezone
    return render_template(
        "rules/show.html",
        row=row,
        rule=rule,
        sentences=[
            (language, rule_sentence(rule, Reader(language, zone))) for language in LANGUAGES
        ],
        levels=[
            {
                "level": level,
                "limit": limit_words(rule, level),
                "on": delay_words(level.on_delay, current_reader()),
                "off": delay_words(level.off_delay, current_reader()),
            }
            for level in rule.levels
        ],
        record=record_of(db.session(), code),
        names=names_of(version.by_id for version in row.versions),
        can_backtest=not isinstance(rule, Combination | Silence),
        sensors=[(_key(one), one) for one in sensors],
        asked=asked,
        days=days,
        choices=DAYS,
        result=result,
        most=MOST_READINGS,
    )


def _find(code: str) -> RuleRow:
    row = db.session.scalars(
        select(RuleRow).where(RuleRow.code == code).options(selectinload(RuleRow.versions))
    ).first()
    if row is None:
        raise Missing("rule", code)
    return row


def _key(sensor: Sensor) -> str:
    return f"{sensor.site.code}/{sensor.code}"


def _sensors(rule: Rule) -> list[Sensor]:
    """Return the sensors that the rule judges and the actor may see."""
    found = sensors_where(db.session(), g.actor)
    return [one for one in found if rule.where.covers(one.quantity, one.site.code, one.code)]


class Backtest:
    """What the rule would have said of a stretch of stored readings."""

    def __init__(self, steps: list[Step], readings: int, cut: bool) -> None:
        self.steps = steps
        self.readings = readings
        self.cut = cut

    @property
    def raised(self) -> int:
        """How many alerts it would have raised."""
        return sum(step.to == "raised" for step in self.steps)


def _backtest(rule: Rule, sensor: Sensor, days: int) -> Backtest | None:
    """Run the rule's own state machine over the stored readings, in order of time."""
    if isinstance(rule, Combination | Silence):
        refill(BadInput([Fault("sensor", reason("rules.no_backtest"))]))
        return None
    read_in_zone(sensor.site.timezone)
    now = site_now()
    points = raw(db.session(), sensor, now - timedelta(days=days), now, most=MOST_READINGS + 1)
    cut = len(points) > MOST_READINGS
    samples = (
        Sample(point.at_ms, point.value, point.quality, point.at_ms)
        for point in points[:MOST_READINGS]
    )
    return Backtest(backtest(rule, samples, sensor.quantity), min(len(points), MOST_READINGS), cut)
