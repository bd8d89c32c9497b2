"""Reads single values of a registry file: each checks one value and says what is wrong with it."""

import math
import re
import zoneinfo
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from typing import Any

from models.reasons import Json
from models.registry_file.where import Entry, Where

Parser = Callable[[Json, Where], Any]

# Letters and digits of any script; codes stand in topics, subjects and addresses.
_CODE = re.compile(r"[^\W_][\w.\-]{0,63}")
# A surrogate alone can't be stored as UTF-8, nor NUL in PostgreSQL; the others break lines.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_FAULTY = object()


def fails(value: Any) -> bool:
    """Whether a parser has refused the value."""
    return value is _FAULTY


def refuse(at: Where, what: str, /, **values: Json) -> Any:
    """Note a fault and return what `fails` recognises."""
    at.fault(what, **values)
    return _FAULTY


def text(longest: int = 200, *, shortest: int = 1) -> Parser:
    """Return a parser of text of so many characters, without blanks at its ends."""

    def parse(value: Json, at: Where) -> Any:
        if not isinstance(value, str):
            return refuse(at, "not_text")
        if _UNPRINTABLE.search(value):
            return refuse(at, "unprintable")
        stripped = value.strip()
        if not shortest <= len(stripped) <= longest:
            return refuse(at, "length", shortest=shortest, longest=longest)
        return stripped

    return parse


def printable(value: Json) -> bool:
    """Whether every text within a value can be stored and shown."""
    if isinstance(value, str):
        return not _UNPRINTABLE.search(value)
    if isinstance(value, Mapping):
        return all(printable(key) and printable(item) for key, item in value.items())
    return not isinstance(value, list) or all(printable(item) for item in value)


def code(value: Json, at: Where) -> Any:
    """Read a code."""
    if isinstance(value, str) and _CODE.fullmatch(value):
        return value
    return refuse(at, "not_a_code")


def reference(value: Json, at: Where) -> Any:
    """Read one code, or several joined by `/`."""
    if isinstance(value, str) and all(_CODE.fullmatch(part) for part in value.split("/")):
        return value
    return refuse(at, "not_a_code")


def number(low: float, high: float) -> Parser:
    """Return a parser of a finite number within bounds."""

    def parse(value: Json, at: Where) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return refuse(at, "not_a_number")
        # Compared before it is converted: an integer may be too large to be a float.
        if not low <= value <= high or not math.isfinite(value):
            return refuse(at, "out_of_range", low=low, high=high)
        return float(value)

    return parse


def whole(low: int, high: int) -> Parser:
    """Return a parser of a whole number within bounds."""
    within = number(low, high)

    def parse(value: Json, at: Where) -> Any:
        read = within(value, at)
        if not fails(read) and read != int(read):
            return refuse(at, "not_whole")
        return read if fails(read) else int(read)

    return parse


def flag(value: Json, at: Where) -> Any:
    """Read true or false."""
    return value if isinstance(value, bool) else refuse(at, "not_a_flag")


def word(*allowed: str) -> Parser:
    """Return a parser of one of a few words."""

    def parse(value: Json, at: Where) -> Any:
        if isinstance(value, str) and value in allowed:
            return value
        return refuse(at, "not_a_word", value=shown(value), allowed=[w for w in allowed if w])

    return parse


def bilingual(value: Json, at: Where) -> Any:
    """Read a name: `{"zh": …, "en": …}`, one of them, or plain text that serves for both."""
    if isinstance(value, str):
        plain = text()(value, at)
        return plain if fails(plain) else {"zh": plain, "en": plain}
    if not isinstance(value, Mapping):
        return refuse(at, "not_a_name")
    languages = {}
    for language, name in value.items():
        if language not in ("zh", "en"):
            return refuse(at.key(shown(language)), "unknown_key", key=shown(language))
        languages[language] = text()(name, at.key(language))
        if fails(languages[language]):
            return _FAULTY
    if not languages:
        return refuse(at, "not_a_name")
    first = next(iter(languages.values()))
    return {"zh": languages.get("zh", first), "en": languages.get("en", first)}


def text_or_bilingual(value: Json, at: Where) -> Any:
    """Read a person's name or office, which may need no second language."""
    return text()(value, at) if isinstance(value, str) else bilingual(value, at)


def _is_zone(name: str) -> bool:
    # Not by `available_timezones`, which opens every file of the machine's: half a second.
    if name.startswith(("posix/", "right/", "posixrules")):
        return False
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return False
    return True


def timezone(value: Json, at: Where) -> Any:
    """Read the name of a time zone."""
    if isinstance(value, str) and _is_zone(value):
        return value
    known = zoneinfo.available_timezones() if isinstance(value, str) else ()
    close = get_close_matches(str(value), known, n=1)
    if close:
        return refuse(at, "timezone_misspelt", value=shown(value), meant=close[0])
    return refuse(at, "not_a_timezone", value=shown(value))


def day_or_moment(value: Json, at: Where) -> Any:
    """Read a day, which lasts to its end, or a moment with its zone."""
    try:
        if isinstance(value, str) and len(value) == 10:
            midnight = datetime.combine(date.fromisoformat(value), datetime.min.time(), UTC)
            return midnight + timedelta(days=1)
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        if moment is not None and moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # said below, in our own words
    return refuse(at, "not_a_day", value=shown(value))


def or_null(parser: Parser) -> Parser:
    """Return a parser that also takes null, which empties the field."""

    def parse(value: Json, at: Where) -> Any:
        return None if value is None else parser(value, at)

    return parse


def list_of(parser: Parser, longest: int = 10_000) -> Parser:
    """Return a parser of a list; one faulty item makes the whole list faulty."""

    def parse(value: Json, at: Where) -> Any:
        if not isinstance(value, list):
            return refuse(at, "not_a_list")
        if len(value) > longest:
            return refuse(at, "too_many", most=longest)
        read = [parser(item, at.item(index)) for index, item in enumerate(value)]
        return _FAULTY if any(fails(item) for item in read) else read

    return parse


def entries(parser: Parser) -> Parser:
    """Return a parser of a list of objects; the good ones stay when others are faulty."""

    def parse(value: Json, at: Where) -> Any:
        if not isinstance(value, list):
            return refuse(at, "not_a_list")
        read = [parser(item, at.item(index)) for index, item in enumerate(value)]
        return [item for item in read if not fails(item)]

    return parse


def form(keys: Mapping[str, Parser], required: tuple[str, ...] = ()) -> Parser:
    """Return a parser of an object with these keys and no others: a typo must not pass."""

    def parse(value: Json, at: Where) -> Any:
        if not isinstance(value, Mapping):
            return refuse(at, "not_an_object")
        read = {}
        for key, given in value.items():
            read[key] = keys[key](given, at.key(key)) if key in keys else _unknown(key, keys, at)
        for key in required:
            if key not in value:
                at.key(key).fault("required", key=key)
        good = {key: given for key, given in read.items() if not fails(given)}
        return Entry(at, good, frozenset(read) - frozenset(good))

    return parse


def plain_form(keys: Mapping[str, Parser], required: tuple[str, ...] = ()) -> Parser:
    """Return a parser of a small object that is kept as it is, without its nulls."""
    whole_form = form(keys, required)

    def parse(value: Json, at: Where) -> Any:
        before = len(at.faults)
        entry = whole_form(value, at)
        if len(at.faults) > before:
            return _FAULTY
        return {key: given for key, given in entry.given.items() if given is not None}

    return parse


def _unknown(key: str, keys: Mapping[str, Parser], at: Where) -> Any:
    close = get_close_matches(key, keys, n=1, cutoff=0.7)
    place = at.key(shown(key))
    if close:
        return refuse(place, "misspelt_key", key=shown(key), meant=close[0])
    return refuse(place, "unknown_key", key=shown(key))


def shown(value: Json) -> str:
    """Return what was given, short and printable, for a sentence about it."""
    plain = value if isinstance(value, str) else repr(value)
    plain = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", plain)
    return plain if len(plain) <= 60 else plain[:57] + "…"
