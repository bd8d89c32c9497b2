"""The values of which requests and answers are made: texts, moments, names, reasons, references."""

import logging
import re
import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from models.reasons import Reason
from models.times import from_ms, iso
from models.words.render import text
from webapp.reader import current_reader

log = logging.getLogger(__name__)

# Moments beyond these are typing errors, and would overflow in some time zone.
FIRST_MOMENT = datetime(1900, 1, 1, tzinfo=UTC)
LAST_MOMENT = datetime(2200, 1, 1, tzinfo=UTC)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_MOMENT_SCHEMA = {"type": "string", "format": "date-time", "examples": ["2022-03-21T08:00:00Z"]}


def _plain(value: str) -> str:
    """Refuse control characters: no database keeps all of them, and no person types them."""
    if _CONTROL.search(value):
        raise PydanticCustomError("api.control_character", "control character")
    return value


def _moment(value: Any) -> datetime:
    """Read `2022-03-21T08:00:00Z`; a time without its zone names no instant."""
    if isinstance(value, datetime):
        return value
    try:
        found = datetime.fromisoformat(value)
        zoned = found.astimezone(UTC) if found.tzinfo else None
    except (TypeError, ValueError, OverflowError):
        raise PydanticCustomError("api.not_a_moment", "not a moment") from None
    if zoned is None:
        raise PydanticCustomError("api.moment_without_zone", "no zone")
    if not FIRST_MOMENT <= zoned <= LAST_MOMENT:
        raise PydanticCustomError("api.not_a_moment", "not a moment")
    return zoned


def _filled(value: str) -> str:
    if not value.strip():
        raise PydanticCustomError("input.needed", "needed")
    return value


Line = Annotated[str, StringConstraints(max_length=200), AfterValidator(_plain)]
Text = Annotated[str, StringConstraints(max_length=4000), AfterValidator(_plain)]
FilledLine = Annotated[Line, AfterValidator(_filled), Field(json_schema_extra={"minLength": 1})]
FilledText = Annotated[Text, AfterValidator(_filled), Field(json_schema_extra={"minLength": 1})]
Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    PlainSerializer(iso, return_type=str),
    WithJsonSchema(_MOMENT_SCHEMA),
]


class Body(BaseModel):
    """What is sent as JSON: unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Query(BaseModel):
    """What stands after the `?`: unknown parameters are refused by name."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Answer(BaseModel):
    """What is answered. Fields may be added in later versions; a client passes over new ones."""


class Nothing(Body):
    """A call that needs no more than its address."""


class Bilingual(Body):
    """A text in Chinese and English; one of them will do."""

    zh: Text = ""
    en: Text = ""


class Named(Answer):
    """A name in Chinese and English."""

    zh: str = ""
    en: str = ""


class Told(Answer):
    """A reason: its code and values, and the sentence in the reader's language."""

    code: str
    values: dict[str, Any]
    text: str


class Blocked(Told):
    """One thing in the way, with the page where it can be dealt with."""

    href: str


class Wrong(Told):
    """One thing wrong with what was sent."""

    where: str


class Problem(Answer):
    """Why something was not done (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    values: dict[str, Any]
    blockers: list[Blocked] | None = None
    errors: list[Wrong] | None = None
    current: dict[str, Any] | None = None


class Thing(Answer):
    """What every noun carries. `actions`: what this caller may do now."""

    id: uuid.UUID
    code: str
    version: int
    state: str
    actions: list[str]


Severity = Literal["low", "medium", "high", "critical"]


def named(value: Mapping[str, Any] | None) -> Named | None:
    """Return a stored name."""
    if value is None:
        return None
    return Named(zh=str(value.get("zh") or ""), en=str(value.get("en") or ""))


def told(why: Reason | Mapping[str, Any], timezone: str | None = None) -> Told:
    """Return a reason with its sentence; times in it are those of the site's wall clock."""
    kept = why if isinstance(why, Reason) else Reason.from_json(why)
    reader = current_reader()
    if timezone is not None:
        reader = replace(reader, timezone=timezone)
    try:
        sentence = text(kept, reader)
    except KeyError:
        # The code and the values are the answer; a missing word must not take them away.
        log.exception("words.missing code=%s", kept.code)
        sentence = kept.code
    return Told(code=kept.code, values=dict(kept.values), text=sentence)


def moment_of(at_ms: int | None) -> datetime | None:
    """Return the instant of milliseconds, None where there is none."""
    return None if at_ms is None else from_ms(at_ms)
