"""Photos: once per client key, flagged when the same bytes came before, seen with their subject."""

import pytest

from models.errors import BadInput, Refusal
from models.photo import PHOTO, Photo, photos_of
from models.workflow import actions_from
from tests.models.house import House

SHA = "ab" * 32


@pytest.mark.parametrize(
    ("state", "actions"),
    {"uploaded": ("check",), "checked": ("lock",), "locked": ()}.items(),
)
def test_each_state_offers_exactly_its_actions(state: str, actions: tuple[str, ...]) -> None:
    assert actions_from(PHOTO, state) == actions


def test_a_repeat_of_an_upload_is_the_same_photo(house: House) -> None:
    task = house.task(house.project())

    first, again = (
        house.photo(task, "before", house.foreman, client_key="k1", sha256=SHA) for _ in range(2)
    )
    with pytest.raises(Refusal) as no:
        house.photo(task, "before", house.foreman, client_key="k1", sha256="cd" * 32)

    assert first is again and no.value.reason.code == "photo.key_taken"
    assert photos_of(house.session, task) == [first]
    assert SHA in str(house.events(task)[-1].reason)


def test_the_same_bytes_elsewhere_are_flagged_and_kept(house: House) -> None:
    project = house.project()
    first = house.photo(house.task(project), "after", house.foreman, sha256=SHA)

    second = house.photo(house.task(project), "after", house.foreman, sha256=SHA)

    assert (first.reused_of, second.reused_of) == (None, first.id)


def test_a_photo_needs_a_stage(house: House) -> None:
    with pytest.raises(BadInput):
        house.photo(house.task(house.project()), "selfie", house.foreman)


def test_an_accepted_task_takes_no_more_photos(house: House) -> None:
    task = house.task(house.project())
    task.state = "accepted"

    with pytest.raises(Refusal):
        house.photo(task, "after", house.foreman)


def test_another_person_checks_a_photo_before_it_is_locked(house: House) -> None:
    photo = house.photo(house.incident(), "routine", house.duty)

    with pytest.raises(Refusal):
        photo.check(by=house.duty, now=photo.received_at)
    photo.check(by=house.engineer, now=photo.received_at)
    photo.lock(by=house.manager, now=photo.received_at)

    assert photo.state == "locked"


def test_who_sees_the_thing_sees_its_photos(house: House) -> None:
    project = house.project()
    house.photo(house.task(project), "before", house.foreman)
    house.photo(house.scaffold(project), "before", house.foreman)
    house.photo(house.incident(), "routine", house.duty)
    seen = house.session.query(Photo).where

    assert seen(Photo.visible_to(house.viewer)).count() == 3
    assert seen(Photo.visible_to(house.foreman)).count() == 2
    assert seen(Photo.visible_to(house.stranger)).count() == 0
