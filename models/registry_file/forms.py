"""What a registry file may say, key by key."""

from collections.abc import Mapping
from typing import Any

from models.reasons import Json
from models.registry import PROTECTION_LEVELS
from models.registry_file.fields import (
    bilingual,
    code,
    day_or_moment,
    entries,
    flag,
    form,
    list_of,
    number,
    or_null,
    plain_form,
    printable,
    reference,
    refuse,
    text,
    text_or_bilingual,
    timezone,
    whole,
    word,
)
from models.registry_file.shapes import MOST_SHAPES, shape
from models.registry_file.where import Entry, Where
from models.units import QUANTITIES

LONGEST_INTERVAL_S = 31 * 86_400
# domain.md §2.1: the sides, and the slope of a roof towards one (NS: north slope).
_SIDES = ("N", "E", "S", "W", "NE", "SE", "SW", "NW", "C")
ORIENTATIONS = ("", *_SIDES, *(f"{side}S" for side in ("N", "E", "S", "W")))
_phone = text(40, shortest=0)
_who = {"name": text_or_bilingual, "title": text_or_bilingual, "phone": _phone}
_fraction = number(0, 1)


def _rule(value: Json, at: Where) -> Any:
    """Take a rule as it stands: `models.rules` reads it."""
    if not isinstance(value, Mapping):
        return refuse(at, "not_an_object")
    if not printable(value):
        return refuse(at, "unprintable")
    return Entry(at, dict(value))


_LICENCE = form(
    {
        "grade": text(40, shortest=0),
        "scope": text(200, shortest=0),
        "number": text(80, shortest=0),
        "until": or_null(day_or_moment),
    }
)
_ORGANISATION = form(
    {
        "code": code,
        "kind": word("authority", "contractor"),
        "name": bilingual,
        "parent": or_null(code),
        "phone": _phone,
        "licence": _LICENCE,
    },
    required=("code",),
)
_SENSOR = form(
    {
        "code": code,
        "name": or_null(bilingual),
        "quantity": word(*QUANTITIES),
        "unit": text(40),
        "element": or_null(reference),
        "interval_s": whole(1, LONGEST_INTERVAL_S),
        "serves": list_of(code, 100),
        # A sensor without a source is read by hand.
        "source": or_null(
            plain_form(
                {"device": text(256), "channel": text(256, shortest=0)}, ("device", "channel")
            )
        ),
        "compensate_with": or_null(code),
        "offset": number(-1e9, 1e9),
        "scale": number(-1e9, 1e9),
        "retired": flag,
    },
    required=("code",),
)
_PIN = form(
    {"sensor": code, "element": reference, "x": _fraction, "y": _fraction}, required=("x", "y")
)
_DRAWING = form(
    {
        "code": code,
        "kind": word("elevation", "plan"),
        "orientation": word(*ORIENTATIONS),
        "name": bilingual,
        "width": number(1, 100_000),
        "height": number(1, 100_000),
        "shapes": list_of(shape, MOST_SHAPES),
        "pins": entries(_PIN),
    },
    required=("code",),
)
_ELEMENT = form(
    {
        "code": code,
        "type": text(40, shortest=0),
        "name": bilingual,
        "orientation": word(*ORIENTATIONS),
        "height_m": or_null(number(0, 1_000)),
        "retired": flag,
    },
    required=("code",),
)
_BUILDING = form(
    {
        "code": code,
        "name": bilingual,
        "elements": entries(_ELEMENT),
        "sensors": entries(_SENSOR),
        "drawings": entries(_DRAWING),
        "retired": flag,
    },
    required=("code",),
)
_ZONE = form(
    {
        "code": code,
        "name": bilingual,
        "buildings": list_of(code),
        "elements": list_of(reference),
        "parents": list_of(code),
        "also_affects": list_of(code),
        "retired": flag,
    },
    required=("code",),
)
_SITE = form(
    {
        "code": code,
        "name": bilingual,
        "organisation": or_null(code),
        "protection_level": word(*PROTECTION_LEVELS),
        "timezone": timezone,
        "location": or_null(
            plain_form({"lat": number(-90, 90), "lon": number(-180, 180)}, ("lat", "lon"))
        ),
        "address": or_null(bilingual),
        "phone": _phone,
        "responsible": or_null(plain_form(_who, ("name",))),
        "superiors": or_null(
            list_of(
                plain_form(
                    {"name": bilingual, "phone": _phone, "channel": text(80, shortest=0)},
                    ("name",),
                ),
                20,
            )
        ),
        "sensors": entries(_SENSOR),
        "buildings": entries(_BUILDING),
        "zones": entries(_ZONE),
        "drawings": entries(_DRAWING),
        "retired": flag,
    },
    required=("code",),
)
DOCUMENT = form(
    {"organisations": entries(_ORGANISATION), "sites": entries(_SITE), "rules": entries(_rule)}
)
