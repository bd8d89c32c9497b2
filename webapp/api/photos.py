"""Photos of a task, sent as a form with a file; what they show is judged by people."""

import contextlib
import uuid
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from flask import g, request
from pydantic import Field
from sqlalchemy.orm import joinedload

from models.errors import BadInput, Fault
from models.paths import path_to
from models.photo import Photo, add_photo
from models.reasons import reason
from models.task import Task
from webapp.api.finding import find, find_to_change
from webapp.api.operations import Part
from webapp.api.tasks import PARTS
from webapp.api.tasks import present as present_task
from webapp.api.values import Body, Moment, Thing
from webapp.db import db, site_now
from webapp.photo_store import Received, receiving

part = Part("photos")
pages = part.pages


class PhotoObject(Thing):
    """One picture. `reused`: the same bytes are shown elsewhere; a person judges why."""

    subject: str
    stage: str
    sha256: str
    bytes: int
    mime: str
    width: int
    height: int
    taken_at: Moment | None
    received_at: Moment
    caption: str
    reused: bool
    href: str


class NewPhoto(Body):
    """What stands beside the file `photo`."""

    stage: Literal["before", "hidden", "during", "after", "routine"]
    caption: Annotated[str, Field(max_length=400)] = ""


@contextlib.contextmanager
def received(task: str, body: NewPhoto) -> Iterator[dict[str, Any]]:
    """Read, open and hash the file before anything is locked. Raises Missing, BadInput."""
    subject = find(Task, task, joinedload(Task.site))
    files = [file for file in request.files.getlist("photo") if file.filename]
    strange = sorted(set(request.files) - {"photo"})
    if strange:
        why = reason("api.unknown_field", name=strange[0][:80])
        raise BadInput([Fault(strange[0][:80], why)])
    if len(files) != 1:
        raise BadInput([Fault("photo", reason("api.one_photo"))])
    with receiving(files, subject.site.timezone) as found:
        found[0].keep()
        yield {"photo": found[0]}


@part.post(
    "/tasks/<task>/photos",
    PhotoObject,
    "Add a photo to a task",
    body=NewPhoto,
    status=201,
    multipart={"photo": {"type": "string", "format": "binary"}},
    prepare=received,
)
def photo(task: str, body: NewPhoto, photo: Received) -> PhotoObject:
    """Put a photo to a task; the same one twice is one."""
    subject = find_to_change(Task, task, present_task, *PARTS)
    row = add_photo(
        db.session(),
        subject,
        photo.picture,
        stage=body.stage,
        client_key=_client_key(subject, body, photo),
        by=g.actor,
        now=site_now(),
        caption=body.caption,
    )
    db.session.flush()
    return _object(row, path_to(subject, "photos"))


def _client_key(task: Task, body: NewPhoto, photo: Received) -> str:
    """Without a key, the same bytes of the same thing and stage are the same photo."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return f"bytes:{task.id}:{body.stage}:{photo.picture.sha256}"
    # A token's keys are its own: another's must not name the same photo.
    return f"api:{uuid.uuid5(g.actor.id, f'{task.id}:{key}')}"


def _object(row: Photo, href: str) -> PhotoObject:
    return PhotoObject(
        id=row.id,
        code=row.code,
        version=row.version,
        state=row.state,
        actions=[],
        subject=row.subject_code,
        stage=row.stage,
        sha256=row.sha256,
        bytes=row.bytes,
        mime=row.mime,
        width=row.width,
        height=row.height,
        taken_at=row.taken_at,
        received_at=row.received_at,
        caption=row.caption,
        reused=row.reused_of is not None,
        href=href,
    )
