"""The OpenAPI 3.1 document, written from the declarations that check every request."""

import re
from collections.abc import Iterator
from typing import Any

from flask import Blueprint, Flask, Response, current_app, json
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

from webapp.api.operations import PREFIX, Operation
from webapp.api.values import Body, Problem, Query
from webapp.policies import token_only

pages = Blueprint("api_openapi", __name__, url_prefix=PREFIX)

ADDRESS = f"{PREFIX}/openapi.json"
_ARGUMENT = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
_REF = "#/components/schemas/{model}"
_PROBLEMS = {
    400: "The request can't be understood.",
    401: "No token, or one that holds no longer.",
    403: "The token's scope, or its role at the site, is not enough.",
    404: "There is no such thing, or none that the caller may see.",
    409: "The state of things forbids it; `blockers` lists everything in the way.",
    412: "It is in another version than `If-Match` says; `current` is how it is now.",
    413: "Too large.",
    415: "Another kind of content than is taken here.",
    422: "Something in the request can't be used; `errors` lists every fault.",
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A repeat under the same key gets the first answer, for 30 days.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "The `version` that the caller has seen, such as `3`.",
    "schema": {"type": "string"},
}
_LANGUAGE = {
    "name": "Accept-Language",
    "in": "header",
    "description": "In which language sentences come: zh (the default) or en.",
    "schema": {"type": "string"},
}
_ABOUT = """Ridgewatch watches rain, cracks and damp in historic buildings.

Lists are pages: `{"items": […], "next": cursor}`; ask again with `cursor` until `next` is null.
Things are named by `id` or `code`. `actions` is what this caller may do now; in a list a step whose
guard has to look at other things is left out: the thing itself has them all.
Times are UTC, `2022-03-21T08:00:00Z`; stretches of time are `(since, until]`.
Scopes: a `read` token reads, `write` also changes, `admin` also claims channels and tries rules."""


@pages.get("/openapi.json")
@token_only("read")
def openapi() -> Response:
    """Describe every address of the API."""
    kept = current_app.extensions
    if "openapi" not in kept:
        kept["openapi"] = json.dumps(document(current_app))
    answer = Response(kept["openapi"], mimetype="application/json")
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer


def document(app: Flask) -> dict[str, Any]:
    """Return the document of an application."""
    paths: dict[str, dict[str, Any]] = {}
    for rule, operation in sorted(operations(app), key=lambda one: one[0].rule):
        path = _ARGUMENT.sub(r"{\1}", rule.rule.removeprefix(PREFIX))
        paths.setdefault(path, {})[operation.method.lower()] = _operation(rule, operation)
    paths["/openapi.json"] = {"get": _self()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Ridgewatch",
            "version": "1",
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": PREFIX}],
        "security": [{"token": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _schemas(app),
            "responses": {str(code): _problem(text) for code, text in _PROBLEMS.items()},
        },
    }


def operations(app: Flask) -> Iterator[tuple[Rule, Operation]]:
    """Yield every declared operation with its route."""
    for rule in app.url_map.iter_rules():
        operation = getattr(app.view_functions[rule.endpoint], "operation", None)
        if operation is not None:
            yield rule, operation


def _operation(rule: Rule, operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": rule.endpoint.removeprefix("api_").replace(".", "_"),
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": f"Needs a token of scope `{operation.scope}`.",
        "x-scope": operation.scope,
        "parameters": [*_addressed(rule), *_asked(operation.query), *_headers(operation)],
        "responses": _responses(operation),
    }
    if operation.multipart is not None:
        described["requestBody"] = _form(operation)
    elif operation.body is not None:
        described["requestBody"] = {
            "required": _needs_body(operation.body),
            "content": {"application/json": {"schema": _ref(operation.body)}},
        }
    return described


def _addressed(rule: Rule) -> list[dict[str, Any]]:
    names = _ARGUMENT.findall(rule.rule)
    uuids = set(re.findall(r"<uuid:([^<>]+)>", rule.rule))
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", **({"format": "uuid"} if name in uuids else {})},
        }
        for name in names
    ]


def _asked(query: type[Query] | None) -> list[dict[str, Any]]:
    if query is None:
        return []
    schema = query.model_json_schema(ref_template=_REF)
    return [
        {
            "name": name,
            "in": "query",
            **({"description": found.pop("description")} if "description" in found else {}),
            "schema": _given(found),
        }
        for name, found in schema["properties"].items()
    ]


def _given(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter that lacks is not null: nothing after the `?` can be."""
    given = [one for one in schema.get("anyOf", []) if one != {"type": "null"}]
    if len(given) == 1:
        schema = {**given[0], **{k: v for k, v in schema.items() if k != "anyOf"}}
    if schema.get("default", ...) is None:
        del schema["default"]
    return schema


def _headers(operation: Operation) -> list[dict[str, Any]]:
    if operation.is_safe:
        return [_LANGUAGE]
    return [_LANGUAGE, _KEY, *([] if operation.creates else [_IF_MATCH])]


def _responses(operation: Operation) -> dict[str, Any]:
    good = {} if operation.answer is None else {operation.status: operation.answer}
    found: dict[str, Any] = {
        str(status): _good(status, answer, operation)
        for status, answer in {**good, **operation.also}.items()
    }
    bad = {400, 401, 403, 404, 422} | (set() if operation.is_safe else {409, 412, 413, 415})
    return found | {str(code): {"$ref": f"#/components/responses/{code}"} for code in sorted(bad)}


def _good(status: int, answer: type[BaseModel], operation: Operation) -> dict[str, Any]:
    words = {200: "Done.", 201: "Made.", 202: "Begun; the work goes on."}
    described: dict[str, Any] = {
        "description": words[status],
        "content": {"application/json": {"schema": _ref(answer)}},
    }
    if operation.headers:
        described["headers"] = operation.headers
    return described


def _form(operation: Operation) -> dict[str, Any]:
    assert operation.body is not None and operation.multipart is not None
    schema = operation.body.model_json_schema(ref_template=_REF)
    schema["properties"] = {**operation.multipart, **schema["properties"]}
    schema["required"] = [*operation.multipart, *schema.get("required", [])]
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def _needs_body(body: type[Body]) -> bool:
    return any(field.is_required() for field in body.model_fields.values())


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}


def _problem(text: str) -> dict[str, Any]:
    return {
        "description": text,
        "content": {"application/problem+json": {"schema": _ref(Problem)}},
    }


def _schemas(app: Flask) -> dict[str, Any]:
    wanted: dict[tuple[type[BaseModel], Any], None] = {(Problem, "serialization"): None}
    for _rule, operation in operations(app):
        answers = [operation.answer, *operation.also.values()]
        wanted |= {(one, "serialization"): None for one in answers if one is not None}
        if operation.body is not None and operation.multipart is None:
            wanted[operation.body, "validation"] = None
    _, schema = models_json_schema(list(wanted), ref_template=_REF)
    return dict(sorted(schema["$defs"].items()))


def _self() -> dict[str, Any]:
    return {
        "operationId": "openapi",
        "tags": ["openapi"],
        "summary": "This document",
        "description": "Needs a token of scope `read`.",
        "x-scope": "read",
        "responses": {
            "200": {
                "description": "Done.",
                "content": {"application/json": {"schema": {"type": "object"}}},
            },
            "401": {"$ref": "#/components/responses/401"},
        },
    }
