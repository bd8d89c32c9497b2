"""Reads JSON as RFC 8259 has it, and says by name what a hostile or broken text did wrong."""

import json
from typing import Any

from ingest.formats.decoded import Unreadable
from models.reasons import Json

MOST_FIELDS = 2_000
"""No object of a sensor network comes near; 50,000 keys are an attack or a fault."""

_BOM = b"\xef\xbb\xbf"  # RFC 8259 §8.1 lets a reader skip it


def text_of(payload: bytes) -> str:
    """Return the payload as text. Raises Unreadable."""
    if not payload:
        raise Unreadable("empty-payload")
    # UTF-16 without a mark passes as UTF-8 with NULs in it, and json.loads(bytes) would guess.
    if b"\0" in payload:
        raise Unreadable("non-utf8")
    try:
        return payload.removeprefix(_BOM).decode()
    except UnicodeDecodeError:
        raise Unreadable("non-utf8") from None


def parse(payload: bytes | str) -> Json:
    """Return the document. Raises Unreadable.

    NaN, Infinity and 1e999 come out as such floats, so that only their field is refused;
    a key that is given twice refuses all, because nobody can say which one was meant.
    """
    text = payload if isinstance(payload, str) else text_of(payload)
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise Unreadable("malformed-json", position=error.pos) from None
    except RecursionError:
        raise Unreadable("too-deep") from None
    except ValueError:  # int() refuses more than 4,300 digits with a plain ValueError
        raise Unreadable("number-too-long") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MOST_FIELDS:
        raise Unreadable("too-many-fields", n=len(pairs))
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unreadable("duplicate-keys")
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_object)
