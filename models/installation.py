"""Makes an installation, and opens it for a command at this version's schema."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.base import bilingual
from models.clock import site_clock, site_now, start_clock
from models.errors import BadInput, Fault, Refusal
from models.event import record
from models.migrate import current, head, upgrade
from models.people import Actor, Organisation
from models.reasons import reason
from models.settings import Settings
from models.store import Store

COMMAND = Actor("system", name="command line", via="command")
"""Who acts when a command does: whoever may run it on this machine."""


@contextmanager
def opened(
    environ: Mapping[str, str], *, secret_needed: bool = False
) -> Iterator[tuple[Settings, Store]]:
    """Yield the settings and the store. Raises Refusal where `ridgewatch init` must come first."""
    settings = Settings.read(environ, secret_needed=secret_needed)
    store = Store(settings.database_url, settings.data_dir)
    try:
        revision = current(store)
        if revision is None:
            raise Refusal(reason("installation.not_set_up", data_dir=str(settings.data_dir)))
        if revision != head():
            raise Refusal(reason("installation.other_schema", revision=revision, head=head()))
        yield settings, store
    finally:
        store.close()


@contextmanager
def made(settings: Settings) -> Iterator[Store]:
    """Make what is missing of an installation, and yield its store; what is there stays."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    store = Store(settings.database_url, settings.data_dir)
    try:
        upgrade(store)
        with store.writing() as session:
            if site_clock(session) is None:  # one that runs must not be set back
                start_clock(session, settings.clock)
            _ensure_authority(session)
        yield store
    finally:
        store.close()


def _ensure_authority(session: Session) -> None:
    """Without an authority there is nobody to belong to; the registry file may rename it."""
    if session.scalar(select(Organisation.id).where(Organisation.kind == "authority")) is None:
        name = bilingual("文物主管部门", "Heritage authority")
        row = Organisation(code="authority", kind="authority", name=name)
        session.add(row)
        record(row, "add", by=COMMAND, now=site_now(session))


def organisation_of(session: Session, code: str | None) -> Organisation | None:
    """Return the organisation of a code, or the only authority. Raises BadInput on others."""
    if code is None:
        authorities = select(Organisation).where(Organisation.kind == "authority")
        found = session.scalars(authorities).all()
        return found[0] if len(found) == 1 else None
    row = session.scalar(select(Organisation).where(Organisation.code == code))
    if row is None:
        codes = list(session.scalars(select(Organisation.code).order_by(Organisation.code)))
        why = reason("installation.no_organisation", given=code[:80], codes=codes)
        raise BadInput([Fault("--org", why)])
    return row
