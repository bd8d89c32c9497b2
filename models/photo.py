"""Photos that prove: whose bytes, of what, at which stage of the work, and seen before or not."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, ForeignKey, Index, and_, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.alert import Alert
from models.base import Base, Noun
from models.closure import Closure
from models.errors import Refusal
from models.event import record
from models.finding import Finding
from models.incident import Incident
from models.inputs import Faults
from models.people import Actor
from models.reasons import Reason, reason
from models.registry import Site
from models.scaffold import Scaffold
from models.sensor import Sensor
from models.signing import why_not_sign
from models.task import Task
from models.workflow import Moves, Workflow, guards

STAGES = ("before", "hidden", "during", "after", "routine", "posting")
# What a photo may be of; whoever may see the thing may see its photos.
SUBJECTS: Mapping[str, Any] = {
    "task": Task,
    "scaffold": Scaffold,
    "finding": Finding,
    "closure": Closure,
    "incident": Incident,
    "alert": Alert,
    "sensor": Sensor,
    "site": Site,
}

PHOTO: Moves = {
    ("uploaded", "check"): "checked",
    ("checked", "lock"): "locked",
}


class Photo(Workflow, Noun, Base):
    """One picture: the original's digest, and what it is a picture of."""

    __tablename__ = "photo"
    __table_args__ = (Index("ix_photo_subject", "subject_kind", "subject_id", "received_at"),)
    MOVES = PHOTO
    GUARDED = ("check",)
    MAY: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "check": ("manager", "supervisor", "engineer", "duty"),
        "lock": ("manager",),
    }

    client_key: Mapped[str] = mapped_column(unique=True)  # of the phone: a repeat is no second
    site_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("site.id"), index=True)
    incident_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("incident.id"))
    subject_kind: Mapped[str]
    subject_id: Mapped[uuid.UUID]
    subject_code: Mapped[str]
    stage: Mapped[str]
    state: Mapped[str] = mapped_column(default="uploaded")
    sha256: Mapped[str] = mapped_column(index=True)
    bytes: Mapped[int]
    mime: Mapped[str]
    original_name: Mapped[str] = mapped_column(default="")
    width: Mapped[int]
    height: Mapped[int]
    taken_at: Mapped[datetime | None]  # by the camera; None: unknown
    camera: Mapped[str | None]
    latitude: Mapped[float | None]  # staff only: it can lead to a home or a treasure
    longitude: Mapped[float | None]
    caption: Mapped[str] = mapped_column(default="")
    received_at: Mapped[datetime]
    uploaded_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    checked_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("user.id"))
    reused_of: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("photo.id"))

    @classmethod
    def visible_to(cls, actor: Actor) -> ColumnElement[bool]:
        """A photo is seen by those who may see what it is of."""
        return or_(
            *(
                and_(
                    cls.subject_kind == kind,
                    cls.subject_id.in_(select(noun.id).where(noun.visible_to(actor))),
                )
                for kind, noun in SUBJECTS.items()
            )
        )

    @property
    def code(self) -> str:
        """What events call it: the thing, the stage, the digest's beginning."""
        return f"{self.subject_code}/{self.stage}/{self.sha256[:8]}"

    def check(self, *, by: Actor, now: datetime) -> None:
        """Say that it shows what it claims; not by the one who took it."""
        self.step("check", by=by, now=now)
        self.checked_by = by.id

    def lock(self, *, by: Actor, now: datetime) -> None:
        """Close it into the archive."""
        self.step("lock", by=by, now=now)


@guards(Photo, "check")
def why_not_check(photo: Photo, actor: Actor, now: datetime) -> Reason | None:
    """A second pair of eyes."""
    return why_not_sign("photo.check", photo, actor)


@dataclass(frozen=True, slots=True)
class Picture:
    """What was found in the bytes; None where the file doesn't tell."""

    sha256: str
    bytes: int
    mime: str
    width: int
    height: int
    original_name: str = ""
    taken_at: datetime | None = None
    camera: str | None = None
    latitude: float | None = None
    longitude: float | None = None


def add_photo(
    session: Session,
    subject: Any,
    picture: Picture,
    *,
    stage: str,
    client_key: str,
    by: Actor,
    now: datetime,
    caption: str = "",
) -> Photo:
    """Put a photo to a thing, once per client key. Raises Refusal; the caller commits.

    The same bytes elsewhere are flagged and never refused: a person judges why.
    """
    faults = Faults()
    faults.one_of("stage", stage, STAGES)
    faults.one_of("subject", subject.__tablename__, tuple(SUBJECTS))
    faults.need("client_key", client_key)
    faults.stop()
    known = session.scalars(select(Photo).where(Photo.client_key == client_key)).first()
    if known is not None:
        return _same(known, subject, picture)
    if isinstance(subject, Task) and subject.state == "accepted":
        raise Refusal(reason("photo.task_accepted", task=subject.code))
    photo = Photo(
        id=uuid.uuid4(),
        client_key=client_key,
        site_id=subject.id if isinstance(subject, Site) else subject.site_id,
        incident_id=subject.id
        if isinstance(subject, Incident)
        else getattr(subject, "incident_id", None),
        subject_kind=subject.__tablename__,
        subject_id=subject.id,
        subject_code=subject.code,
        stage=stage,
        state="uploaded",
        caption=caption.strip(),
        received_at=now,
        uploaded_by=by.id if by.kind == "person" else None,
        reused_of=_first_of(session, picture.sha256),
        **{name: getattr(picture, name) for name in Picture.__dataclass_fields__},
    )
    session.add(photo)
    why = reason("photo.added", stage=stage, sha256=picture.sha256)
    record(photo, "add", by=by, now=now, after="uploaded", why=why)
    record(subject, "photo", by=by, now=now, why=why)
    return photo


def photos_of(session: Session, subject: Any) -> list[Photo]:
    """Return the photos of a thing, the oldest first."""
    mine = select(Photo).where(
        Photo.subject_kind == subject.__tablename__, Photo.subject_id == subject.id
    )
    return list(session.scalars(mine.order_by(Photo.received_at, Photo.id)))


def _same(known: Photo, subject: Any, picture: Picture) -> Photo:
    if known.subject_id != subject.id or known.sha256 != picture.sha256:
        raise Refusal(reason("photo.key_taken"))
    return known


def _first_of(session: Session, sha256: str) -> uuid.UUID | None:
    same = select(Photo.id).where(Photo.sha256 == sha256)
    return session.scalars(same.order_by(Photo.received_at)).first()
