"""Every table, imported once, so that the schema is whole wherever it is made or compared."""

from models import (  # noqa: F401  (imported for their tables and guards)
    alert,
    amendment,
    clearing,
    clock,
    closure,
    codes,
    contacts,
    event,
    finding,
    gate,
    heartbeat,
    hold,
    idempotency,
    incident,
    inspection,
    job,
    lifting,
    note,
    notice,
    people,
    permit,
    photo,
    project,
    pulse,
    reading,
    registry,
    report,
    rulebook,
    scaffold,
    sensor,
    task,
    task_guards,
)
from models.base import Base

METADATA = Base.metadata
