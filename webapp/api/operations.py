"""Declares the operations of the API: one declaration checks the input and writes the OpenAPI."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar

from flask import Blueprint, Response

from webapp.api.edge import read, write
from webapp.api.values import Answer, Body, Query
from webapp.policies import token_only

View = TypeVar("View", bound=Callable)
Prepare = Callable[..., AbstractContextManager[dict[str, Any]]]
PREFIX = "/api/v1"


@dataclass(frozen=True)
class Operation:
    """One method of one address: what goes in, what comes out, and what it is for."""

    method: str
    scope: str
    tag: str
    summary: str
    answer: type[Answer] | None
    status: int = 200
    query: type[Query] | None = None
    body: type[Body] | None = None
    refuses: bool = False  # always answers 409: what was sent is not even read
    creates: bool = False  # there is no version to match yet
    multipart: dict[str, Any] | None = None  # the files of a form, as JSON schema
    prepare: Prepare | None = None  # what takes long and needs no lock: done before the write
    headers: dict[str, Any] = field(default_factory=dict)
    also: dict[int, type[Answer]] = field(default_factory=dict)  # other good answers

    @property
    def is_safe(self) -> bool:
        """Whether it changes nothing."""
        return self.method == "GET"


class Part:
    """One module's operations under `/api/v1`."""

    def __init__(self, name: str) -> None:
        self.tag = name
        self.pages = Blueprint(f"api_{name}", __name__, url_prefix=PREFIX)

    def get(
        self, path: str, answer: type[Answer], summary: str, **more: Any
    ) -> Callable[[View], View]:
        """Declare a reading: the view returns what is answered. `query` is handed to it."""
        scope = more.pop("scope", "read")
        return self._declare(path, Operation("GET", scope, self.tag, summary, answer, **more), read)

    def post(
        self, path: str, answer: type[Answer] | None, summary: str, **more: Any
    ) -> Callable[[View], View]:
        """Declare a change: the view runs inside the transaction that is committed after it."""
        scope = more.pop("scope", "write")
        operation = Operation("POST", scope, self.tag, summary, answer, **more)
        return self._declare(path, operation, write)

    def _declare(
        self, path: str, operation: Operation, how: Callable[..., Response]
    ) -> Callable[[View], View]:
        def mark(view: View) -> View:
            @token_only(operation.scope)
            @wraps(view)
            def answer(**where: Any) -> Response:
                return how(operation, view, where)

            answer.operation = operation  # type: ignore[attr-defined]
            self.pages.add_url_rule(
                path,
                view.__name__,
                answer,
                methods=[operation.method],
                merge_slashes=False,
            )
            return view

        return mark
