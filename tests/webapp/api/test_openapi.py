"""The OpenAPI document: valid, complete both ways, and true under random calls."""

import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from models.closing import close_zone
from models.words.render import LANGUAGES, catalogue
from tests.models.house import NOW
from tests.webapp.api.program import API, Program
from tests.webapp.api.test_lists import fill
from webapp.api.openapi import ADDRESS, operations
from webapp.api.reading_in import FAULTS, LIMITS

ARGUMENT = re.compile(r"<(?:\w+:)?(\w+)>")


@pytest.fixture(scope="module")
def filled(refused: Program) -> Program:
    """A house with something in every list. What the calls change does not matter here."""
    with refused.yard.working() as house:
        close_zone(house.session, house.zone, by=house.duty, now=NOW)
        fill(house, 3)
    return refused


@pytest.fixture(scope="module")
def document(filled: Program) -> dict[str, Any]:
    return filled.get("/openapi.json").json


def test_the_document_is_valid_openapi(document) -> None:
    validate(document)

    assert document["openapi"].startswith("3.1")


def test_every_route_is_in_the_document_and_every_address_is_a_route(filled, document) -> None:
    told = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
    there = {
        (method, ARGUMENT.sub(r"{\1}", rule.rule.removeprefix(API)))
        for rule in filled.yard.app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }

    assert told == there
    assert f"{API}/openapi.json" == ADDRESS
    assert len(list(operations(filled.yard.app))) + 1 == len(told)


def test_the_contracts_addresses_are_there(document) -> None:
    posts = {
        "/alerts/{alert}/": "acknowledge shelve assign dismiss close reset",
        "/closures/{closure}/": "countersign issue extend request-lift lift override",
        "/tasks/{task}/": "move photos",
        "/channels/{device}/{channel}/": "claim",
        "/rules/{rule}/": "backtest",
    }
    for folder, actions in posts.items():
        for action in actions.split():
            assert "post" in document["paths"][folder + action]
    for noun in ("incidents", "closures", "scaffolds", "tasks"):
        assert {"get", "post"} == set(document["paths"][f"/{noun}"])


def test_every_fault_has_words() -> None:
    codes = {*FAULTS.values(), *(code for code, _ in LIMITS.values())}
    codes |= {"api.unknown_field", "api.unknown_parameter", "api.not_a_moment"}
    codes |= {"api.moment_without_zone", "api.control_character"}
    for language in LANGUAGES:
        assert codes - set(catalogue(language)) == set()


def test_answers_are_what_the_document_says(filled, document) -> None:
    for path, methods in document["paths"].items():
        if "{" in path or "get" not in methods or path == "/openapi.json":
            continue
        answer = filled.get(path, scope="admin").json
        check(document, methods["get"], "200", answer)
        for item in answer["items"][:2]:
            one = f"{path}/{{x}}"
            found = [p for p in document["paths"] if ARGUMENT_IN.sub("{x}", p) == one]
            if found:
                shown = filled.get(f"{path}/{item['code']}", scope="admin").json
                check(document, document["paths"][found[0]]["get"], "200", shown)


ARGUMENT_IN = re.compile(r"\{\w+\}")


def check(document: dict, operation: dict, status: str, answer: Any) -> None:
    """Fail where an answer is not as its schema says."""
    schema = operation["responses"][status]["content"]["application/json"]["schema"]
    whole = {**schema, "components": document["components"]}
    problems = list(Draft202012Validator(whole).iter_errors(answer))
    assert problems == [], (operation["operationId"], problems[0].message)


# Values that have broken one program or another.
ODD = [
    None, True, 0, -1, 1e308, 2**70, "", " ", "\x00", "\u202e", "'; DROP TABLE alert; --",
    "é" * 300,
    "2022-03-21T08:00:00Z", "9999-12-31T23:59:59.999999-14:00", [], {}, [[]], {"zh": "x"},
    "tianning", "jingang-north", "../../etc/passwd", "%00", "{{7*7}}", "a" * 5000,
]  # fmt: skip
JSON_VALUES = st.recursive(
    st.sampled_from(ODD) | st.text(max_size=20) | st.integers() | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(
    max_examples=250,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_call_makes_us_fail(filled: Program, document: dict, data: st.DataObject) -> None:
    """Ask as the document says, with values of every kind: a clear answer, never a fault."""
    path = data.draw(st.sampled_from(sorted(document["paths"])))
    method = data.draw(st.sampled_from(sorted(document["paths"][path])))
    operation = document["paths"][path][method]
    address = ARGUMENT_IN.sub(lambda found: argument(data, found[0]), path)
    asked = {
        one["name"]: str(data.draw(st.sampled_from(ODD) | st.text(max_size=10)))
        for one in operation.get("parameters", [])
        if one["in"] == "query" and data.draw(st.booleans())
    }
    options: dict[str, Any] = {"headers": filled.headers("admin", "en"), "query_string": asked}
    if "requestBody" in operation:
        options |= body(data, document, operation)

    answer = filled.client.open(API + address, method=method.upper(), **options)

    assert answer.status_code < 500, (method, address, asked, options.get("data"), answer.text)
    if answer.status_code >= 400:
        assert answer.mimetype == "application/problem+json", (address, answer.text[:200])
        assert str(answer.status_code) in operation["responses"] or answer.status_code == 404
    elif path != "/openapi.json":
        check(document, operation, str(answer.status_code), answer.json)


CODES = ["tianning", "S-1", "I-2022-001", "CN-2022-002", "SC-2022-001", "T-2022-001", "R-1", "d",
         "c-1", "R1-tianning-S-1-1", "6f6d6b1e-2b0f-5f0e-9d55-6b3f4f1c9a10", "%00", "..",
         "é", "-"]  # fmt: skip


def argument(data: st.DataObject, _name: str) -> str:
    return data.draw(st.sampled_from(CODES))


def body(data: st.DataObject, document: dict, operation: dict) -> dict[str, Any]:
    content = operation["requestBody"]["content"]
    if "multipart/form-data" in content:
        return {"data": {"stage": data.draw(st.sampled_from(["before", "x", "\x00"]))}}
    schema = content["application/json"]["schema"]
    name = schema["$ref"].rpartition("/")[2]
    known = document["components"]["schemas"][name].get("properties", {})
    fields = {field: value(data, of) for field, of in known.items() if data.draw(st.booleans())}
    sent = data.draw(st.just(fields) | JSON_VALUES)
    return {"data": json.dumps(sent), "content_type": "application/json"}


def value(data: st.DataObject, schema: dict) -> Any:
    likely = schema.get("enum") or schema.get("examples") or ["tianning", "jingang-north"]
    return data.draw(st.sampled_from(likely) | JSON_VALUES)
