"""Who reads the page: language and theme, by link, by choice, by cookie, by the browser's wish."""

from dataclasses import replace

from flask import Blueprint, Response, current_app, g, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from models.words.render import LANGUAGES, Reader
from webapp.db import begin_write, commit
from webapp.policies import public
from webapp.security import cookie_options, safe_next

pages = Blueprint("reader", __name__)

LANGUAGE_COOKIE = "rw_language"
THEME_COOKIE = "rw_theme"
THEMES = ("light", "dark")
YEAR_S = 365 * 86_400


def current_reader() -> Reader:
    """Return the reader of this request."""
    if "reader" not in g:
        g.reader = Reader(_language(), current_app.config["TIMEZONE"])
    return g.reader


def read_in_zone(timezone: str) -> None:
    """Show the rest of this page in a site's own zone."""
    g.reader = replace(current_reader(), timezone=timezone)


def _language() -> str:
    """The link's wish, then the person's setting, then the cookie, then the browser; else zh."""
    user = g.get("user")
    wishes = (
        request.args.get("lang"),
        user.language if user else None,
        request.cookies.get(LANGUAGE_COOKIE),
        _browser_language(),
    )
    return next((wish for wish in wishes if wish in LANGUAGES), "zh")


def _browser_language() -> str | None:
    """Browsers say zh-CN, zh-Hans-CN, en-GB; only the language itself counts."""
    for tag, _quality in request.accept_languages:
        language = tag.lower().split("-")[0]
        if language in LANGUAGES:
            return language
    return None


def current_theme() -> str:
    """Return `light`, `dark`, or an empty text for the system's own."""
    theme = request.cookies.get(THEME_COOKIE, "")
    return theme if theme in THEMES else ""


@pages.post("/reader")
@public
def choose() -> AnyResponse:
    """Keep a choice of language or theme, and go back to where it was made."""
    language, theme = request.form.get("language"), request.form.get("theme")
    answer: Response = redirect(safe_next(request.form.get("next")), 303)  # type: ignore[assignment]
    if language in LANGUAGES:
        _remember_language(language)
        keep_language(answer, language)
    if theme in THEMES:
        # The theme switch of the page writes this cookie too, so scripts may read it.
        answer.set_cookie(THEME_COOKIE, theme, max_age=YEAR_S, **cookie_options(http_only=False))
    return answer


def keep_language(answer: Response, language: str) -> None:
    """Remember a language on this device."""
    answer.set_cookie(LANGUAGE_COOKIE, language, max_age=YEAR_S, **cookie_options())


def _remember_language(language: str) -> None:
    if g.get("user") and g.user.language != language:
        begin_write()
        g.user.language = language
        commit()
