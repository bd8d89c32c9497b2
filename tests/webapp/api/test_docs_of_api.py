"""The examples of docs/api.md do what the page says."""

import re
import shlex
from urllib.parse import urlsplit

import pytest

from tests.harness.source import ROOT
from tests.webapp.api.program import Program
from tests.webapp.api.test_sensors import store
from webapp.api.openapi import document

PAGE = (ROOT / "docs/api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def told(program: Program) -> Program:
    """The house of the page: a gauge with readings, and its alert."""
    from datetime import timedelta

    store(program, [1.0, 2.5], timedelta(minutes=15))
    with program.yard.working() as house:
        from models.sensor import Sensor

        house.alert(house.session.query(Sensor).filter_by(code="C-07").one())
    return program


def run(program: Program, command: str):
    """Do what curl would do with this command line."""
    line = command.replace("$TOKEN", program.tokens["write"]).replace("$URL", "http://here")
    words = shlex.split(line.replace("\\\n", " "))
    assert words[0] == "curl"
    method, headers, data = "GET", {}, None
    while len(words) > 2:
        option, value = words[1], words[2]
        del words[1:3]
        if option == "-X":
            method = value
        elif option == "-H":
            name, _, said = value.partition(": ")
            headers[name] = said
        else:
            assert option == "-d", command
            data = value.encode()
    parts = urlsplit(words[1])
    return program.client.open(
        f"{parts.path}?{parts.query}".rstrip("?"), method=method, headers=headers, data=data
    )


def test_every_example_works(told: Program) -> None:
    answers = [run(told, example) for example in EXAMPLES]

    assert [one.status_code for one in answers] == [200, 200, 200, 201, 201, 200, 200]
    assert answers[0].json["items"][0]["code"] == "C3-tianning-C-07-1"
    assert [one["value"] for one in answers[1].json["items"]] == [1.75]
    assert answers[2].json["state"] == "active"
    assert (answers[5].text, answers[6].mimetype) == ("ok\n", "text/plain")


def test_the_page_names_only_addresses_that_are_there(refused: Program) -> None:
    known = set(document(refused.yard.app)["paths"])
    named = set(re.findall(r"`(?:GET|POST) (/[a-z{}/-]+)`?", PAGE))
    shapes = {re.sub(r"\{\w+\}", "{}", path) for path in known}

    assert named and {re.sub(r"\{\w+\}", "{}", path) for path in named} <= shapes
