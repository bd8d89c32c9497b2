"""The rules in force, sorted by the sensors that they look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from ingest.bindings import SensorFacts
from models.rulebook import RuleRow
from models.rules.parsing import parse_rule
from models.rules.spec import Combination, Rule


@dataclass(frozen=True, slots=True)
class InForce:
    """A rule and the version of it that judges now."""

    code: str
    version: int
    rule: Rule

    @property
    def kind(self) -> str:
        """`threshold`, `accumulation`, `rate`, `silence` or `combination`."""
        return self.rule.kind


class Rulebook:
    """All rules in force; a sensor's rules are picked once and kept until the registry changes."""

    def __init__(self, rules: Sequence[InForce]) -> None:
        self.combinations = tuple(rule for rule in rules if rule.kind == "combination")
        self._others = tuple(rule for rule in rules if rule.kind != "combination")
        # Most sensors have the same ones: one tuple for all of them.
        self._alike: dict[tuple[str, ...], tuple[InForce, ...]] = {}
        self._over: dict[str, tuple[InForce, ...]] = {}
        for one in self.combinations:
            for code in sorted(cast(Combination, one.rule).rules):
                self._over[code] = (*self._over.get(code, ()), one)

    def over(self, rule_code: str) -> tuple[InForce, ...]:
        """Return the combinations that hear of a rule."""
        return self._over.get(rule_code, ())

    def for_sensor(self, facts: SensorFacts) -> tuple[InForce, ...]:
        """Return the rules that judge this sensor, its silence among them."""
        found = tuple(one for one in self._others if _looks_at(one.rule, facts))
        return self._alike.setdefault(tuple(one.code for one in found), found)

    @classmethod
    def load(cls, session: Session) -> Rulebook:
        """Read the newest version of every rule that is on."""
        rows = session.scalars(
            select(RuleRow)
            .where(RuleRow.off_at.is_(None))
            .options(selectinload(RuleRow.versions))
            .order_by(RuleRow.code)
        )
        return cls([_in_force(row) for row in rows])


def _in_force(row: RuleRow) -> InForce:
    current = row.current
    return InForce(row.code, current.number, parse_rule(current.spec, f"rules.{row.code}"))


def _looks_at(rule: Rule, facts: SensorFacts) -> bool:
    return rule.where.covers(facts.quantity, facts.site_code, facts.code)
