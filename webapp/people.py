"""Signing in and out, accepting an invitation, and one's own profile."""

import math

from flask import (
    Blueprint,
    current_app,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from models.accounts import (
    accept,
    clean_email,
    find_invitation,
    find_user,
    prepare_password,
    set_password,
)
from models.clock import machine_now
from models.errors import BadInput, Fault
from models.event import record
from models.passwords import is_password
from models.people import User
from models.reasons import reason
from models.signin import forget_attempts, note_attempt, wait_until
from webapp.db import begin_write, commit, db, rollback, site_now
from webapp.filters import t
from webapp.forms import Again, again
from webapp.policies import public, signed_in
from webapp.reader import keep_language
from webapp.security import safe_next
from webapp.sessions import forget_cookie, is_known_device, sign_in, sign_out_here

pages = Blueprint("people", __name__)


def login_page(kept: Again | None = None, message: str = "") -> str:
    """Draw the sign-in; `kept` is a form that was sent when nobody was signed in any more."""
    return render_template(
        "people/login.html",
        kept=kept,
        message=message,
        next=safe_next(request.values.get("next")),
        email=request.form.get("email", "") if request.endpoint == "people.enter" else "",
    )


@pages.get("/login")
@public
def login() -> ResponseReturnValue:
    """Show the sign-in."""
    if g.user is not None:
        return redirect(safe_next(request.args.get("next")))
    return login_page()


@pages.post("/login")
@public
def enter() -> ResponseReturnValue:
    """Sign in, or say in the same words whatever was wrong."""
    email, address = clean_email(request.form.get("email", ""))[:200], request.remote_addr or ""
    wait_s = _take_a_turn(email, address)
    if wait_s:
        answer = make_response(login_page(_form_behind(), t("login.wait", n=wait_s)), 429)
        answer.headers["Retry-After"] = str(wait_s)
        return answer
    user = find_user(db.session(), email)
    right = is_password(user.password_hash if user else None, request.form.get("password", ""))
    if user is None or not right or user.disabled_at is not None:
        current_app.logger.warning("login.refused address=%s", address)
        return login_page(_form_behind(), t("login.wrong")), 401
    return _let_in(user, address)


def _take_a_turn(email: str, address: str) -> int:
    """Count this attempt, or return how many seconds to wait.

    This is a commit of its own: parallel guesses have to see each other before any is checked.
    """
    begin_write()
    now = machine_now()
    until = wait_until(db.session(), email, address, now, known_device=is_known_device(email))
    if until is None:
        note_attempt(db.session(), email, address, now)
        commit()
        return 0
    rollback()
    return max(1, math.ceil((until - now).total_seconds()))


def _let_in(user: User, address: str) -> ResponseReturnValue:
    """Begin the session; a form that waits is not sent by itself: he looks and sends it."""
    begin_write()
    forget_attempts(db.session(), user.email, address)
    sign_in(user)
    commit()
    kept = _form_behind()
    if kept is None:
        answer = make_response(redirect(safe_next(request.form.get("next")), 303))
    else:
        answer = make_response(render_template("people/resume.html", kept=kept))
    keep_language(answer, user.language)
    return answer


def _form_behind() -> Again | None:
    """Return the form that waits behind the sign-in, from its hidden fields."""
    target = safe_next(request.form.get("again_to"), "")
    fields = [
        (name.removeprefix("again."), value)
        for name, values in request.form.lists()
        if name.startswith("again.")
        for value in values
    ]
    if not target or not fields:
        return None
    shown = [(name, value) for name, value in fields if value and not name.startswith("_")]
    return Again(target, fields, shown, "again_files" in request.form, True)


@pages.post("/logout")
@public
def logout() -> ResponseReturnValue:
    """End this browser's session."""
    begin_write()
    sign_out_here()
    commit()
    answer = make_response(redirect(url_for("people.login"), 303))
    forget_cookie(answer)
    return answer


@pages.get("/invitations/<token>")
@public
def invitation(token: str) -> str:
    """Show who is invited to what; the link alone changes nothing."""
    found = find_invitation(db.session(), token, machine_now())
    user = find_user(db.session(), found.email)
    has_account = user is not None and user.password_hash is not None
    return render_template("people/invitation.html", invitation=found, has_account=has_account)


@pages.post("/invitations/<token>")
@public
@again(invitation)
def join(token: str) -> ResponseReturnValue:
    """Let the invited person in, with a name and a password."""
    found = find_invitation(db.session(), token, machine_now())
    user = find_user(db.session(), found.email)
    new = user is None or user.password_hash is None
    name = (user.name if user else "") or request.form.get("name", "").strip()[:120]
    password_hash = _new_password(found.email, name) if new else None
    begin_write()
    found = find_invitation(db.session(), token, machine_now())
    joined = accept(db.session(), found, name=name, password_hash=password_hash, now=site_now())
    if new:  # one who has a password signs in with it
        sign_in(joined)
    commit()
    flash(t("invitation.joined"), "done")
    return redirect("/" if new else url_for("people.login"), 303)


def _new_password(email: str, name: str) -> str:
    """Return the hash of the password that was chosen. Raises BadInput with all faults."""
    faults = [] if name else [Fault("name", reason("user.no_name"))]
    password = request.form.get("password", "")
    if password != request.form.get("password_again", ""):
        faults.append(Fault("password_again", reason("password.differs")))
    try:
        hashed = prepare_password(password, email=email)
    except BadInput as bad:  # gathered, so that the page tells everything at once
        faults.extend(bad.faults)
    if faults:
        raise BadInput(faults)
    return hashed


@pages.get("/profile")
@signed_in
def profile() -> str:
    """Show one's own account."""
    return render_template("people/profile.html", user=g.user, grants=g.user.memberships)


@pages.post("/profile")
@signed_in
@again(profile)
def change_profile() -> ResponseReturnValue:
    """Change one's own name and phone."""
    name, phone = (request.form.get(field, "").strip() for field in ("name", "phone"))
    if not name:
        raise BadInput([Fault("name", reason("user.no_name"))])
    begin_write()
    g.user.name, g.user.phone = name[:120], phone[:40]
    record(g.user, "change", by=g.actor, now=site_now())
    commit()
    flash(t("profile.saved"), "done")
    return redirect(url_for("people.profile"), 303)


@pages.post("/profile/password")
@signed_in
@again(profile)
def change_password() -> ResponseReturnValue:
    """Take a new password; every other session of this person ends."""
    if not is_password(g.user.password_hash, request.form.get("old_password", "")):
        raise BadInput([Fault("old_password", reason("password.wrong"))])
    password_hash = _new_password(g.user.email, g.user.name or g.user.email)
    begin_write()
    set_password(db.session(), g.user, password_hash)
    record(g.user, "change_password", by=g.actor, now=site_now())
    sign_in(g.user)
    commit()
    flash(t("profile.password_changed"), "done")
    return redirect(url_for("people.profile"), 303)
