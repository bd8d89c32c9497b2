"""What every table shares: the declarative base, UTC moments, ids, versions."""

import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, MetaData, Uuid
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column, registry
from sqlalchemy.types import TypeDecorator

_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Moment(TypeDecorator[datetime]):
    """A UTC-aware datetime; a naive one is refused at the door of the database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment in UTC. Raises ValueError on a naive datetime."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs its zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the stored moment, aware whichever database kept it."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Values(TypeDecorator[Any]):
    """JSON values; `None` in Python is NULL in the database."""

    impl = JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
    cache_ok = True


class Base(DeclarativeBase):
    """The base of every table. The type map sits on the registry: Flask-SQLAlchemy needs that."""

    registry = registry(
        metadata=MetaData(naming_convention=_NAMES),
        type_annotation_map={
            datetime: Moment(),
            dict[str, Any]: Values(),
            list[Any]: Values(),
            uuid.UUID: Uuid(),
        },
    )


class Noun:
    """What a registry or workflow noun has: a UUID that a client may choose, and a version."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    version: Mapped[int] = mapped_column(default=1)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:
        """Every UPDATE names the version it has seen; a lost race raises StaleDataError."""
        return {"version_id_col": cls.__table__.c.version}  # type: ignore[attr-defined]


def bilingual(zh: str, en: str = "") -> dict[str, Any]:
    """Return a name in both languages, the form that reasons and the registry file carry."""
    return {"zh": zh, "en": en or zh}
