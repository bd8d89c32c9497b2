"""Open pages stay true: one cheap version to poll, and one rendering for many open desks."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TypeVar

from flask import Blueprint, Response, g, make_response, request
from sqlalchemy import func, select

from models.event import Event
from models.pulse import state_version
from webapp.db import db
from webapp.policies import signed_in
from webapp.reader import current_reader
from webapp.security import csrf_token

pages = Blueprint("live", __name__)
View = TypeVar("View", bound=Callable)

SHARED_FOR_S = 1.0
SHARED_AT_MOST = 256
_TOKEN_PLACE = "\x00csrf\x00"


def is_live_fetch() -> bool:
    """Whether the page's own script asks for the regions of an open page."""
    return request.headers.get("X-Live") == "1"


def live_version() -> str:
    """Return what has happened and what has been measured, as two numbers: `17-40233`.

    When the first has risen somebody should see it now (an alert, a step of a task); when only
    the second has, new readings are in, and a desk may wait a few seconds for them.
    """
    if "live_version" not in g:
        happened = db.session.scalar(select(func.max(Event.number))) or 0
        g.live_version = f"{happened}-{state_version(db.session())}"
    return g.live_version


@pages.get("/live/version")
@signed_in
def version() -> Response:
    """Answer the poll of an open page: 304 while nothing has changed."""
    answer = Response(live_version(), mimetype="text/plain")
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.set_etag(live_version())
    return answer.make_conditional(request)


@dataclass
class _Rendering:
    body: str
    until: float


_renderings: OrderedDict[tuple, _Rendering] = OrderedDict()
_lock = threading.Lock()
_being_made: dict[tuple, threading.Lock] = {}


def shared(view: View) -> View:
    """Let open pages of people with the same rights share one rendering of their refreshes.

    Only for views whose live regions show nothing that depends on the person: not "mine", not
    his name. Form tokens are put in for each one. Fifty desks then cost what one does.
    """

    @wraps(view)
    def answer(**arguments: object) -> object:
        if not is_live_fetch():
            return view(**arguments)
        return _answer(_body(_key(), lambda: view(**arguments)))

    return answer  # type: ignore[return-value]


def _key() -> tuple:
    grants = frozenset(g.actor.grants) if g.actor else frozenset()
    return (request.full_path, grants, current_reader(), live_version())


def _body(key: tuple, render: Callable[[], object]) -> str:
    kept = _kept(key)
    if kept is not None:
        return kept
    with _lock:
        turn = _being_made.setdefault(key, threading.Lock())
    with turn:  # the first one renders, the others wait for it
        kept = _kept(key)
        if kept is not None:
            return kept
        body = make_response(render()).get_data(as_text=True)
        _keep(key, body.replace(csrf_token(), _TOKEN_PLACE))
    return _kept(key) or body.replace(csrf_token(), _TOKEN_PLACE)


def _kept(key: tuple) -> str | None:
    with _lock:
        found = _renderings.get(key)
        return found.body if found and found.until > time.monotonic() else None


def _keep(key: tuple, body: str) -> None:
    with _lock:
        _renderings[key] = _Rendering(body, time.monotonic() + SHARED_FOR_S)
        _being_made.pop(key, None)
        while len(_renderings) > SHARED_AT_MOST:
            _renderings.popitem(last=False)


def _answer(body: str) -> Response:
    return make_response(body.replace(_TOKEN_PLACE, csrf_token()))
