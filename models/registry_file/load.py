"""Loads a registry file: it adds and changes, all or nothing; what it lacks stays as it was."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from models.errors import BadInput
from models.people import Actor
from models.pulse import bump
from models.reasons import Json
from models.registry_file.checks import Names, check
from models.registry_file.fields import fails
from models.registry_file.forms import DOCUMENT
from models.registry_file.known import Known
from models.registry_file.ledger import Changes, Ledger
from models.registry_file.places import load_drawings, load_organisations, load_places
from models.registry_file.positions import parse, with_lines
from models.registry_file.pruning import Lacking, lacking, prune_rules
from models.registry_file.pruning import prune as retire_lacking
from models.registry_file.retiring import check_retiring
from models.registry_file.rules import Given, check_rules, load_rules, read_rules
from models.registry_file.sensors import load_sensors
from models.registry_file.where import Entry, Where


def load(
    session: Session,
    document: Mapping[str, Json],
    *,
    by: Actor,
    now: datetime,
    prune: bool = False,
) -> Changes:
    """Add and change what the document names; `prune` retires what it lacks. The caller commits.

    Raises BadInput with every fault before anything is changed. A key that an object doesn't give
    stays as it was; null empties it.
    """
    entry = _read(document)
    known = Known.read(session)
    lacks = lacking(entry, known) if prune else Lacking()
    rules = read_rules(entry, known)
    check(session, entry, known, lacks.sensors)
    check_retiring(session, entry, known, lacks.sensors)
    names = Names.after(entry, known)
    check_rules(rules, known, names.sites, names.sensors)
    if entry.at.faults:
        raise BadInput(entry.at.faults)
    ledger = Ledger(session, by, now)
    _apply(ledger, entry, known, rules, lacks)
    if prune:
        prune_rules(ledger, entry, rules, known)
    changes = ledger.changes()
    if changes:
        session.flush()
        bump(session, registry=True)
    return replace(changes, warnings=tuple(entry.at.warnings))


def load_text(
    session: Session, text: str | bytes, *, by: Actor, now: datetime, prune: bool = False
) -> Changes:
    """Load a file's text; its faults tell the line as well (`FileFault.line`)."""
    document = parse(text)
    try:
        changes = load(session, document, by=by, now=now, prune=prune)
    except BadInput as refused:
        raise BadInput(with_lines(refused.faults, text)) from None
    return replace(changes, warnings=tuple(with_lines(changes.warnings, text)))


def _read(document: Json) -> Entry:
    entry = DOCUMENT(document, Where())
    if fails(entry):
        at = Where()
        at.fault("not_an_object")
        raise BadInput(at.faults)
    read: Entry = entry
    return read


def _apply(ledger: Ledger, entry: Entry, known: Known, rules: list[Given], lacks: Lacking) -> None:
    # What is retired lets go of its channel before another sensor takes it.
    retire_lacking(ledger, lacks, known)
    load_organisations(ledger, entry, known)
    load_places(ledger, entry, known)
    load_sensors(ledger, entry, known)
    load_drawings(ledger, entry, known)
    load_rules(ledger, rules, known)
