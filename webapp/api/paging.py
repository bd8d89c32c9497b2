"""Pages of a list: by where the last one ended, so that what is added meanwhile moves nothing."""

import base64
import hmac
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any

from flask import request
from pydantic import Field
from sqlalchemy import Select, Uuid, literal, tuple_

from models.base import Moment
from models.errors import BadInput, Fault
from models.reasons import reason
from webapp.api.values import Query
from webapp.db import db
from webapp.security import signing_key

MOST = 500
USUAL = 100
_MAC_BYTES = 12


class Paged(Query):
    """How much of a list, and where to go on."""

    limit: Annotated[int, Field(ge=1, le=MOST, description="How many items at the most.")] = USUAL
    cursor: Annotated[
        str | None,
        Field(max_length=2000, description="`next` of the page before, with the same parameters."),
    ] = None


@dataclass(frozen=True)
class Order:
    """By which columns a list is sorted; together they are unique, and none ever changes."""

    columns: tuple[Any, ...]
    key: Callable[[Any], tuple[Any, ...]]
    newest_first: bool = False


def page_of(statement: Select, order: Order, query: Paged) -> tuple[list[Any], str | None]:
    """Return the rows of a page, and the cursor of the next one."""
    after = after_cursor(query)
    if after is not None:
        here = tuple_(*order.columns)
        there = tuple_(*map(_as, order.columns, after))
        statement = statement.where(here < there if order.newest_first else here > there)
    sorting = [column.desc() if order.newest_first else column for column in order.columns]
    found = db.session.scalars(statement.order_by(*sorting).limit(query.limit + 1)).unique().all()
    rows = list(found[: query.limit])
    more = len(found) > query.limit
    return rows, cursor_at(order.key(rows[-1])) if more else None


def cursor_at(values: Sequence[Any]) -> str:
    """Return the cursor that goes on after these values, for this list and these filters only."""
    text = json.dumps([_plain(value) for value in values], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_mac(text) + text).decode().rstrip("=")


def after_cursor(query: Paged) -> list[Any] | None:
    """Return the values in the query's cursor, None on the first page. Raises BadInput."""
    if query.cursor is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(query.cursor + "=" * (-len(query.cursor) % 4))
    except ValueError:
        raise _bad_cursor() from None
    mac, text = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(text)):
        raise _bad_cursor()
    return json.loads(text)


def _bad_cursor() -> BadInput:
    return BadInput([Fault("cursor", reason("api.bad_cursor"))])


def _mac(text: bytes) -> bytes:
    filters = sorted((k, v) for k, v in request.args.items() if k not in ("cursor", "limit"))
    about = json.dumps([request.path, filters]).encode()
    whole = b"cursor\0" + sha256(about).digest() + text
    return hmac.digest(signing_key(), whole, "sha256")[:_MAC_BYTES]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, uuid.UUID) else value


def _as(column: Any, value: Any) -> Any:
    """Return a cursor's value as the column keeps it; its type, not the value's, says how."""
    if isinstance(column.type, Moment):
        value = datetime.fromisoformat(value)
    elif isinstance(column.type, Uuid):
        value = uuid.UUID(value)
    return literal(value, column.type)
