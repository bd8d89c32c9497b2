"""Codes for people: I-2022-001, counted per kind and year, so that one code names one thing."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base
from models.registry import Site

PREFIXES = {
    "incident": "I",
    "report": "RP",
    "finding": "F",
    "closure": "CN",
    "project": "P",
    "scaffold": "SC",
    "task": "T",
    "permit": "PE",
    "maintenance": "M",
}


class CodeCounter(Base):
    """The last number given under a prefix in a year."""

    __tablename__ = "code_counter"

    prefix: Mapped[str] = mapped_column(primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]


# One statement, the same on SQLite and PostgreSQL, so that two writers never get one number.
_NEXT = text(
    "INSERT INTO code_counter (prefix, year, last) VALUES (:prefix, :year, 1) "
    "ON CONFLICT (prefix, year) DO UPDATE SET last = code_counter.last + 1 RETURNING last"
)


def next_code(session: Session, kind: str, site: Site, now: datetime) -> str:
    """Return the next code of a kind, in the year that it is at the site.

    Counted over the whole installation: addresses and the API take a code in place of an id.
    """
    year = now.astimezone(ZoneInfo(site.timezone)).year
    prefix = PREFIXES[kind]
    number = session.execute(_NEXT, {"prefix": prefix, "year": year}).scalar_one()
    return f"{prefix}-{year}-{number:03d}"
