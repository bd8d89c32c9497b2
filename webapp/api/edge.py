"""The edge of the API: reads the request, commits once, answers; repeats get the first answer."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from hashlib import file_digest
from typing import TYPE_CHECKING, Any

from flask import Response, g, request
from sqlalchemy.exc import IntegrityError

from models.clock import machine_now
from models.errors import BadInput, Fault, Missing, Refusal, Refused, Stale
from models.idempotency import Call, begin_call, call_of, forget_call, keep_answer
from models.reasons import reason
from webapp.api.reading_in import (
    body_of,
    form_of,
    idempotency_key,
    query_of,
    wanted_version,
)
from webapp.api.values import Answer
from webapp.db import begin_write, commit, db
from webapp.errors import STATUS, problem
from webapp.filters import sentence

if TYPE_CHECKING:
    from webapp.api.operations import Operation

View = Callable[..., Any]
KEPT_HEADERS = ("Location", "ETag", "Content-Type")


class Changed(Stale):
    """It is not in the version that the caller has seen; `current` is how it is now."""

    def __init__(self, kind: str, key: str, version: int, current: Answer) -> None:
        super().__init__(kind, key, version)
        self.current = current


def read(operation: "Operation", view: View, where: dict[str, Any]) -> Response:
    """Answer a reading."""
    query = query_of(operation.query)
    if operation.query is not None:
        where = {**where, "query": query}
    return answer_of(view(**where), operation.status)


def write(operation: "Operation", view: View, where: dict[str, Any]) -> Response:
    """Carry out a change, once: the same key again gets the first answer."""
    query_of(None)
    sent = _sent(operation)
    g.wanted_version = _wanted_version(operation)
    call = _call(sent)
    prepare = operation.prepare or _nothing_to_prepare
    with prepare(**where, **sent) as prepared:
        begin_write()
        if call is not None:
            first = begin_call(db.session(), call, machine_now())
            if first is not None:
                return _again(first, call)
        answer = _carry_out(operation, view, {**where, **sent, **prepared}, call)
        commit()
    return answer


def _nothing_to_prepare(**_sent: Any) -> AbstractContextManager[dict[str, Any]]:
    return nullcontext({})


def answer_of(made: Any, status: int = 200) -> Response:
    """Return what a view made as JSON; a Response is passed through."""
    if isinstance(made, tuple):
        made, status = made
    if isinstance(made, Response):
        return made
    # Of several shapes a list may hold, each is written as what it is.
    text = made.model_dump_json(serialize_as_any=True)
    answer = Response(text, status, mimetype="application/json")
    version = getattr(made, "version", None)
    if version is not None:
        answer.set_etag(str(version))
    return _vary(answer)


def refused_of(why: Refused) -> Response:
    """Return a no as a problem."""
    status = next(STATUS[kind] for kind in type(why).__mro__ if kind in STATUS)
    answer = problem(status, why.reason, why)
    body = json.loads(answer.get_data())
    if isinstance(why, Refusal) and not why.blockers:
        # Clients look at one place for what is in the way.
        body["blockers"] = [{**why.reason.to_json(), "text": sentence(why.reason), "href": ""}]
    if isinstance(why, Changed):
        body["current"] = json.loads(why.current.model_dump_json())
    answer.set_data(json.dumps(body, ensure_ascii=False))
    return _vary(answer)


def _carry_out(
    operation: "Operation", view: View, where: dict[str, Any], call: Call | None
) -> Response:
    """Run the view inside a savepoint, so that a refusal can be kept without its half-done work."""
    session = db.session()
    inside = session.begin_nested()
    try:
        made = view(**where)
        session.flush()
        answer = answer_of(made, operation.status)
        if answer.status_code == 201 and operation.creates:
            answer.headers["Location"] = f"{request.path}/{_made_id(answer)}"
        inside.commit()
    except Refused as why:
        inside.rollback()
        answer = refused_of(why)
        if call is not None and isinstance(why, Missing | Stale | BadInput):
            # Nothing was decided: mended, the call may come again under its key.
            forget_call(session, call)
            return answer
    except IntegrityError:
        # Two calls at once made the same thing; the database let only one.
        inside.rollback()
        answer = refused_of(Refusal(reason("api.made_already")))
    if call is not None:
        kept = {name: answer.headers[name] for name in KEPT_HEADERS if name in answer.headers}
        keep_answer(session, call, answer.status_code, kept, answer.get_data())
    return answer


def _made_id(answer: Response) -> str:
    return str(json.loads(answer.get_data())["id"])


def _sent(operation: "Operation") -> dict[str, Any]:
    if operation.body is None:
        return {}
    if operation.multipart is not None:
        return {"body": form_of(operation.body)}
    return {"body": body_of(operation.body)}


def _wanted_version(operation: "Operation") -> int | None:
    version = wanted_version()
    if operation.creates and version is not None:
        raise BadInput([Fault("If-Match", reason("api.no_version_yet"))])
    return version


def _call(sent: dict[str, Any]) -> Call | None:
    key = idempotency_key()
    if key is None:
        return None
    # What was understood, not the bytes: order of fields, blanks and boundaries don't matter.
    content = sent["body"].model_dump_json() if sent else ""
    files = "".join(_digest(name) for name in sorted(request.files))
    return call_of(str(g.actor.id), key, request.method, request.path, (content + files).encode())


def _digest(name: str) -> str:
    file = request.files[name]
    digest = file_digest(file.stream, "sha256").hexdigest()
    file.stream.seek(0)
    return f"{name}={digest};"


def _again(first: Any, call: Call) -> Response:
    """Answer a repeat; the transaction ends without a change."""
    if first.content != call.content:
        why = reason("api.key_of_another_call")
        raise BadInput([Fault("Idempotency-Key", why)])
    status, headers, body = first.status, first.headers, first.body
    db.session.rollback()
    answer = Response(body, status)
    answer.headers.update(headers)
    answer.headers["Idempotency-Replayed"] = "true"
    return _vary(answer)


def _vary(answer: Response) -> Response:
    answer.headers.add("Vary", "Accept-Language, Authorization")
    answer.headers.setdefault("Cache-Control", "private, no-store")
    return answer
