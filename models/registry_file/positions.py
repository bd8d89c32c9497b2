"""Reads JSON so strictly that nothing is lost in silence, and knows the line of every value."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from models.errors import BadInput, Fault
from models.reasons import Json, reason
from models.registry_file.fields import shown
from models.registry_file.where import FileFault

LARGEST_BYTES = 32 * 1024 * 1024
DEEPEST = 64
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+|\n')


def parse(text: str | bytes) -> Json:
    """Return the document of a JSON text. Raises BadInput that names line and column."""
    if len(text) > LARGEST_BYTES:
        raise _unreadable("too_large", None, mib=LARGEST_BYTES // 1024 // 1024)
    try:
        plain = text.decode("utf-8-sig") if isinstance(text, bytes) else text.removeprefix("\ufeff")
        document = json.loads(plain, parse_constant=_no_constant)
    except UnicodeDecodeError as broken:
        line = bytes(broken.object[: broken.start]).count(b"\n") + 1
        raise _unreadable("not_utf8", line, line=line) from None
    except json.JSONDecodeError as broken:
        values = {"line": broken.lineno, "column": broken.colno, "problem": broken.msg}
        raise _unreadable("not_json", broken.lineno, **values) from None
    except (RecursionError, ValueError) as broken:  # too deep; NaN; a number of 5,000 digits
        raise _unreadable("not_a_document", None, problem=shown(str(broken))) from None
    faults = _Walk(plain).faults
    if faults:
        raise BadInput(faults)
    return document


def with_lines(faults: Sequence[Fault], text: str | bytes) -> list[FileFault]:
    """Return the same faults, each with the line of the value or of what should hold it."""
    if not faults:
        return []
    lines = _Walk(text.decode("utf-8-sig") if isinstance(text, bytes) else text).lines
    return [FileFault(each.where, each.reason, _line(each.where, lines)) for each in faults]


def in_file(faults: Sequence[FileFault | Fault], name: str) -> list[Fault]:
    """Return the same faults as a compiler places them: `sites.json:12: sites[0].timezone`."""
    placed = []
    for each in faults:
        line = getattr(each, "line", None)
        parts = [name if line is None else f"{name}:{line}", each.where]
        placed.append(Fault(": ".join(part for part in parts if part), each.reason))
    return placed


def _line(path: str, lines: Mapping[str, int]) -> int | None:
    while path and path not in lines:
        path = re.sub(r"(\.?[^.\[\]]+|\[\d+\])$|.$", "", path)
    return lines.get(path, 1)


class _Walk:
    """Walks a valid JSON text: the line of each key and item, and what is wrong but valid."""

    def __init__(self, text: str) -> None:
        self.lines: dict[str, int] = {"": 1}
        self.faults: list[FileFault] = []
        self._open: list[_Open] = []
        self._line, self._key = 1, ""
        for token in _TOKEN.findall(text):
            self._take(token)

    def _take(self, token: str) -> None:
        inside = self._open[-1] if self._open else None
        if token == "\n":
            self._line += 1
        elif token in ("]", "}"):
            self._open.pop()
        elif inside and token == ",":
            inside.index += 1
            inside.awaits_key = inside.is_object
        elif inside and token == ":":
            inside.awaits_key = False
            self._begin_value(inside.path_of(self._key))
        elif inside and inside.awaits_key:
            self._key = json.loads(token)
            self._notice_repeat(inside)
        else:
            self._value(token, inside)

    def _value(self, token: str, inside: "_Open | None") -> None:
        path = inside.path_of(self._key) if inside else ""
        if inside and not inside.is_object:
            self._begin_value(path)
        if token in ("{", "["):
            self._open.append(_Open(path, token == "{"))
            if len(self._open) == DEEPEST + 1:
                why = reason("registry.too_deep", most=DEEPEST)
                self.faults.append(FileFault(path, why, self._line))

    def _begin_value(self, path: str) -> None:
        self.lines.setdefault(path, self._line)

    def _notice_repeat(self, inside: "_Open") -> None:
        if self._key in inside.keys:
            why = reason("registry.given_twice", key=shown(self._key))
            self.faults.append(FileFault(inside.path_of(shown(self._key)), why, self._line))
        inside.keys.add(self._key)


class _Open:
    """An object or list that is being read."""

    __slots__ = ("path", "is_object", "awaits_key", "index", "keys")

    def __init__(self, path: str, is_object: bool) -> None:
        self.path, self.is_object = path, is_object
        self.awaits_key, self.index = is_object, 0
        self.keys: set[str] = set()

    def path_of(self, key: str) -> str:
        """Return the path of its present key or item."""
        if not self.is_object:
            return f"{self.path}[{self.index}]"
        return f"{self.path}.{key}" if self.path else key


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _unreadable(what: str, at_line: int | None, /, **values: Json) -> BadInput:
    return BadInput([FileFault("", reason(f"registry.{what}", **values), at_line)])
