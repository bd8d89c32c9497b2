"""Draws a site's elevations: registered shapes as markup, sensors as pins with their state."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for
from markupsafe import Markup, escape

from models.bars import is_rain
from models.registry import Drawing as DrawingRow
from models.registry import Pin as PinRow
from models.registry_file.shapes import SHAPES
from models.scene import Seen
from webapp.drawings import Drawing
from webapp.filters import t
from webapp.measures import measure

# Pins and their labels have a fixed size, so every drawing is shown on a sheet of one width.
SHEET_WIDTH = 1200
LETTER = 10.5
LABEL_HEIGHT = 22
PIN_RADIUS = 19
LABEL_GAP = 24
ORDER = {"critical": 0, "high": 1, "medium": 2, "low": 3, "unknown": 4, "normal": 5}


@dataclass
class Pin:
    """A pin as macros/drawing.html wants it."""

    x: float
    y: float
    code: str
    level: str
    value: str
    href: str
    left: bool = False


def drawing_of(row: DrawingRow) -> Drawing:
    """Return a registered drawing as the pages draw it.

    The registry file has let in only these shapes and attributes; they are escaped all the same.
    """
    scale = SHEET_WIDTH / row.width
    body = Markup("").join(_shape(name, values) for name, values in row.shapes if name in SHAPES)
    svg = Markup('<g transform="scale({})">{}</g>').format(f"{scale:.4f}", body)
    return Drawing(SHEET_WIDTH, round(row.height * scale), svg)


def _shape(name: str, values: Mapping[str, Any]) -> Markup:
    attributes = Markup("").join(
        Markup(' {}="{}"').format(escape(key), value)
        for key, value in values.items()
        if key in SHAPES[name]
    )
    return Markup("<{}{}/>").format(Markup(name), attributes)  # the name is one of SHAPES


def pins_on(
    drawing: Drawing,
    rows: Iterable[PinRow],
    seen: Mapping[Any, Seen],
    caught: Mapping[int, float] | None = None,
) -> list[Pin]:
    """Return the pins of the sensors on a drawing, labels placed so that none hides another."""
    found = [
        _pin(row, seen[row.sensor_id], caught)
        for row in rows
        if row.sensor_id in seen and seen[row.sensor_id].standing != "retired"
    ]
    found.sort(key=lambda pin: (ORDER[pin.level], pin.code))
    _place_labels(found, drawing)
    return sorted(found, key=lambda pin: -ORDER[pin.level])  # the worst is drawn last, on top


def _pin(row: PinRow, one: Seen, caught: Mapping[int, float] | None) -> Pin:
    sensor = one.sensor
    return Pin(
        row.x,
        row.y,
        sensor.code,
        one.level,
        value_words(one, caught),
        url_for("sensors.show", site=sensor.site.code, code=sensor.code),
    )


def value_words(one: Seen, caught: Mapping[int, float] | None = None) -> str:
    """Return the value in words; what is not heard has none.

    `caught`: what gauges caught in 24 hours; a counter's own total says nothing to anybody.
    """
    if one.standing in ("unknown", "never"):
        return t("fresh.silent")
    if one.standing == "stale":
        return t("fresh.stale")
    if is_rain(one.sensor.quantity):
        return t("scene.rain_day", mm=measure((caught or {}).get(one.sensor.key), "rain_total"))
    return measure(one.value, one.sensor.quantity)


Box = tuple[float, float, float, float]


def _place_labels(pins: Sequence[Pin], drawing: Drawing) -> None:
    """Put each label right or left of its pin, or leave it to the table where both are taken."""
    taken: list[Box] = [_dot(pin, drawing) for pin in pins]
    for pin in pins:
        own = _dot(pin, drawing)
        for left in (pin.x > 0.62, pin.x <= 0.62):
            box = _label(pin, drawing, left)
            inside = 0 <= box[0] and box[2] <= drawing.width
            if inside and not any(_overlap(box, other) for other in taken if other != own):
                pin.left = left
                taken.append(box)
                break
        else:
            pin.value = ""


def _dot(pin: Pin, drawing: Drawing) -> Box:
    x, y = pin.x * drawing.width, pin.y * drawing.height
    return (x - PIN_RADIUS, y - PIN_RADIUS, x + PIN_RADIUS, y + PIN_RADIUS)


def _label(pin: Pin, drawing: Drawing, left: bool) -> Box:
    text = f"{pin.code}  {pin.value}"
    wide = sum(LETTER if ord(letter) < 0x2E80 else 18 for letter in text)
    x, y = pin.x * drawing.width, pin.y * drawing.height
    start = x - LABEL_GAP - wide if left else x + LABEL_GAP
    return (start, y - LABEL_HEIGHT / 2, start + wide, y + LABEL_HEIGHT / 2)


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def crop_round(row: PinRow, share: float = 0.5) -> tuple[float, float, float, float]:
    """Return the part of a drawing round a pin, inside the sheet."""
    left = min(max(row.x - share / 2, 0), 1 - share)
    top = min(max(row.y - share / 2, 0), 1 - share)
    return (left, top, share, share)
