"""Loads rules: a changed rule makes a new version, and no version is ever changed."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from models.errors import BadInput
from models.reasons import Json
from models.registry_file.fields import code, fails
from models.registry_file.known import InSite, Known
from models.registry_file.ledger import Ledger
from models.registry_file.where import Entry, Where
from models.rulebook import RuleRow, RuleVersion
from models.rules.defaults import DEFAULT_RULES
from models.rules.parsing import parse_rule
from models.rules.spec import Combination, Rule


@dataclass(frozen=True, slots=True)
class Given:
    """A rule of the file; `off` where it is kept but doesn't judge."""

    rule: Rule
    off: bool
    at: Where


def read_rules(document: Entry, known: Known) -> list[Given]:
    """Read the rules of a file; a file without `rules` brings the defaults to a bare database."""
    if "rules" in document.given or "rules" in document.faulty:
        read = [_read(entry) for entry in document.entries("rules")]
        return [given for given in read if given is not None]
    if known.rules:
        return []
    return [Given(parse_rule(spec), False, document.at.key("rules")) for spec in DEFAULT_RULES]


def _read(entry: Entry) -> Given | None:
    spec = dict(entry.given)
    off = spec.pop("off", False)
    if not isinstance(off, bool):
        entry.at.key("off").fault("not_a_flag")
    if "code" in spec and fails(code(spec["code"], entry.at.key("code"))):
        return None
    try:
        return Given(parse_rule(spec, entry.at.path), bool(off), entry.at)
    except BadInput as refused:
        for fault in refused.faults:
            Where(fault.where, entry.at.faults).because(fault.reason)
        return None


def check_rules(given: list[Given], known: Known, sites: set[str], sensors: set[InSite]) -> None:
    """Note rules that look at sites, sensors or rules that don't exist."""
    codes = {each.rule.code for each in given} | set(known.rules)
    plain = {sensor for _, sensor in sensors} | {"/".join(found) for found in sensors}
    for each in given:
        where = each.at.key("where")
        for index, site in enumerate(each.rule.where.sites or ()):
            if site not in sites:
                where.key("sites").item(index).fault("no_such", kind="site", code=site)
        for index, sensor in enumerate(each.rule.where.sensors or ()):
            if sensor not in plain:
                where.key("sensors").item(index).fault("no_such", kind="sensor", code=sensor)
        for other in sorted(_listens_to(each.rule)):
            if other not in codes:
                each.at.fault("no_such", kind="rule", code=other)
            elif other == each.rule.code:
                each.at.fault("itself", code=other)


def _listens_to(rule: Rule) -> frozenset[str]:
    return rule.rules if isinstance(rule, Combination) else frozenset()


def load_rules(ledger: Ledger, given: list[Given], known: Known) -> None:
    """Add rules and new versions; a rule that the file names is in force unless it says `off`."""
    for each in given:
        row = known.rules.get(each.rule.code)
        spec = each.rule.to_json()
        if row is None:
            known.rules[each.rule.code] = row = RuleRow(id=uuid.uuid4(), code=each.rule.code)
            _add_version(ledger, row, spec)
            off_at = ledger.now if each.off else None
            ledger.put(row, f"rule:{row.code}", {"off_at": off_at})
            continue
        if row.current.spec != spec:
            _add_version(ledger, row, spec)
            ledger.note("changed", row, f"rule:{row.code}", "change")
        if each.off != (row.off_at is not None):
            switch(ledger, row, off=each.off)


def switch(ledger: Ledger, row: RuleRow, *, off: bool) -> None:
    """Let a rule rest, or judge again."""
    row.off_at = ledger.now if off else None
    label = f"rule:{row.code}"
    ledger.note("retired" if off else "changed", row, label, "retire" if off else "restore")


def _add_version(ledger: Ledger, row: RuleRow, spec: Mapping[str, Json]) -> None:
    number = row.versions[-1].number + 1 if row.versions else 1
    person = ledger.by.id if ledger.by.kind == "person" else None
    row.versions.append(RuleVersion(number=number, spec=dict(spec), since=ledger.now, by_id=person))
