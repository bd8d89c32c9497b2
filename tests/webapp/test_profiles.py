"""The administrator's page for device profiles: a file in, faults with lines, out of use again."""

import io
import json

import pytest
from sqlalchemy import select

from models.device_profile import DeviceProfile
from models.job import Job
from tests.webapp.cast import Cast
from tests.webapp.world import World, make_world

PROFILE = {
    "name": "Yard RTU",
    "match": {"devices": ["rtu-*"]},
    "fields": {"ch1": {"quantity": "crack_width", "unit": "mm"}},
}


@pytest.fixture
def world(cast: Cast) -> World:
    return make_world(cast)


def load(world: World, document: object, **more: str):
    file = (io.BytesIO(json.dumps(document, indent=1).encode()), "rtu.json")
    return world.cast.signed_in("admin").post(
        "/profiles/load", {"file": file, **more}, content_type="multipart/form-data"
    )


def test_a_profile_is_added_listed_given_back_and_withdrawn(world):
    assert load(world, PROFILE).status_code == 303
    browser = world.cast.signed_in("admin")

    page = browser.get("/profiles/?lang=en").text
    assert "Yard RTU" in page and "rtu-*" in page and "version 1" in page
    assert json.loads(browser.get("/profiles/yard-rtu.json").text) == PROFILE
    assert browser.post("/profiles/yard-rtu/withdraw").status_code == 303
    assert browser.post("/profiles/yard-rtu/withdraw").status_code == 409


def test_messages_in_quarantine_are_read_again_if_one_likes(world):
    world.quarantine(b"x")
    load(world, PROFILE, again="1")

    with world.store.reading() as session:
        kinds = sorted(job.kind for job in session.scalars(select(Job)))
    assert kinds == ["decode-again", "profile-added"]


def test_faults_are_listed_with_their_lines_and_nothing_is_added(world):
    wrong = {**PROFILE, "fields": {"ch1": {"quantity": "crack", "unit": "mm"}}}

    answer = load(world, wrong)

    assert answer.status_code == 422
    assert "fields.ch1.quantity" in answer.text and '<td class="num">10</td>' in answer.text
    with world.store.reading() as session:
        assert session.scalars(select(DeviceProfile)).all() == []


@pytest.mark.parametrize("content", ["", "no json", "[]", '{"name": "x"}'])
def test_what_is_no_profile_is_refused(world, content):
    answer = world.cast.signed_in("admin").post("/profiles/load", {"text": content})

    assert answer.status_code == 422
