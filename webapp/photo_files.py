"""Sends the files of photos: clean copies to those who may see them, originals to staff."""

import uuid
from pathlib import Path

from flask import Response, g, send_file
from sqlalchemy import select

from models.errors import Missing
from models.people import STAFF
from models.photo import Photo
from webapp.db import db
from webapp.photo_store import copy_path, original_path
from webapp.policies import allow

LOOKERS = (*STAFF, "contractor")
# Pictures come from outside: even opened by themselves they may do nothing but be seen.
SANDBOX = "default-src 'none'; sandbox"
EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/heic": "heic"}


def photo_of(photo_id: uuid.UUID) -> Photo:
    """Return a photo that the actor may see. Raises Missing."""
    mine = select(Photo).where(Photo.id == photo_id, Photo.visible_to(g.actor))
    photo = db.session.scalars(mine).first()
    if photo is None:
        raise Missing("photo", str(photo_id))
    return photo


@allow(*LOOKERS)
def picture(photo_id: uuid.UUID) -> Response:
    """Send the copy for looking at: upright, without metadata."""
    photo = photo_of(photo_id)
    return _send(copy_path(photo.sha256, "large"), photo, "image/jpeg")


@allow(*LOOKERS)
def thumbnail(photo_id: uuid.UUID) -> Response:
    """Send the small copy."""
    photo = photo_of(photo_id)
    return _send(copy_path(photo.sha256, "small"), photo, "image/jpeg")


@allow(*STAFF)
def original(photo_id: uuid.UUID) -> Response:
    """Send the bytes as they came, to staff alone: they may tell where somebody lives."""
    photo = photo_of(photo_id)
    return _send(original_path(photo.sha256), photo, "application/octet-stream", keep=True)


def _send(path: Path, photo: Photo, mimetype: str, *, keep: bool = False) -> Response:
    if not path.is_file():
        raise Missing("photo", photo.code)
    extension = EXTENSIONS.get(photo.mime, "bin") if keep else "jpg"
    answer = send_file(
        path,
        mimetype=mimetype,
        as_attachment=keep,
        download_name=f"{photo.subject_code}-{photo.stage}-{photo.sha256[:8]}.{extension}",
        etag=path.name,
        conditional=True,
    )
    answer.headers["Content-Security-Policy"] = SANDBOX
    # Asked again each time, so that who may no longer see it does not; 304 costs nothing.
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.headers.add("Vary", "Cookie")
    return answer
