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
from models.pulse import Pulse
from models.store import Store
from webapp.db import db, store
from webapp.policies import signed_in
from webapp.reader import current_reader
from webapp.security import csrf_token

pages = Blueprint("live", __name__)
View = TypeVar("View", bound=Callable)

POLLED_FOR_S = 0.2
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
        state = select(Pulse.state).where(Pulse.id == 1).scalar_subquery()
        happened, measured = db.session.execute(select(func.max(Event.number), state)).one()
        g.live_version = f"{happened or 0}-{measured or 0}"
    return g.live_version


@pages.get("/live/version")
@signed_in
def version() -> Response:
    """Answer the poll of an open page: 304 while nothing has changed."""
    now = _polled.version()
    answer = Response(now, mimetype="text/plain")
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.set_etag(now)
    return answer.make_conditional(request)


class _Polled:
    """The version as it was a moment ago: many polls in that moment read the database once."""

    def __init__(self) -> None:
        self.seen, self.until, self.lock = "", 0.0, threading.Lock()
        self.store: Store | None = None

    def version(self) -> str:
        with self.lock:
            if time.monotonic() >= self.until or self.store is not store():
                self.seen, self.store = live_version(), store()
                self.until = time.monotonic() + POLLED_FOR_S
            return self.seen


_polled = _Polled()


@dataclass
class _Rendering:
    body: str
    until: float


_renderings: OrderedDict[tuple, _Rendering] = OrderedDict()
_lock = threading.Lock()
_turns: dict[tuple, threading.Lock] = {}


def shared(view: View) -> View:
    """Let open pages of people with the same rights share one rendering of their refreshes.

    Only for views whose live regions show nothing that depends on the person: not "mine", not
    his name. Form tokens are put in for each one. Fifty desks then cost what one does.
    """

    @wraps(view)
    def answer(**arguments: object) -> object:
        if not is_live_fetch():
            return view(**arguments)
        return _filled_in(_shared_body(_key(), lambda: make_response(view(**arguments))))

    return answer  # type: ignore[return-value]


def _key() -> tuple:
    grants = frozenset(g.actor.grants) if g.actor else frozenset()
    return (request.full_path, grants, current_reader(), live_version())


def _shared_body(key: tuple, render: Callable[[], Response]) -> str | Response:
    """Return the rendering that is there, or make it; meanwhile the others wait for it."""
    kept = _kept(key)
    if kept is not None:
        return kept
    with _lock:
        turn = _turns.setdefault(key, threading.Lock())
    try:
        with turn:
            return _kept(key) or _rendered(key, render())
    finally:
        with _lock:
            _turns.pop(key, None)


def _rendered(key: tuple, made: Response) -> str | Response:
    if made.status_code != 200:
        return made
    body = made.get_data(as_text=True).replace(csrf_token(), _TOKEN_PLACE)
    with _lock:
        _renderings[key] = _Rendering(body, time.monotonic() + SHARED_FOR_S)
        while len(_renderings) > SHARED_AT_MOST:
            _renderings.popitem(last=False)
    return body


def _kept(key: tuple) -> str | None:
    with _lock:
        found = _renderings.get(key)
        return found.body if found and found.until > time.monotonic() else None


def _filled_in(body: str | Response) -> Response:
    if isinstance(body, Response):
        return body
    return make_response(body.replace(_TOKEN_PLACE, csrf_token()))
