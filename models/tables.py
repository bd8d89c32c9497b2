"""Every table, imported once, so that the schema is whole wherever it is made or compared."""

from models import (  # noqa: F401  (imported for their tables)
    alert,
    clock,
    event,
    heartbeat,
    incident,
    notice,
    people,
    pulse,
    reading,
    registry,
    rulebook,
    sensor,
)
from models.base import Base

METADATA = Base.metadata
