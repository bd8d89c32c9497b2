"""Messages that could not be used, with their reasons and how they begin."""

import base64
import uuid
from typing import Any

from sqlalchemy import func, select

from models.reading import Quarantined
from webapp.api.finding import sees_all_sites
from webapp.api.operations import Part
from webapp.api.paging import Paged, after_cursor, cursor_at
from webapp.api.values import Answer, Moment, Thing, Told, told
from webapp.db import db

part = Part("quarantine")
pages = part.pages

SHOWN_BYTES = 1024
_SPACE = uuid.UUID("6f6d6b1e-2b0f-5f0e-9d55-6b3f4f1c9a10")  # ids of rows that have only a number


class QuarantinedObject(Thing):
    """A message. `payload_base64` is how it begins, 1,024 bytes at the most of `bytes`.

    `times`: so often it was refused.
    """

    received_at: Moment
    topic: str
    payload_base64: str
    bytes: int
    qos: int
    retain: bool
    source: str
    client: str
    device: str | None
    reason: Told
    times: int
    decoded_again_at: Moment | None


class QuarantineList(Answer):
    """A page of messages."""

    items: list[QuarantinedObject]
    next: str | None


_COLUMNS = (
    Quarantined.id,
    Quarantined.received_at,
    Quarantined.topic,
    func.substr(Quarantined.payload, 1, SHOWN_BYTES).label("begins"),
    func.length(Quarantined.payload).label("bytes"),
    Quarantined.qos,
    Quarantined.retain,
    Quarantined.source,
    Quarantined.client,
    Quarantined.device,
    Quarantined.reason,
    Quarantined.times,
    Quarantined.decoded_again_at,
)


@part.get("/quarantine", QuarantineList, "Refused messages, the newest first", query=Paged)
def quarantine(query: Paged) -> QuarantineList:
    """List refused messages. A message belongs to no one site."""
    if not sees_all_sites():
        return QuarantineList(items=[], next=None)
    statement = select(*_COLUMNS).order_by(Quarantined.id.desc()).limit(query.limit + 1)
    after = after_cursor(query)
    if after is not None:
        statement = statement.where(Quarantined.id < after[0])
    found = db.session.execute(statement).all()
    rows = found[: query.limit]
    following = cursor_at([rows[-1].id]) if len(found) > query.limit else None
    return QuarantineList(items=[_object(row) for row in rows], next=following)


def _object(row: Any) -> QuarantinedObject:
    return QuarantinedObject(
        id=uuid.uuid5(_SPACE, str(row.id)),
        code=str(row.id),
        version=1 if row.decoded_again_at is None else 2,
        state="waiting" if row.decoded_again_at is None else "decoded_again",
        actions=[],
        received_at=row.received_at,
        topic=row.topic,
        payload_base64=base64.b64encode(bytes(row.begins or b"")).decode(),
        bytes=row.bytes or 0,
        qos=row.qos,
        retain=row.retain,
        source=row.source,
        client=row.client,
        device=row.device,
        reason=told(row.reason),
        times=row.times,
        decoded_again_at=row.decoded_again_at,
    )
