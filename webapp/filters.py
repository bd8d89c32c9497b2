"""How pages write words, times and numbers: the one place where local time exists."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_timedelta
from flask import Flask, current_app, url_for
from werkzeug.routing import BuildError

from models.reasons import Reason
from models.times import from_ms, iso
from models.units import sign
from models.words.render import name_of, number, phrase, text
from webapp.db import site_now
from webapp.reader import current_reader

NBSP = "\N{NO-BREAK SPACE}"
JUST_NOW = timedelta(seconds=10)


@dataclass(frozen=True)
class Shown:
    """How a severity is told besides its word and colour."""

    numeral: str
    bars: int
    rank: int


SEVERITIES = {
    "critical": Shown("Ⅰ", 4, 4),
    "high": Shown("Ⅱ", 3, 3),
    "medium": Shown("Ⅲ", 2, 2),
    "low": Shown("Ⅳ", 1, 1),
}


def t(code: str, /, **values: Any) -> str:
    """Return the words of a code in the reader's language."""
    try:
        return phrase(code, current_reader(), **values)
    except KeyError:
        # On a duty desk a missing word must not take the page away; tests want to hear of it.
        if current_app.testing:
            raise
        current_app.logger.exception("words.missing code=%s", code)
        return code


def sentence(why: Reason | dict[str, Any] | None) -> str:
    """Return a reason, or one as rows keep it, as a sentence."""
    if why is None:
        return ""
    kept = why if isinstance(why, Reason) else Reason.from_json(why)
    return text(kept, current_reader())


def name(value: Any) -> str:
    """Return a bilingual name in the reader's language."""
    return name_of(value, current_reader().language)


def local(moment: datetime | int) -> datetime:
    """Return a moment (or milliseconds) on the wall clock of the site."""
    if isinstance(moment, int):
        moment = from_ms(moment)
    return moment.astimezone(ZoneInfo(current_reader().timezone))


def clock(moment: datetime | int) -> str:
    """09:36."""
    return f"{local(moment):%H:%M}"


def day(moment: datetime | int, with_year: bool = True) -> str:
    """2022年3月21日, 21 Mar 2022."""
    zh = current_reader().language == "zh"
    pattern = ("y年M月d日" if zh else "d MMM y") if with_year else ("M月d日" if zh else "d MMM")
    return format_date(local(moment), pattern, locale=current_reader().locale)


def short_moment(moment: datetime | int) -> str:
    """Today the clock; this year day and clock; else everything."""
    then, now = local(moment), local(site_now())
    if then.date() == now.date():
        return clock(moment)
    return f"{day(moment, with_year=then.year != now.year)} {clock(moment)}".replace(" ", NBSP)


def full_moment(moment: datetime | int) -> str:
    """2022年3月21日 09:36."""
    return f"{day(moment)} {clock(moment)}"


def ago(moment: datetime | int) -> str:
    """6分钟前, in 2 hours; seen from the site's now."""
    then = from_ms(moment) if isinstance(moment, int) else moment
    length = then - site_now()
    if abs(length) < JUST_NOW:
        return t("shell.just_now")
    return format_timedelta(
        length, add_direction=True, locale=current_reader().locale, threshold=1.2
    )


def span(length: timedelta) -> str:
    """2小时, 2 hours: a length of time, not a moment."""
    return format_timedelta(length, locale=current_reader().locale, threshold=1.2)


def left(deadline: datetime) -> str:
    """08:42 left, or how late."""
    seconds = int((deadline - site_now()).total_seconds())
    hours, rest = divmod(abs(seconds), 3600)
    minutes, seconds_left = divmod(rest, 60)
    clock_face = (
        f"{hours}:{minutes:02d}:{seconds_left:02d}"
        if hours
        else (f"{minutes:02d}:{seconds_left:02d}")
    )
    return clock_face if seconds >= 0 else f"−{clock_face}"


def with_unit(value: float | None, kind: str) -> str:
    """3.71 mm; — where there is none."""
    return "—" if value is None else number(value, kind, current_reader())


@dataclass(frozen=True)
class Sparkline:
    """A small line as SVG wants it, in a box of 96 by 30."""

    path: str
    threshold: float | None
    last: tuple[float, float] | None


def sparkline(values: Sequence[float | None], threshold: float | None = None) -> Sparkline:
    """Return the line of values, oldest first; a None is a gap and is not bridged."""
    known = [value for value in values if value is not None]
    if not known:
        return Sparkline("", None, None)
    bounds = known if threshold is None else [*known, threshold]
    low, high = min(bounds), max(bounds)
    scale = 26 / (high - low) if high > low else 0.0
    step = 96 / max(len(values) - 1, 1)
    points = [
        None if value is None else (round(i * step, 1), round(28 - (value - low) * scale, 1))
        for i, value in enumerate(values)
    ]
    if high == low:
        points = [point and (point[0], 15.0) for point in points]
    path, pen_down = [], False
    for point in points:
        if point is not None:
            path.append(f"{'L' if pen_down else 'M'}{point[0]} {point[1]}")
        pen_down = point is not None
    limit = None if threshold is None or high == low else round(28 - (threshold - low) * scale, 1)
    return Sparkline("".join(path), limit, points[-1])


def url_for_or(endpoint: str, default: str, **values: Any) -> str:
    """Return the address of a page, or `default` where this installation has no such page."""
    try:
        return url_for(endpoint, **values)
    except BuildError:
        return default


def add_filters(app: Flask) -> None:
    """Give templates their words, times and numbers."""
    app.jinja_env.filters.update(
        iso=lambda moment: iso(moment),
        name=name,
        sentence=sentence,
        clock=clock,
        day=day,
        short_moment=short_moment,
        full_moment=full_moment,
        ago=ago,
        span=span,
        left=left,
        number=with_unit,
        sign=sign,
    )
    app.jinja_env.globals.update(
        t=t,
        SEVERITIES=SEVERITIES,
        sparkline=sparkline,
        url_for_or=url_for_or,
        fresh_key=lambda: secrets.token_urlsafe(16),
    )
