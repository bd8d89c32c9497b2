"""Loads a registry file for a command and tells what it did, line by line."""

from collections.abc import Iterator

from models.clock import site_now
from models.errors import BadInput
from models.people import Actor
from models.registry_file.ledger import Changes
from models.registry_file.load import load_text
from models.registry_file.positions import in_file
from models.store import Store
from models.words.render import Reader, phrase, text


def load_file(store: Store, content: bytes, name: str, *, by: Actor, prune: bool) -> Changes:
    """Load a file's content in one transaction. Raises BadInput with `name:line: path`."""
    try:
        with store.writing() as session:
            return load_text(session, content, by=by, now=site_now(session), prune=prune)
    except BadInput as refused:
        raise BadInput(in_file(refused.faults, name)) from None


def results(changes: Changes) -> Iterator[str]:
    """Yield what was done, one subject a line, for programs: `added sensor:tianning/C-07`."""
    for verb in ("added", "changed", "retired"):
        for subject in getattr(changes, verb):
            yield f"{verb} {subject}"


def remarks(changes: Changes, name: str, language: str) -> Iterator[str]:
    """Yield what a person should know: the sum, what stays retired, what to look at."""
    reader = Reader(language, "UTC")
    for warning in in_file(changes.warnings, name):
        yield f"{warning.where}: {text(warning.reason, reader)}"
    for subject in changes.left:
        yield phrase("registry.stays_retired", reader, subject=subject)
    yield phrase(
        "registry.loaded",
        reader,
        added=len(changes.added),
        changed=len(changes.changed),
        retired=len(changes.retired),
    )
