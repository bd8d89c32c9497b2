"""Puts the web application together; `create_app` is what gunicorn and the tests call."""

import gc
import gzip
import importlib
import pkgutil
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, abort, current_app, g, request
from sqlalchemy.orm import configure_mappers
from werkzeug.middleware.proxy_fix import ProxyFix

from models.clock import machine_now
from models.settings import Settings
from models.store import Store
from webapp.assets import load_assets
from webapp.db import clock_row, connect, site_now
from webapp.disk import full_disk
from webapp.errors import add_error_pages
from webapp.filters import add_filters
from webapp.forms import add_form_helpers
from webapp.live import is_live_fetch, live_version
from webapp.navigation import nav_places
from webapp.policies import check_every_route, enforce
from webapp.reader import current_reader, current_theme
from webapp.security import check_origin, check_token, csrf_token, protect
from webapp.sessions import identify, keep_session
from webapp.typed import NUL, BrowserRequest

TIMEZONE = "Asia/Shanghai"  # until a page shows a site, whose own zone then holds
ZIP_FROM_BYTES = 1024
ZIPPED = ("text/html", "application/json", "application/problem+json", "text/csv")
MAY_CONTROL_CLOCK = ("admin", "manager", "duty")
# Folders of views; a module with a blueprint called `pages` is a part of the application.
FOLDERS = ("webapp", "webapp.api")


def create_app(settings: Settings, store: Store | None = None) -> Flask:
    """Return the application, with every page's blueprint; refuses a route without a policy."""
    app = Flask("webapp", static_folder=None)
    app.request_class = BrowserRequest
    app.config.update(
        SECRET_KEY=settings.secret_key,
        PUBLIC_URL=settings.public_url,
        DATA_DIR=settings.data_dir,
        TIMEZONE=TIMEZONE,
    )
    app.extensions["settings"] = settings
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    connect(app, store or Store(settings.database_url, settings.data_dir))
    app.after_request(_zip)  # first here is last to see the answer
    protect(app)
    app.after_request(keep_session)
    _prepare_templates(app)
    add_error_pages(app)
    app.before_request(_begin)
    for blueprint in blueprints():
        app.register_blueprint(blueprint)
    check_every_route(app)
    if settings.trusted_proxies:
        # Only the address: links are made of PUBLIC_URL, whatever a header says of the host.
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
            app.wsgi_app, x_for=settings.trusted_proxies, x_proto=0, x_host=0
        )
    return app


def settle() -> None:
    """Keep the collector from what was made by now; for a process that does nothing but serve.

    It stays as long as the process, and walking through it takes a tenth of a second, every few
    pages of thousands of readings.
    """
    configure_mappers()
    gc.collect()
    gc.freeze()


def blueprints() -> Iterator[Blueprint]:
    """Find every `pages` in the folders of views, in order of name."""
    for folder in FOLDERS:
        where = Path(__file__).resolve().parent.joinpath(*folder.split(".")[1:])
        for found in sorted(pkgutil.iter_modules([str(where)]), key=lambda one: one.name):
            if not found.ispkg and not found.name.startswith("_"):
                module = importlib.import_module(f"{folder}.{found.name}")
                if isinstance(getattr(module, "pages", None), Blueprint):
                    yield module.pages


def _begin() -> None:
    """Find out who asks, and stop what may not go on, before any view."""
    g.request_id = secrets.token_hex(6)
    if NUL in request.path and not request.path.startswith("/api/"):  # there, a problem tells it
        abort(404)
    identify()
    check_origin()
    enforce()  # before the token: an ended session is told as such, and keeps what was typed
    check_token()


def _zip(answer: Response) -> Response:
    """Compress pages: a phone on a scaffold has a bad signal. Form tokens are masked for this."""
    if (
        answer.mimetype not in ZIPPED
        or answer.direct_passthrough
        or answer.is_streamed
        or "Content-Encoding" in answer.headers
        or "gzip" not in request.accept_encodings
    ):
        return answer
    body = answer.get_data()
    if len(body) >= ZIP_FROM_BYTES:
        answer.set_data(gzip.compress(body, 4, mtime=0))
        answer.headers["Content-Encoding"] = "gzip"
        answer.headers.add("Vary", "Accept-Encoding")
    return answer


@dataclass(frozen=True)
class ShownTime:
    """What the clock bar shows."""

    is_real: bool
    now: datetime
    speed: float
    paused: bool
    shown_speed: float  # at which a script may move the hands on; 0 while it stands or is led

    @property
    def speed_text(self) -> str:
        """×60, without a needless fraction."""
        return f"{self.speed:g}"


def site_time() -> ShownTime:
    """Return the site's time for the page."""
    row = clock_row()
    if row is None or row.mode == "real":
        return ShownTime(True, machine_now(), 1.0, False, 1.0)
    shown = row.speed if row.mode == "running" and not row.paused else 0.0
    return ShownTime(False, site_now(), row.speed, row.paused, shown)


def _may_control_clock() -> bool:
    return g.get("actor") is not None and g.actor.has_role(*MAY_CONTROL_CLOCK)


def _here() -> str:
    """Return this page's address, to come back to; of a form that was refused its own page's."""
    if request.method == "GET":
        return request.full_path.rstrip("?")
    came = urlsplit(request.referrer or "")
    if came.netloc == request.host and _opens(came.path):
        return f"{came.path}?{came.query}" if came.query else came.path
    path = request.path
    while not _opens(path):  # /channels/claim is only sent to; /channels/ can be opened
        above = path[: path.rstrip("/").rfind("/") + 1]
        path = above if _opens(above) else above.rstrip("/")
    return path or "/"


def _opens(path: str) -> bool:
    """Whether there is a page at a path."""
    adapter = current_app.create_url_adapter(request)
    return path in ("", "/") or (adapter is not None and adapter.test(path, "GET"))


def _prepare_templates(app: Flask) -> None:
    load_assets(app)
    add_filters(app)
    add_form_helpers(app)
    app.jinja_env.globals.update(
        csrf_token=csrf_token,
        nav_places=nav_places,
        live_version=live_version,
        site_time=site_time,
        full_disk=full_disk,
        may_control_clock=_may_control_clock,
        here=_here,
    )
    app.context_processor(_context)


def _context() -> dict[str, object]:
    return {
        "reader": current_reader(),
        "theme": current_theme(),
        "me": g.get("user"),
        "actor": g.get("actor"),
        "live_fetch": is_live_fetch(),
    }
