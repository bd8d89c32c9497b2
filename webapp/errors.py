"""Turns a no, or a fault, into an answer: a page with a sentence, or a problem for programs."""

import json
from collections.abc import Callable
from http import HTTPStatus

from flask import (
    Flask,
    Response,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException

from models.errors import BadInput, Forbidden, Missing, Refusal, Refused, Stale
from models.reasons import Reason, reason
from webapp.db import rollback
from webapp.filters import sentence
from webapp.forms import Again, blockers_of, faults_of, kept_form, refill, wants_json
from webapp.policies import NotSignedIn
from webapp.security import UNSAFE, BadOrigin, OldForm, safe_next

STATUS: dict[type[Refused], int] = {
    Refusal: 409,
    Forbidden: 403,
    Missing: 404,
    Stale: 412,
    BadInput: 422,
}
# Statuses of HTTP itself that have a sentence of their own; others share one.
TOLD = (400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 422, 429, 500, 503)


def refused(why: Refused) -> ResponseReturnValue:
    """Answer a no: on the form's own page where the view names one, else on a page of its own."""
    rollback()
    status = STATUS[type(why)]
    if wants_json():
        return problem(status, why.reason, why)
    page = getattr(current_app.view_functions.get(request.endpoint or ""), "again", None)
    if page is not None and status in (409, 412, 422):
        return _drawn_again(page, why, status)
    return error_page(status, why.reason, why)


def _drawn_again(page: Callable[..., ResponseReturnValue], why: Refused, status: int) -> Response:
    refill(why)
    try:
        answer = make_response(page(**(request.view_args or {})))
    except Refused as other:  # its page is not for him, or there is no such thing at all
        g.pop("refilled")
        return error_page(STATUS[type(other)], other.reason, other)
    answer.status_code = status
    return answer


def changed_meanwhile(_fault: StaleDataError) -> ResponseReturnValue:
    """Answer the loser of two changes at once; he sees what he typed."""
    return refused(Stale(request.endpoint or "", request.path, 0))


def not_signed_in(_why: NotSignedIn) -> ResponseReturnValue:
    """Send a person to the sign-in, with what he typed; tell a program 401."""
    if wants_json() or g.get("bad_token"):
        answer = problem(401, reason("error.401"))
        answer.headers["WWW-Authenticate"] = 'Bearer realm="ridgewatch"'
        return answer
    if request.method in UNSAFE:
        return login_again(kept_form()), 401
    wanted = request.full_path.rstrip("?")
    return redirect(url_for("people.login", next=None if wanted == "/" else wanted))


def login_again(kept: Again | None) -> str:
    """Draw the sign-in over a form that waits behind it."""
    there = request.referrer or ""
    back = there.removeprefix(request.host_url.rstrip("/")) if kept is None else ""
    return render_template(
        "people/login.html",
        kept=kept,
        message=sentence(reason("error.session_over")),
        next=safe_next(back),
        email="",
    )


def old_form(_why: OldForm) -> ResponseReturnValue:
    """Show a form whose token is no longer ours again, with what was typed, to be sent again."""
    if wants_json():
        return problem(403, reason("error.old_form"))
    return error_page(403, reason("error.old_form"), can_resend=True)


def bad_origin(_why: BadOrigin) -> ResponseReturnValue:
    """Refuse what another site's page sent; nothing of it is shown or kept."""
    if wants_json():
        return problem(403, reason("error.bad_origin"))
    return error_page(403, reason("error.bad_origin"), keep=False)


def http_error(error: HTTPException) -> ResponseReturnValue:
    """Answer an error of HTTP itself: no such address, too large, too often."""
    if error.response is not None:
        return error.response
    status = error.code or 500
    code = f"error.{status}" if status in TOLD else "error.other"
    why = reason(code, status=status, reference=g.get("request_id", ""))
    if wants_json():
        return problem(status, why)
    rollback()
    answer = error_page(status, why, keep=status not in (400, 413))
    for name, value in error.get_headers():
        if name in ("Retry-After", "Allow"):
            answer.headers[name] = value
    return answer


def fault(error: Exception) -> ResponseReturnValue:
    """Answer our own fault: log it under the number that the person is told."""
    current_app.logger.error(
        "fault request=%s method=%s path=%s",
        g.get("request_id"),
        request.method,
        request.path,
        exc_info=error,
    )
    rollback()
    why = reason("error.500", reference=g.get("request_id", ""))
    if wants_json():
        return problem(500, why)
    return error_page(500, why)


def error_page(
    status: int,
    why: Reason,
    refusal: Refused | None = None,
    *,
    keep: bool = True,
    can_resend: bool | None = None,
) -> Response:
    """Render a page that says what happened, what would work, and what was typed."""
    if can_resend is None:
        can_resend = status not in (404, 412, 422)
    html = render_template(
        "errors/error.html",
        status=status,
        text=sentence(why),
        blockers=blockers_of(refusal) if refusal else [],
        faults=faults_of(refusal) if refusal else [],
        again=kept_form(can_resend) if keep else None,
        reference=g.get("request_id", ""),
    )
    answer = make_response(html, status)
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def problem(status: int, why: Reason, refusal: Refused | None = None) -> Response:
    """Return an RFC 9457 problem; `text` of every reason in the reader's language."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": sentence(why),
        "code": why.code,
        "values": dict(why.values),
        "request_id": g.get("request_id", ""),
    }
    if isinstance(refusal, Refusal):
        body["blockers"] = [
            {**one.reason.to_json(), "text": sentence(one.reason), "href": one.href}
            for one in refusal.blockers
        ]
    if isinstance(refusal, BadInput):
        body["errors"] = [
            {"where": one.where, **one.reason.to_json(), "text": sentence(one.reason)}
            for one in refusal.faults
        ]
    return Response(
        json.dumps(body, ensure_ascii=False), status, mimetype="application/problem+json"
    )


def add_error_pages(app: Flask) -> None:
    """Register every answer that is not a page's own."""
    app.register_error_handler(Refused, refused)
    app.register_error_handler(StaleDataError, changed_meanwhile)
    app.register_error_handler(NotSignedIn, not_signed_in)
    app.register_error_handler(OldForm, old_form)
    app.register_error_handler(BadOrigin, bad_origin)
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(Exception, fault)
