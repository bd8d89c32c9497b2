"""What protects a page in the browser: headers, form tokens, the origin of a request."""

import base64
import hmac
import secrets
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, request

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(self), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
VISITOR_COOKIE = "rw_visitor"  # ties the forms of someone not signed in to his browser
_TOKEN_BYTES = 32


class BadOrigin(Exception):
    """A form of another site was sent to us."""


class OldForm(Exception):
    """A form without our token, or with that of an earlier session."""


def cookie_options(http_only: bool = True) -> dict[str, Any]:
    """Return how every cookie of ours is set."""
    return {"path": "/", "httponly": http_only, "samesite": "Lax", "secure": request.is_secure}


def cookie_name(name: str) -> str:
    """Return a name that a browser binds to this host, where the connection is safe."""
    return f"__Host-{name}" if request.is_secure else name


def add_headers(answer: Response) -> Response:
    """Add what every answer carries; pages of people signed in are kept by nobody."""
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    if request.is_secure:
        answer.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if "Cache-Control" not in answer.headers:
        answer.headers["Cache-Control"] = "private, no-store"
        answer.headers.add("Vary", "Cookie")
    return answer


def check_origin() -> None:
    """Refuse what another site's page sends. Raises BadOrigin."""
    if request.method not in UNSAFE or g.get("token_scope"):
        return
    origin = request.headers.get("Origin")
    if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        raise BadOrigin
    if origin is not None and urlsplit(origin).netloc != request.host:
        raise BadOrigin


def check_token() -> None:
    """Refuse an unsafe request without this browser's form token. Raises OldForm."""
    if request.method not in UNSAFE or g.get("token_scope"):
        return
    sent = request.headers.get("X-CSRF-Token") or request.form.get("csrf", "")
    if not hmac.compare_digest(_unmask(sent), _form_secret()):
        raise OldForm


def csrf_token() -> str:
    """Return this page's form token, masked anew for every page (pages are compressed)."""
    if "csrf" not in g:
        mask = secrets.token_bytes(_TOKEN_BYTES)
        g.csrf = base64.urlsafe_b64encode(mask + _xor(mask, _form_secret())).decode()
    return g.csrf


def _unmask(sent: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(sent.encode())
    except ValueError:
        return b""
    if len(raw) != 2 * _TOKEN_BYTES:
        return b""
    return _xor(raw[:_TOKEN_BYTES], raw[_TOKEN_BYTES:])


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _form_secret() -> bytes:
    """The session's own secret, or that of the visitor's cookie, bound to our key."""
    session = g.get("web_session")
    seed = session.csrf if session is not None else f"visitor:{_visitor()}"
    return hmac.digest(signing_key(), seed.encode(), "sha256")


def _visitor() -> str:
    if "visitor" not in g:
        g.visitor = request.cookies.get(cookie_name(VISITOR_COOKIE)) or ""
        if not g.visitor:
            g.visitor = g.new_visitor = secrets.token_urlsafe(16)
    return g.visitor


def keep_visitor(answer: Response) -> Response:
    """Set the cookie of a visitor who was shown a form."""
    if "new_visitor" in g:
        answer.set_cookie(cookie_name(VISITOR_COOKIE), g.new_visitor, **cookie_options())
    return answer


def signing_key() -> bytes:
    """Return the key of our own signatures, apart from any other use of the secret."""
    return sha256(b"ridgewatch forms\0" + current_app.config["SECRET_KEY"].encode()).digest()


def safe_next(wanted: str | None, default: str = "/") -> str:
    """Return a path on this site, never an address elsewhere."""
    if not wanted or not wanted.startswith("/") or wanted[1:2] in ("/", "\\"):
        return default
    if any(ord(letter) < 33 or letter == "\\" for letter in wanted):
        return default
    parts = urlsplit(wanted)  # parsed a second time, as the browser will
    return default if parts.scheme or parts.netloc else wanted


def protect(app: Flask) -> None:
    """Limit what may be sent to us, and add the headers to every answer."""
    app.config.setdefault("MAX_CONTENT_LENGTH", 64 * 1024 * 1024)
    app.config.setdefault("MAX_FORM_MEMORY_SIZE", 1024 * 1024)
    app.config.setdefault("MAX_FORM_PARTS", 400)
    app.after_request(add_headers)
    app.after_request(keep_visitor)
