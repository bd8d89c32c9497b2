"""Turns what stands in a field into a number, or says why it is none: never by guessing."""

import math
import re

from ingest.formats.decoded import Unusable
from models.reasons import Json

_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?)\s*(\D{0,12})", re.ASCII)
_COMMA = re.compile(r"[+-]?\d+(?:,\d+)+(?:\.\d+)?\D{0,12}", re.ASCII)

NOTHING = frozenset(
    "|-|--|---|n/a|na|none|null|nosensor|no sensor|unavailable|unknown|error|err|fault|offline"
    "|overrange|underrange".split("|")
)
"""What devices write where a value should be, when they have none."""

RAW_LENGTH = 120
_LARGEST = 1e300


def number(raw: Json) -> tuple[float, str]:
    """Return the number in `raw` and the unit that a text carries behind it. Raises Unusable.

    `"24.1"` and `"22 ℃"` are numbers; `"0,412"`, `"0x1F4"`, `true` and `"wide"` are not.
    """
    if type(raw) is float and -_LARGEST < raw < _LARGEST:  # by far the most usual
        return raw, ""
    if isinstance(raw, str):
        return _in_text(raw.strip())
    if raw is None:
        raise Unusable("null-value")
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise Unusable("wrong-type")
    return _finite(raw), ""


def _in_text(text: str) -> tuple[float, str]:
    match = _NUMBER.fullmatch(text)
    if match:
        return _finite(match[1]), match[2].strip()
    lowered = text.lower()
    if lowered in ("nan", "-nan", "+nan"):
        raise Unusable("nan-value")
    if lowered.lstrip("+-") in ("inf", "infinity"):
        raise Unusable("infinite-value")
    if lowered in NOTHING:
        raise Unusable("sentinel")
    raise Unusable("decimal-comma" if _COMMA.fullmatch(text) else "wrong-type")


def _finite(raw: int | float | str) -> float:
    try:
        value = float(raw)
    except OverflowError:
        raise Unusable("infinite-value") from None
    if math.isnan(value):
        raise Unusable("nan-value")
    if math.isinf(value):
        raise Unusable("infinite-value")
    return value


def as_sent(raw: Json) -> Json:
    """Return what to keep of a raw value: a number, or a short text that any store takes."""
    if type(raw) is float and -_LARGEST < raw < _LARGEST:
        return raw
    if raw is None or isinstance(raw, bool):
        return raw
    if isinstance(raw, int):
        if -(2**53) <= raw <= 2**53:
            return raw
        # Python spells out no more than 4,300 digits, and nobody would read them.
        return str(raw)[:RAW_LENGTH] if raw.bit_length() < 4_096 else f"{raw.bit_length()} bits"
    if isinstance(raw, float):
        return raw if math.isfinite(raw) else str(raw)
    text = raw if isinstance(raw, str) else type(raw).__name__
    return "".join(c for c in text[:RAW_LENGTH] if c.isprintable())


def plain_id(text: Json) -> str:
    """Return a device or channel name as text, or raise Unusable.

    Letters of all scripts and the punctuation of real ids pass; quotes, brackets, wildcards,
    separators of other languages and `..` do not, nor what a spreadsheet would reckon: no real
    device is called so.
    """
    if isinstance(text, int) and not isinstance(text, bool) and 0 <= text < 2**64:
        return str(text)
    if not isinstance(text, str) or not text.strip() or len(text) > 200:
        raise Unusable("bad-device-id")
    if not text.isprintable() or _FORBIDDEN.search(text):
        raise Unusable("bad-device-id")
    return text


_FORBIDDEN = re.compile(r"[<>\"`;{}|\\^$#+*?]|\.\.|%2[fFeE]|^[=@]")
