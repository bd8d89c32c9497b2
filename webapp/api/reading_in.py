"""Reads what a program sent, and lists everything wrong with it in the reader's language."""

import re
from collections.abc import Mapping
from typing import Any

from flask import abort, request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from models.errors import BadInput, Fault
from models.reasons import Reason, reason
from webapp.api.values import Body, Query
from webapp.errors import problem

MOST_JSON_BYTES = 1024 * 1024
MOST_KEY_LETTERS = 255
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_VERSION = re.compile(r'(?:W/)?"?(\d{1,18})"?')

# What pydantic calls a fault, and what we call it. Codes with a dot are ours already.
FAULTS = {
    "missing": "input.needed",
    "string_too_short": "input.needed",
    "json_invalid": "api.not_json",
    "bool_type": "api.not_true_or_false",
    "bool_parsing": "api.not_true_or_false",
    "string_type": "api.not_a_text",
    "string_unicode": "api.not_a_text",
    "list_type": "api.not_a_list",
    "dict_type": "api.not_an_object",
    "model_type": "api.not_an_object",
    "model_attributes_type": "api.not_an_object",
    "uuid_type": "api.not_an_id",
    "uuid_parsing": "api.not_an_id",
    "finite_number": "api.not_a_number",
    "float_type": "api.not_a_number",
    "float_parsing": "api.not_a_number",
    "int_type": "api.not_a_whole_number",
    "int_parsing": "api.not_a_whole_number",
    "int_parsing_size": "api.not_a_whole_number",
    "int_from_float": "api.not_a_whole_number",
}
# Those that say a limit, by the name under which pydantic tells it.
LIMITS = {
    "string_too_long": ("api.too_long", "max_length"),
    "too_long": ("api.too_many", "max_length"),
    "greater_than_equal": ("api.too_small", "ge"),
    "greater_than": ("api.too_small", "gt"),
    "less_than_equal": ("api.too_large", "le"),
    "less_than": ("api.too_large", "lt"),
}


def query_of(declared: type[Query] | None) -> Any:
    """Return the checked query. Raises BadInput, also for a parameter that nobody declared."""
    repeated = [name for name, values in request.args.lists() if len(values) > 1]
    if repeated:
        raise BadInput([Fault(name[:80], reason("api.given_twice")) for name in repeated])
    found = request.args.to_dict()
    return _checked(declared or Query, lambda of: of.model_validate(found), "parameter")


def body_of(declared: type[Body]) -> Any:
    """Return the checked body; none at all is an empty one. Raises BadInput."""
    raw = _bytes()
    return _checked(declared, lambda of: of.model_validate_json(raw or b"{}"), "field")


def form_of(declared: type[Body]) -> Any:
    """Return the checked fields of a form. Raises BadInput."""
    found = request.form.to_dict()
    return _checked(declared, lambda of: of.model_validate(found, strict=False), "field")


def idempotency_key() -> str | None:
    """Return the key under which a repeat gets the first answer. Raises BadInput."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        why = reason("api.bad_idempotency_key", most=MOST_KEY_LETTERS)
        raise BadInput([Fault("Idempotency-Key", why)])
    return key


def wanted_version() -> int | None:
    """Return the version that the caller has seen; None where any will do. Raises BadInput."""
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return None
    found = _VERSION.fullmatch(header.strip())
    if found is None:
        raise BadInput([Fault("If-Match", reason("api.bad_version"))])
    return int(found[1])


def _bytes() -> bytes:
    request.max_content_length = MOST_JSON_BYTES
    try:
        raw = request.get_data()
    except RequestEntityTooLarge:
        abort(problem(413, reason("api.json_too_large", limit=MOST_JSON_BYTES // 1024)))
    if raw and request.mimetype != "application/json":
        raise BadInput([Fault("Content-Type", reason("api.send_json"))])
    return raw


def _checked(declared: type[BaseModel], read: Any, what: str) -> Any:
    try:
        return read(declared)
    except ValidationError as wrong:
        raise BadInput([_fault(one, what) for one in wrong.errors(include_url=False)]) from None


def _fault(error: Mapping[str, Any], what: str) -> Fault:
    where = ".".join(str(part) for part in error["loc"])[:200]
    return Fault(where, _why(error, what))


def _why(error: Mapping[str, Any], what: str) -> Reason:
    kind, context = error["type"], error.get("ctx") or {}
    if kind == "extra_forbidden":
        return Reason(f"api.unknown_{what}", {"name": str(error["loc"][-1])[:80]})
    if kind in ("literal_error", "enum"):
        allowed = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        value = str(error.get("input"))[:80]
        return reason("input.not_one_of", value=value, allowed=allowed)
    if kind in LIMITS:
        code, name = LIMITS[kind]
        return Reason(code, {"limit": context[name]})
    if "." in kind:
        return Reason(kind, dict(context))
    return Reason(FAULTS.get(kind, "api.not_usable"))
