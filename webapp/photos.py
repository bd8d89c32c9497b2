"""Photos: taken in from phones and forms, served as clean copies, judged by a second person."""

import uuid
from typing import Any

from flask import (
    Blueprint,
    flash,
    g,
    jsonify,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from models.errors import BadInput, Fault, Missing
from models.inputs import Faults
from models.paths import path_to
from models.photo import STAGES, SUBJECTS, Photo, add_photo, photos_of
from models.reasons import reason
from models.registry import Site
from models.task import Task
from webapp import photo_files
from webapp.casework import find, names_of, require_unchanged
from webapp.db import begin_write, commit, db, rollback, site_now
from webapp.filters import sentence, t
from webapp.forms import again, wants_json
from webapp.papers import text_of
from webapp.photo_files import LOOKERS, photo_of
from webapp.photo_store import Received, receiving
from webapp.policies import allow
from webapp.reader import current_reader, read_in_zone

pages = Blueprint("photos", __name__, url_prefix="/photos")
pages.get("/<uuid:photo_id>/picture.jpg", endpoint="picture")(photo_files.picture)
pages.get("/<uuid:photo_id>/thumbnail.jpg", endpoint="thumbnail")(photo_files.thumbnail)
pages.get("/<uuid:photo_id>/original", endpoint="original")(photo_files.original)

ADDERS = ("manager", "duty", "keeper", "engineer", "supervisor", "designer", "contractor")
AT_ONCE = 20
LONGEST_CAPTION = 400
LONGEST_KEY = 200


@pages.get("/add/<kind>/<key>")
@allow(*ADDERS)
def form(kind: str, key: str) -> str:
    """Show the plain form for photos of a thing; it needs no scripts."""
    subject = _subject(kind, key)
    return render_template(
        "photos/add.html",
        subject=subject,
        kind=kind,
        back=path_to(subject, "photos"),
        stages=[(stage, t(f"photo.stage.{stage}")) for stage in stages_for(subject)],
        photos=shown(photos_of(db.session(), subject)),
    )


@pages.post("/add/<kind>/<key>")
@allow(*ADDERS)
@again(form)
def add(kind: str, key: str) -> ResponseReturnValue:
    """Take photos in: read, opened and hashed before anything is written."""
    subject = _subject(kind, key)
    faults = Faults()
    files = [file for file in request.files.getlist("photo") if file.filename]
    if not 0 < len(files) <= AT_ONCE:
        faults.refuse("photo", reason("photo.choose_some", most=AT_ONCE))
    stage = request.form.get("kind") or request.form.get("stage") or "routine"
    faults.one_of("kind", stage, STAGES)
    caption = text_of("caption", faults, LONGEST_CAPTION)
    key_sent = _client_key(faults)
    faults.stop()
    with receiving(files, current_reader().timezone) as received:
        for photo in received:
            photo.keep()
        added = _store((kind, key), received, stage=stage, caption=caption, key=key_sent)
    if wants_json():
        return jsonify(photos=[_told(photo) for photo in added])
    flash(t("photos.added", n=len(added)), "done")
    return redirect(path_to(subject, "photos"), 303)


def _subject(kind: str, key: str) -> Any:
    """Return what the photo is of. Raises Missing, also for what the actor may not see."""
    if kind not in SUBJECTS:
        raise Missing("photo", key)
    return find(SUBJECTS[kind], key)


def _client_key(faults: Faults) -> str:
    key = request.headers.get("Idempotency-Key") or request.form.get("idempotency_key", "")
    if len(key) > LONGEST_KEY:
        faults.refuse("idempotency_key", reason("input.too_long", n=LONGEST_KEY))
    return key


def _store(about: tuple[str, str], received: list[Received], **more: str) -> list[Photo]:
    """Write the rows in one transaction; a request that lost the race for a key finds its rows."""
    try:
        return _store_once(about, received, **more)
    except IntegrityError:
        # PostgreSQL lets two requests with one key begin; the first has stored it by now.
        rollback()
        return _store_once(about, received, **more)


def _store_once(
    about: tuple[str, str], received: list[Received], *, stage: str, caption: str, key: str
) -> list[Photo]:
    begin_write()
    subject = _subject(*about)
    added = [
        add_photo(
            db.session(),
            subject,
            one.picture,
            stage=stage,
            caption=caption,
            client_key=_key_of(one, subject, stage, key, number, len(received)),
            by=g.actor,
            now=site_now(),
        )
        for number, one in enumerate(received)
    ]
    commit()
    return added


def _key_of(one: Received, subject: Any, stage: str, key: str, number: int, of: int) -> str:
    """A plain form sends no key: then the same bytes of the same thing are the same photo."""
    if not key:
        return f"bytes:{subject.id}:{stage}:{one.picture.sha256}"
    return key if of == 1 else f"{key}:{number}"


def stages_for(subject: Any) -> list[str]:
    """Return the stages in which a thing may be photographed, the likeliest first."""
    if isinstance(subject, Task):
        first = {"in_progress": "during", "paused": "hidden", "done_claimed": "after"}
        likely = first.get(subject.state, "before" if subject.started_at is None else "during")
        return sorted(("before", "during", "hidden", "after"), key=lambda one: one != likely)
    if subject.__tablename__ == "closure":
        return ["posting", "routine"]
    return ["routine", "before", "during", "after"]


def shown(photos: list[Photo]) -> list[dict[str, Any]]:
    """Return photos as the galleries draw them."""
    return [_drawn(photo) for photo in photos]


def _drawn(photo: Photo) -> dict[str, Any]:
    word = t(f"photo.stage.{photo.stage}")
    return {
        "id": photo.id,
        "stage": photo.stage,
        "src": url_for("photos.thumbnail", photo_id=photo.id),
        "large": url_for("photos.picture", photo_id=photo.id),
        "href": url_for("photos.show", photo_id=photo.id),
        "alt": photo.caption or t("photos.alt", stage=word, thing=photo.subject_code),
        "caption": photo.caption,
        "at": photo.taken_at or photo.received_at,
        "by_camera": photo.taken_at is not None,
        "kind": word,
        "reused": photo.reused_of is not None,
        "state": photo.state,
    }


def _told(photo: Photo) -> dict[str, Any]:
    return {
        "id": str(photo.id),
        "code": photo.code,
        "stage": photo.stage,
        "sha256": photo.sha256,
        "reused": photo.reused_of is not None,
        "href": url_for("photos.show", photo_id=photo.id),
        "thumbnail": url_for("photos.thumbnail", photo_id=photo.id),
    }


@pages.get("/<uuid:photo_id>")
@allow(*LOOKERS)
def show(photo_id: uuid.UUID) -> str:
    """Show one photo with all that is known of it."""
    photo = photo_of(photo_id)
    site = db.session.get_one(Site, photo.site_id)
    read_in_zone(site.timezone)
    subject = find(SUBJECTS[photo.subject_kind], str(photo.subject_id))
    names = names_of([photo.uploaded_by, photo.checked_by])
    return render_template(
        "photos/show.html",
        photo=photo,
        site=site,
        subject=subject,
        drawn=_drawn(photo),
        back=path_to(subject, "photos"),
        names=names,
        others=_same_picture(photo),
        steps=[
            {
                "name": step.action,
                "label": t(f"photo.action.{step.action}"),
                "why_not": sentence(step.why_not),
                "icon": "check" if step.action == "check" else "lock",
            }
            for step in photo.steps(g.actor, site_now())
        ],
        is_staff=g.actor.is_staff,
    )


def _same_picture(photo: Photo) -> list[dict[str, Any]]:
    """Return where else the same bytes are shown, among what the actor may see."""
    same = select(Photo).where(
        Photo.sha256 == photo.sha256, Photo.id != photo.id, Photo.visible_to(g.actor)
    )
    return shown(list(db.session.scalars(same.order_by(Photo.received_at).limit(AT_ONCE))))


@pages.post("/<uuid:photo_id>/step")
@allow(*Photo.MAY["check"])
@again(show)
def step(photo_id: uuid.UUID) -> ResponseReturnValue:
    """Say that a photo shows what it claims, or close it into the archive."""
    verbs = {"check": Photo.check, "lock": Photo.lock}
    action = request.form.get("action", "")
    if action not in verbs:
        raise BadInput([Fault("action", reason("form.not_a_choice"))])
    begin_write()
    photo = photo_of(photo_id)
    require_unchanged(photo)
    verbs[action](photo, by=g.actor, now=site_now())
    commit()
    return redirect(url_for("photos.show", photo_id=photo_id), 303)
