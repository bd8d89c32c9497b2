"""Who is asking: the cookie of a person, the Bearer token of a program."""

import hmac
import time

from flask import Response, g, request

from models.clock import machine_now
from models.people import Actor, User
from models.signin import actor_for, close_session, open_session, who_is
from models.tokens import find_token, token_actor
from webapp.db import db
from webapp.security import cookie_name, cookie_options, signing_key

COOKIE = "rw"
DEVICE_COOKIE = "rw_device"  # this browser has signed in to that account before
POLL = "live.version"
POLL_TRUSTED_S = 2.0
IDLE_S = 8 * 3600
RENEW_AFTER_S = 300
DEVICE_LASTS_S = 180 * 86_400


def identify() -> None:
    """Find out who asks: `g.user`, `g.actor`, `g.web_session`; or `g.token_scope`."""
    g.user = g.actor = g.web_session = g.token_scope = None
    if "Authorization" in request.headers:
        _by_token()
    else:
        _by_cookie()


def _by_token() -> None:
    kind, _, text = request.headers["Authorization"].partition(" ")
    token = None
    if kind.lower() == "bearer":
        token = find_token(db.session(), text.strip(), machine_now())
    # A token that holds no longer is nobody; the cookie beside it must not step in.
    g.bad_token = token is None
    if token is not None:
        g.actor = token_actor(token, g.request_id)
        g.token_scope = token.scope


def _by_cookie() -> None:
    token = _fresh_token()
    if token and request.endpoint == POLL:
        g.actor = _polling.actor(token)
        if g.actor is not None:
            return
    found = who_is(db.session(), token, machine_now()) if token else None
    if found is None:
        return
    g.user, g.web_session = found.user, found.web_session
    g.actor = actor_for(db.session(), found.user, machine_now(), request_id=g.request_id)
    if token and request.endpoint == POLL:
        _polling.trust(token, g.actor)


class _Polling:
    """Who polls, as it was two seconds ago: fifty open desks ask every second for one number."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[float, Actor]] = {}

    def actor(self, token: str) -> Actor | None:
        """Return whose session it is, if it has just been looked up."""
        until, actor = self.known.get(token, (0.0, None))
        return actor if until > time.monotonic() else None

    def trust(self, token: str, actor: Actor) -> None:
        """Keep what was looked up, for polls alone."""
        if len(self.known) > 500:
            self.known.clear()
        self.known[token] = (time.monotonic() + POLL_TRUSTED_S, actor)

    def forget(self) -> None:
        """Look everyone up again: a session has ended."""
        self.known.clear()


_polling = _Polling()


def forget_polls() -> None:
    """Let no ended session poll on."""
    _polling.forget()


def _fresh_token() -> str | None:
    """Return the token of the cookie, unless nobody has used it for eight hours.

    The time of last use travels in the cookie, signed, because viewing a page writes nothing.
    """
    token, _, rest = request.cookies.get(cookie_name(COOKIE), "").partition(".")
    used, _, signature = rest.partition(".")
    if not used.isdigit() or not _is_signed(signature, f"{token}.{used}"):
        return None
    idle_s = time.time() - int(used)
    if idle_s > IDLE_S:
        return None
    g.renew = token if idle_s > RENEW_AFTER_S and "X-Live" not in request.headers else None
    return token


def _sign(text: str) -> str:
    return hmac.digest(signing_key(), text.encode(), "sha256").hex()


def _is_signed(shown: str, text: str) -> bool:
    # As bytes: of two texts `compare_digest` takes only ASCII, and a cookie may hold anything.
    return hmac.compare_digest(shown.encode("utf-8", "replace"), _sign(text).encode())


def _set_cookie(answer: Response, token: str) -> None:
    text = f"{token}.{int(time.time())}"
    answer.set_cookie(cookie_name(COOKIE), f"{text}.{_sign(text)}", **cookie_options())


def keep_session(answer: Response) -> Response:
    """Hand the browser the cookie of a session that has begun, or note that it is being used."""
    if g.get("new_token"):
        _set_cookie(answer, g.new_token)
        device = _sign(f"device:{g.user.email}")
        answer.set_cookie(
            cookie_name(DEVICE_COOKIE), device, max_age=DEVICE_LASTS_S, **cookie_options()
        )
    elif g.get("renew") and g.get("user") is not None and not g.get("signed_out"):
        _set_cookie(answer, g.renew)
    return answer


def sign_in(user: User) -> None:
    """Begin a session under a new token, whatever the browser had before. The view commits."""
    sign_out_here()
    g.new_token, g.web_session = open_session(db.session(), user, machine_now())
    g.user, g.signed_out = user, False
    g.actor = actor_for(db.session(), user, machine_now(), request_id=g.request_id)
    g.pop("csrf", None)  # forms of the same answer belong to the new session
    g.pop("reader", None)


def sign_out_here() -> None:
    """End the session that this browser shows, if any. The view commits."""
    token = request.cookies.get(cookie_name(COOKIE), "").partition(".")[0]
    if token:
        close_session(db.session(), token)
    forget_polls()
    g.signed_out = True


def forget_cookie(answer: Response) -> None:
    """Take the session's cookie away from the browser."""
    answer.delete_cookie(cookie_name(COOKIE), **cookie_options())


def is_known_device(email: str) -> bool:
    """Whether this browser has signed in to the account before."""
    shown = request.cookies.get(cookie_name(DEVICE_COOKIE), "")
    return _is_signed(shown, f"device:{email}")
