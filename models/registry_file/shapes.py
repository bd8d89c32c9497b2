"""Reads the shapes of a drawing: a short list of SVG primitives, and nothing that could act."""

import re
from collections.abc import Mapping
from typing import Any

from models.reasons import Json
from models.registry_file.fields import Parser, fails, number, refuse, shown
from models.registry_file.where import Where

MOST_SHAPES = 5_000
LONGEST_PATH = 20_000

_PATH = re.compile(r"[MmLlHhVvCcSsQqTtAaZz0-9eE+\-., ]*")
_POINTS = re.compile(r"[0-9eE+\-., ]*")
# Colours come from the page's own style, by class, so that a drawing works in the dark too.
_CLASS = re.compile(r"[a-z][a-z0-9_\- ]{0,99}")
_COORDINATE = number(-1e6, 1e6)


def _matching(pattern: re.Pattern[str]) -> Parser:
    def parse(value: Json, at: Where) -> Any:
        if isinstance(value, str) and len(value) <= LONGEST_PATH and pattern.fullmatch(value):
            return value
        return refuse(at, "not_drawable", value=shown(value))

    return parse


_COMMON: dict[str, Parser] = {"class": _matching(_CLASS)}


def _attributes(*coordinates: str, **others: Parser) -> dict[str, Parser]:
    return {**_COMMON, **dict.fromkeys(coordinates, _COORDINATE), **others}


SHAPES: Mapping[str, Mapping[str, Parser]] = {
    "path": _attributes(d=_matching(_PATH)),
    "rect": _attributes("x", "y", "width", "height", "rx", "ry"),
    "line": _attributes("x1", "y1", "x2", "y2"),
    "circle": _attributes("cx", "cy", "r"),
    "ellipse": _attributes("cx", "cy", "rx", "ry"),
    "polyline": _attributes(points=_matching(_POINTS)),
    "polygon": _attributes(points=_matching(_POINTS)),
}


def shape(value: Json, at: Where) -> Any:
    """Read `["rect", {"x": 0, "y": 0, "width": 20, "height": 8, "class": "wall"}]`."""
    if not isinstance(value, list) or len(value) != 2 or not isinstance(value[1], Mapping):
        return refuse(at, "not_a_shape")
    name, attributes = value
    if not isinstance(name, str) or name not in SHAPES:
        return refuse(at, "unknown_shape", value=shown(name), allowed=list(SHAPES))
    read = {}
    for key, given in attributes.items():
        parser = SHAPES[name].get(key)
        if parser is None:
            return refuse(at, "unknown_attribute", key=shown(key), shape=name)
        read[key] = parser(given, at)
        if fails(read[key]):
            return read[key]
    return [name, read]
