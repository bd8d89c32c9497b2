"""What a browser sends, without the one letter that no text of PostgreSQL may hold."""

from collections.abc import Iterator
from typing import Any

from flask import Request
from werkzeug.datastructures import ImmutableMultiDict, iter_multi_items

NUL, SHOWN = "\x00", "\N{SYMBOL FOR NULL}"


class Sent(ImmutableMultiDict[str, Any]):
    """Fields of a form or an address; a NUL, which nobody types, becomes the sign for it."""

    def __init__(self, mapping: Any = None) -> None:
        super().__init__(list(_shown(mapping or ())))


def _shown(mapping: Any) -> Iterator[tuple[str, Any]]:
    for name, value in iter_multi_items(mapping):
        yield name, value.replace(NUL, SHOWN) if isinstance(value, str) else value


class BrowserRequest(Request):
    """A request as views see it. Programs are told of a NUL instead, by `webapp.api.values`."""

    @property
    def parameter_storage_class(self) -> type[ImmutableMultiDict[str, Any]]:
        """The fields' class; werkzeug reads it of the request, and has one for all."""
        return ImmutableMultiDict if self.path.startswith("/api/") else Sent
