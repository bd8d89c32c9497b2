"""Who is let in: users and invitations, for admins, and for managers their contractors."""

import uuid
from typing import TypeVar
from urllib.parse import urljoin

from flask import Blueprint, current_app, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from models.accounts import (
    all_users,
    disable,
    enable,
    invite,
    may_invite,
    open_invitations,
    why_not_disable,
    withdraw,
)
from models.clock import machine_now
from models.errors import BadInput, Fault, Missing
from models.people import ROLES, Invitation, Organisation, User
from models.reasons import reason
from models.registry import Site
from webapp.db import begin_write, commit, db, site_now
from webapp.filters import t
from webapp.forms import again
from webapp.policies import allow
from webapp.sessions import forget_polls

Row = TypeVar("Row")
pages = Blueprint("users", __name__, url_prefix="/people")


@pages.get("/")
@allow("admin")
def index() -> str:
    """List everyone who can sign in."""
    return render_template(
        "people/users.html",
        users=all_users(db.session()),
        now=machine_now(),
        why_not_disable=lambda user: why_not_disable(user, g.actor),
    )


@pages.post("/<uuid:user_id>/disable")
@allow("admin")
@again(lambda user_id: index())
def close(user_id: uuid.UUID) -> ResponseReturnValue:
    """Close an account; its sessions end at once."""
    begin_write()
    user = _find(User, user_id, "user")
    disable(db.session(), user, by=g.actor, now=site_now())
    commit()
    forget_polls()
    flash(t("users.disabled", name=user.name or user.email), "done")
    return redirect(url_for("users.index"), 303)


@pages.post("/<uuid:user_id>/enable")
@allow("admin")
@again(lambda user_id: index())
def reopen(user_id: uuid.UUID) -> ResponseReturnValue:
    """Open a disabled account again."""
    begin_write()
    user = _find(User, user_id, "user")
    enable(db.session(), user, by=g.actor, now=site_now())
    commit()
    flash(t("users.enabled", name=user.name or user.email), "done")
    return redirect(url_for("users.index"), 303)


@pages.get("/invitations")
@allow("manager")
def invitations() -> str:
    """List the invitations that wait, and offer a new one."""
    return invitations_page()


def invitations_page(link: str = "", invited: Invitation | None = None) -> str:
    """Draw the invitations; `link` is shown this once, right after it was made."""
    session = db.session()
    return render_template(
        "people/invitations.html",
        waiting=open_invitations(session, machine_now()),
        organisations=session.scalars(select(Organisation).order_by(Organisation.code)).all(),
        sites=session.scalars(select(Site).order_by(Site.code)).all(),
        roles=[role for role in ROLES if may_invite(g.actor, role)],
        link=link,
        invited=invited,
    )


@pages.post("/invitations")
@allow("manager")
@again(invitations)
def make_invitation() -> ResponseReturnValue:
    """Invite one person; the link is shown once, to be handed over."""
    sites = [_uuid(one, "sites") for one in request.form.getlist("sites")]
    organisation_id = _uuid(request.form.get("organisation", ""), "organisation")
    begin_write()
    token, invitation = invite(
        db.session(),
        email=request.form.get("email", ""),
        role=request.form.get("role", ""),
        organisation=db.session.get(Organisation, organisation_id),
        site_ids=sites or None,
        by=g.actor,
        now=site_now(),
    )
    commit()
    # The address comes from the settings: a forged Host header must not get into a link.
    link = urljoin(current_app.config["PUBLIC_URL"], url_for("people.invitation", token=token))
    return invitations_page(link, invitation)


@pages.post("/invitations/<uuid:invitation_id>/withdraw")
@allow("manager")
@again(lambda invitation_id: invitations())
def withdraw_invitation(invitation_id: uuid.UUID) -> ResponseReturnValue:
    """Make a link useless."""
    begin_write()
    invitation = _find(Invitation, invitation_id, "invitation")
    withdraw(db.session(), invitation, by=g.actor, now=site_now())
    commit()
    flash(t("invitation.is_withdrawn", email=invitation.email), "done")
    return redirect(url_for("users.invitations"), 303)


def _find(noun: type[Row], noun_id: uuid.UUID, kind: str) -> Row:
    found = db.session.get(noun, noun_id)
    if found is None:
        raise Missing(kind, noun_id)
    return found


def _uuid(text: str, field: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise BadInput([Fault(field, reason("form.not_a_choice"))]) from None
