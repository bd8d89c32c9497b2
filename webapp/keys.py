"""Keys of devices and networks: who may publish, who does, and how a key is changed over."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from models.clock import machine_now
from models.errors import Missing
from models.heartbeat import DEAD_AFTER, Heartbeat
from models.key_use import KeyUse, is_new_secret_used, uses
from models.keys import (
    add_key,
    all_keys,
    retire_old_secret,
    revoke_key,
    rotate_key,
    state_of,
    why_not_retire,
    why_not_rotate,
)
from models.people import DeviceKey
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import t
from webapp.forms import again
from webapp.policies import allow

pages = Blueprint("keys", __name__, url_prefix="/keys")
STATES = {
    "working": ("check", "ok"),
    "rotating": ("refresh", "warn"),
    "revoked": ("ban", ""),
}
COUNTS = ("connections", "received", "slowed", "refused", "turned_away", "faults", "oversize")


@dataclass(frozen=True)
class Row:
    """One key, what was seen of it, and what may be done with it."""

    key: DeviceKey
    use: KeyUse | None
    state: str
    tag: tuple[str, str]
    can_rotate: bool
    can_retire: bool


@pages.get("/")
@allow("admin")
def index() -> str:
    """List the keys with their use, and offer a new one."""
    return keys_page()


def keys_page(secret: str = "", shown: DeviceKey | None = None) -> str:
    """Draw the keys; `secret` is shown this once, right after it was made."""
    session, now = db.session(), machine_now()
    used = uses(session)
    return render_template(
        "keys/index.html",
        rows=[_row(key, used.get(key.name), now) for key in all_keys(session)],
        receiver=_receiver(session.get(Heartbeat, "ingest"), now),
        secret=secret,
        shown=shown,
    )


@pages.post("/")
@allow("admin")
@again(index)
def add() -> ResponseReturnValue:
    """Make a key; its password is shown once."""
    begin_write()
    secret, key = add_key(
        db.session(),
        request.form.get("name", "").strip(),
        request.form.get("topics", "").replace(",", " ").split(),
        device=request.form.get("device", "").strip() or None,
        by=g.actor,
        now=site_now(),
    )
    commit()
    return keys_page(secret, key)


@pages.post("/<uuid:key_id>/rotate")
@allow("admin")
@again(lambda key_id: index())
def rotate(key_id: uuid.UUID) -> ResponseReturnValue:
    """Make a second password, shown once; the first one works on until it is retired."""
    begin_write()
    key = _find(key_id)
    used = is_new_secret_used(db.session(), key)
    secret = rotate_key(key, new_is_used=used, by=g.actor, now=site_now())
    commit()
    return keys_page(secret, key)


@pages.post("/<uuid:key_id>/retire")
@allow("admin")
@again(lambda key_id: index())
def retire(key_id: uuid.UUID) -> ResponseReturnValue:
    """End a rotation: the old password works no more."""
    begin_write()
    key = _find(key_id)
    retire_old_secret(key, by=g.actor, now=site_now())
    commit()
    flash(t("keys.is_retired", name=key.name), "done")
    return redirect(url_for("keys.index"), 303)


@pages.post("/<uuid:key_id>/revoke")
@allow("admin")
@again(lambda key_id: index())
def revoke(key_id: uuid.UUID) -> ResponseReturnValue:
    """Make a key useless; its connections end within seconds."""
    begin_write()
    key = _find(key_id)
    revoke_key(key, by=g.actor, now=site_now())
    commit()
    flash(t("keys.is_revoked", name=key.name), "done")
    return redirect(url_for("keys.index"), 303)


def _find(key_id: uuid.UUID) -> DeviceKey:
    key = db.session.get(DeviceKey, key_id)
    if key is None:
        raise Missing("key", key_id)
    return key


def _row(key: DeviceKey, use: KeyUse | None, now: datetime) -> Row:
    state = state_of(key, now)
    since, new_at = key.rotated_at, use.new_used_at if use else None
    new_is_used = bool(since and new_at and new_at >= since)
    return Row(
        key=key,
        use=use,
        state=state,
        tag=STATES[state],
        can_rotate=why_not_rotate(key, now, new_is_used=new_is_used) is None,
        can_retire=why_not_retire(key, now) is None,
    )


def _receiver(beat: Heartbeat | None, now: datetime) -> dict[str, Any] | None:
    """Return where the receiver listens and its counts; None while no ingester lives."""
    facts = beat.facts if beat is not None else None
    if beat is None or facts is None or now - beat.beat_at > DEAD_AFTER or "listen" not in facts:
        return None
    counts = facts.get("receiver", {})
    return {"listen": facts["listen"], "counts": [(n, int(counts.get(n, 0))) for n in COUNTS]}
