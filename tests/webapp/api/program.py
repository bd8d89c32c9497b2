"""A program that calls the API with its tokens, as the tests of the API do."""

import json
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from models.clock import machine_now
from models.tokens import issue_token
from tests.webapp.yard import Yard

API = "/api/v1"


@dataclass
class Program:
    """Three tokens of the authority, one of each scope, and somebody's house behind them."""

    yard: Yard
    tokens: dict[str, str]

    @property
    def client(self) -> FlaskClient:
        """A fresh client, so that two threads never share one."""
        return self.yard.app.test_client()

    def get(self, path: str, scope: str = "read", language: str = "en", **asked: Any) -> Any:
        """Read; return the answer."""
        return self.client.get(
            API + path, query_string=asked or None, headers=self.headers(scope, language)
        )

    def post(
        self,
        path: str,
        body: Any = None,
        scope: str = "write",
        key: str | None = None,
        version: object = None,
        **options: Any,
    ) -> TestResponse:
        """Change something; return the answer."""
        headers = self.headers(scope, "en")
        if key is not None:
            headers["Idempotency-Key"] = key
        if version is not None:
            headers["If-Match"] = str(version)
        if "data" not in options:
            options |= {"data": json.dumps({} if body is None else body)}
            options.setdefault("content_type", "application/json")
        return self.client.post(API + path, headers=headers, **options)

    def headers(self, scope: str, language: str) -> dict[str, str]:
        """Return what every call says of itself."""
        return {"Authorization": f"Bearer {self.tokens[scope]}", "Accept-Language": language}

    def walk(self, path: str, limit: int, **asked: Any) -> list[dict[str, Any]]:
        """Return a list's items, page by page to its end."""
        found, cursor = [], None
        for _ in range(1000):
            more = {"cursor": cursor} if cursor else {}
            page = self.get(path, limit=limit, **asked, **more)
            assert page.status_code == 200, page.text
            assert len(page.json["items"]) <= limit
            found += page.json["items"]
            cursor = page.json["next"]
            if cursor is None:
                return found
        raise AssertionError(f"{path} has no end")


def program_of(yard: Yard) -> Program:
    """Issue the tokens."""
    with yard.store.writing() as session:
        tokens = {
            scope: issue_token(session, scope, scope, machine_now())[0]
            for scope in ("read", "write", "admin")
        }
    return Program(yard, tokens)


def faults(answer: TestResponse) -> dict[str, str]:
    """Return the code of what is wrong, by place, of a refused input."""
    assert answer.status_code == 422, answer.text
    assert answer.mimetype == "application/problem+json"
    return {one["where"]: one["code"] for one in answer.json["errors"]}
