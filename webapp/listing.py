"""Lists in pages: filters from the address, and the next page by the last row's key."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from flask import request, url_for

from models.inputs import whole_number
from models.times import instant_of

PER_PAGE = 50


def wanted(name: str, allowed: Collection[str], default: str = "") -> str:
    """Return a filter of the address; what isn't allowed counts as not given."""
    value = request.args.get(name, default)
    return value if value in allowed else default


def cursor() -> tuple[datetime, str] | None:
    """Return where the page begins: `2022-03-21T08:00:00Z~key`, or None at the top."""
    at, _, key = request.args.get("before", "").partition("~")
    moment = instant_of(at)
    return None if moment is None else (moment, key)


def numbered() -> int | None:
    """Return the number before which the page begins."""
    return whole_number(request.args.get("before", ""))


def next_page(rows: Sequence[Any], key: Any, most: int = PER_PAGE) -> tuple[Sequence[Any], str]:
    """Return the rows of this page and the address of the next; one row more was asked for."""
    if len(rows) <= most:
        return rows, ""
    shown = rows[:most]
    filters = {name: value for name, value in request.args.items() if name != "before" and value}
    here = {**(request.view_args or {}), **filters, "before": key(shown[-1])}
    return shown, url_for(request.endpoint or "", **here)
