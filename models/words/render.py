"""Says a reason in a reader's language: the one place where a code becomes a sentence."""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_time
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from models.reasons import Json, Reason

LANGUAGES = ("zh", "en")
_LOCALES = {"zh": "zh_Hans_CN", "en": "en_GB"}
_HERE = Path(__file__).parent
NBSP = "\N{NO-BREAK SPACE}"

_PLAIN_BELOW = 1e15
# Decimals and unit by format name: frontend conventions, never finer than a sensor resolves.
_NUMBERS = {
    "mm": ("0.00", "mm"),
    "mm1": ("0.0", "mm"),
    "mm_day": ("0.00", {"zh": "mm/日", "en": "mm/day"}),
    "mm_h": ("0.0", "mm/h"),
    "deg": ("0.00", "°"),
    "pct": ("0.0", "%"),
    "degC": ("0.0", "°C"),
    "m": ("0.0", "m"),
    "volt": ("0.00", "V"),
    "int": ("#,##0", ""),
    "num1": ("#,##0.0", ""),
    "num2": ("#,##0.00", ""),
}


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads: the language, and the zone whose clock hangs on the wall there."""

    language: str = "zh"
    timezone: str = "Asia/Shanghai"

    @property
    def locale(self) -> str:
        """The Babel locale of this language."""
        return _LOCALES[self.language]


@cache
def catalogue(language: str) -> Mapping[str, tuple[str, ...]]:
    """Return code -> (template, …plural forms) of a language, read from its PO files."""
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted((_HERE / language).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=_LOCALES[language]):
                if not message.id:
                    continue
                code = message.id if isinstance(message.id, str) else message.id[0]
                forms = message.string
                found[code] = (forms,) if isinstance(forms, str) else tuple(forms or ())
    return found


def phrase(code: str, reader: Reader, /, **values: Json) -> str:
    """Return the text of `code` for `reader`. Raises KeyError on a code without words."""
    forms = catalogue(reader.language)[code]
    plural = len(forms) > 1 and values.get("n") != 1
    return _Formatter(reader).vformat(forms[1 if plural else 0], (), values)


def text(why: Reason, reader: Reader) -> str:
    """Return the sentence of a reason for a reader."""
    return phrase(why.code, reader, **why.values)


def name_of(name: Json, language: str) -> str:
    """Return a bilingual name in a language, or in the other where it has only one."""
    if not isinstance(name, Mapping):
        return "" if name is None else str(name)
    other = "en" if language == "zh" else "zh"
    return str(name.get(language) or name.get(other) or "")


def moment(value: datetime | str) -> datetime:
    """Return a UTC-aware datetime from a datetime or the ISO text that reasons carry."""
    if isinstance(value, datetime):
        return value
    return datetime.fromisoformat(value.replace("Z", "+00:00")).astimezone(UTC)


class _Formatter(string.Formatter):
    """`{name:mm}` and its like, in the reader's language and zone."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def format_field(self, value: Json, format_spec: str) -> str:
        """Return one value as a person of this language writes it."""
        if format_spec in ("time", "date", "clock"):
            return self._moment(value, format_spec)
        if value is None:
            return "—"
        if format_spec.startswith("word.") and not isinstance(value, list | tuple):
            return phrase(f"{format_spec[5:]}.{value}", self.reader) if value != "" else "—"
        if isinstance(value, Mapping) and "code" in value:
            return text(Reason.from_json(value), self.reader)
        if isinstance(value, Mapping):
            return name_of(value, self.reader.language)
        if isinstance(value, list | tuple):
            joiner = "、" if self.reader.language == "zh" else ", "
            return joiner.join(self.format_field(one, format_spec) for one in value)
        if format_spec == "subject":
            return _subject(str(value), self.reader)
        if format_spec:
            return number(value, format_spec, self.reader)
        return str(value)

    def _moment(self, value: Json, kind: str) -> str:
        if value is None:
            return "—"
        zone = ZoneInfo(self.reader.timezone)
        local = moment(value).astimezone(zone)
        locale = self.reader.locale
        if kind == "clock":
            return format_time(local, "HH:mm", locale=locale)
        pattern = "y年M月d日" if self.reader.language == "zh" else "d MMM y"
        if kind == "date":
            return format_date(local, pattern, locale=locale)
        return format_datetime(local, pattern + " HH:mm", locale=locale)


def _subject(subject: str, reader: Reader) -> str:
    """Say what an alert is about: `sensor:tianning/C-07` is sensor C-07 of its site."""
    kind, _, place = subject.partition(":")
    code = f"subject.{kind}"
    if code not in catalogue(reader.language):
        return subject
    return phrase(code, reader, code=place.rpartition("/")[2])


def number(value: float, kind: str, reader: Reader) -> str:
    """Return a number with its unit; `signed_…` shows the sign of a change."""
    signed = kind.startswith("signed_")
    pattern, unit = _NUMBERS[kind.removeprefix("signed_")]
    if signed:
        pattern = f"+{pattern};−{pattern}"
    # Babel can't write what has more digits than a Decimal; no wild reading may cost a page.
    plain = abs(value) < _PLAIN_BELOW
    shown = format_decimal(value, pattern, locale="en") if plain else f"{value:.3g}"
    shown = shown.replace("-", "−")
    unit_text = name_of(unit, reader.language)
    return f"{shown}{'' if unit_text in ('', '°') else NBSP}{unit_text}"
