"""Photos: what is kept, what is shown to whom, and what a hostile picture cannot do."""

import hashlib
import io
import re
import resource
import threading
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy import select

from models.photo import Photo
from tests.webapp import pictures
from tests.webapp.cast import CANARY
from tests.webapp.yard import Yard, rivals_works

HEIC = Path(__file__).parents[1] / "data/photos/notes.heic"


@pytest.fixture
def yard(app, sqlite_store) -> Yard:
    return Yard(app, sqlite_store)


@pytest.fixture
def task(yard):
    with yard.working() as house:
        return house.task(house.project(), needs_photos=True)


def send(browser, task, *files: tuple[str, bytes], kind: str = "before", **more: str):
    """Post photos to a task as a plain form does, or as a script with `script=`."""
    headers = {"Accept": "application/json"} if more.pop("script", "") else {}
    data = {"photo": [(io.BytesIO(body), name) for name, body in files], "kind": kind, **more}
    return browser.post(f"/photos/add/task/{task.id}", data, headers=headers)


def rows(yard) -> list[Photo]:
    with yard.store.reading() as session:
        return list(session.scalars(select(Photo).order_by(Photo.received_at)))


def files_of(yard) -> list[Path]:
    folder = Path(yard.store.data_dir) / "photos"
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_photo_is_kept_byte_for_byte_and_shown_as_a_clean_copy(yard, task):
    foreman = yard.browser(yard.house.foreman)
    body = pictures.marked_jpeg()

    answer = send(foreman, task, ("ridge.jpg", body), caption="crack at the ridge")

    photo = rows(yard)[0]
    assert answer.status_code == 303 and answer.location.endswith(f"/tasks/{task.id}#photos")
    assert photo.sha256 == hashlib.sha256(body).hexdigest()
    kept = Path(yard.store.data_dir) / "photos" / photo.sha256[:2] / photo.sha256
    assert kept.read_bytes() == body
    assert (photo.stage, photo.caption, photo.bytes) == ("before", "crack at the ridge", len(body))


def test_no_byte_of_any_metadata_reaches_a_page(yard, task):
    foreman, staff = yard.browser(yard.house.foreman), yard.browser(yard.house.manager)
    for body in (pictures.marked_jpeg(), pictures.marked_png()):
        send(foreman, task, ("a.jpg", body))

    for photo in rows(yard):
        for size in ("picture", "thumbnail"):
            shown = staff.get(f"/photos/{photo.id}/{size}.jpg")
            assert shown.status_code == 200
            for mark in (b"<script", b"<html", b"MARK-OF", b"Exif", b"ICC_PROFILE", b"xmpmeta"):
                assert mark not in shown.data
            assert shown.data.endswith(b"\xff\xd9")
            opened = Image.open(io.BytesIO(shown.data))
            assert opened.format == "JPEG" and not opened.getexif() and opened.mode == "RGB"
            assert set(opened.info) <= {
                "jfif",
                "jfif_version",
                "jfif_unit",
                "jfif_density",
                "progressive",
                "progression",
            }


def test_a_copy_is_sent_so_that_it_can_do_nothing_but_be_seen(yard, task):
    foreman = yard.browser(yard.house.foreman)
    send(foreman, task, ("a.jpg", pictures.jpeg()))

    shown = foreman.get(f"/photos/{rows(yard)[0].id}/picture.jpg")

    assert shown.mimetype == "image/jpeg"
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert shown.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert shown.headers["Content-Disposition"].startswith("inline; filename=")
    assert shown.headers["Cache-Control"] == "private, no-cache"
    again = foreman.get(
        f"/photos/{rows(yard)[0].id}/picture.jpg", headers={"If-None-Match": shown.headers["ETag"]}
    )
    assert again.status_code == 304


def test_time_camera_and_position_are_read_where_they_are_told(yard, task):
    send(yard.browser(yard.house.foreman), task, ("a.jpg", pictures.jpeg(exif=pictures.notes())))

    photo = rows(yard)[0]
    assert photo.taken_at.isoformat() == "2022-03-21T01:36:00+00:00"  # the site's own clock
    assert photo.camera == f"{pictures.MARK} T-1"
    assert (photo.latitude, photo.longitude) == (-32.01, 120.86)


def test_what_a_photo_does_not_tell_is_unknown(yard, task):
    foreman = yard.browser(yard.house.foreman)
    send(foreman, task, ("a.png", pictures.png("RGB")))

    photo = rows(yard)[0]
    assert (photo.taken_at, photo.camera, photo.latitude) == (None, None, None)
    assert foreman.get(f"/photos/{photo.id}").text.count("unknown") >= 2


def test_a_phones_heic_is_shown_as_a_jpeg(yard, task):
    foreman = yard.browser(yard.house.foreman)
    send(foreman, task, ("IMG_1.HEIC", HEIC.read_bytes()))

    photo = rows(yard)[0]
    assert (photo.mime, photo.camera, photo.latitude) == ("image/heic", "Testcam T-1", 32.01)
    assert foreman.get(f"/photos/{photo.id}/picture.jpg").data[:3] == b"\xff\xd8\xff"


def test_photos_held_sideways_stand_upright(yard, task):
    foreman, turns = yard.browser(yard.house.foreman), (3, 6, 8)
    made = [pictures.jpeg(300, 200, exif=pictures.notes(turn)) for turn in turns]
    send(foreman, task, *((f"{turn}.jpg", body) for turn, body in zip(turns, made, strict=True)))

    for photo in rows(yard):
        shown = Image.open(io.BytesIO(foreman.get(f"/photos/{photo.id}/picture.jpg").data))
        wide = photo.original_name == "3.jpg"
        assert shown.size == ((300, 200) if wide else (200, 300)) == (photo.width, photo.height)


def test_every_kind_of_png_opens(yard, task):
    modes = ("1", "L", "LA", "P", "RGBA", "I;16")

    answer = send(
        yard.browser(yard.house.foreman),
        task,
        *((f"{mode[0]}{number}.png", pictures.png(mode)) for number, mode in enumerate(modes)),
    )

    assert answer.status_code == 303 and len(rows(yard)) == len(modes)


BAD = (
    ("bomb.png", pictures.bomb, "megapixels"),
    ("cut.jpg", lambda: pictures.jpeg()[:3000], "broken or incomplete"),
    ("page.jpg", lambda: b"<html><script>alert(1)</script></html>", "not a photo"),
    ("drawing.svg", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a photo"),
    ("old.gif", lambda: pictures.foreign("GIF"), "not a photo"),
    ("old.bmp", lambda: pictures.foreign("BMP"), "not a photo"),
    ("scan.tiff", lambda: pictures.foreign("TIFF"), "not a photo"),
    ("deck.pdf", lambda: pictures.foreign("PDF"), "not a photo"),
    ("post.eps", lambda: pictures.foreign("EPS"), "not a photo"),
    ("none.jpg", lambda: b"", "empty"),
)


def test_each_bad_photo_gets_a_sentence_and_leaves_nothing(yard, task):
    files = [(name, make()) for name, make, _ in BAD]

    answer = send(yard.browser(yard.house.foreman), task, *files, caption="what I typed")

    said = re.findall(r"<li><a href=\"#f-photo\">([^<]+)</a>", answer.text)
    assert answer.status_code == 422 and "what I typed" in answer.text
    assert [name for name, _, says in BAD if not any(name in s and says in s for s in said)] == []
    assert rows(yard) == [] and files_of(yard) == []


def test_one_bad_photo_among_good_ones_is_named_and_none_is_stored(yard, task):
    answer = send(
        yard.browser(yard.house.foreman), task, ("a.jpg", pictures.jpeg()), ("b.jpg", b"nothing")
    )

    assert answer.status_code == 422 and "b.jpg" in answer.text
    assert rows(yard) == [] and files_of(yard) == []


def test_a_photo_that_is_too_large_is_refused_while_it_arrives(yard, task):
    body = pictures.jpeg() + b"\0" * (25 * 1024 * 1024)

    answer = send(yard.browser(yard.house.foreman), task, ("huge.jpg", body))

    assert answer.status_code == 422 and "25 MB" in answer.text
    assert files_of(yard) == []


def test_bombs_do_not_make_the_web_process_grow(yard, task):
    foreman = yard.browser(yard.house.foreman)
    send(foreman, task, ("warm.jpg", pictures.jpeg()))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    # 36 megapixels in one bit each: small here, over 100 MB where they are opened.
    for body in (pictures.bomb(), pictures.bomb(6000)):
        send(foreman, task, ("bomb.png", body))

    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kb < 50_000


def test_a_script_is_told_the_very_sentence(yard, task):
    answer = send(
        yard.browser(yard.house.foreman), task, ("x.gif", pictures.foreign("GIF")), script="1"
    )

    assert answer.status_code == 422
    assert "x.gif is not a photo" in answer.get_json()["errors"][0]["text"]


def test_sending_a_photo_twice_under_one_key_stores_it_once(yard, task):
    foreman, body = yard.browser(yard.house.foreman), pictures.jpeg()

    first = send(foreman, task, ("a.jpg", body), script="1", idempotency_key="k-1")
    second = send(foreman, task, ("a.jpg", body), script="1", idempotency_key="k-1")

    assert first.status_code == second.status_code == 200
    assert first.get_json() == second.get_json()
    assert len(rows(yard)) == 1


def test_another_photo_under_a_used_key_is_refused(yard, task):
    foreman = yard.browser(yard.house.foreman)
    send(foreman, task, ("a.jpg", pictures.jpeg()), idempotency_key="k-1")

    answer = send(foreman, task, ("b.jpg", pictures.jpeg()), idempotency_key="k-1")

    assert answer.status_code == 409 and len(rows(yard)) == 1


def test_one_key_five_times_at_once_is_one_row_and_one_file(app_everywhere):
    yard = app_everywhere
    with yard.working() as house:
        task = house.task(house.project())
    body, answers = pictures.jpeg(), []
    browsers = [yard._signed_in(yard.house.foreman) for _ in range(5)]
    tokens = [browser.token() for browser in browsers]

    def send_one(browser, token):
        data = {
            "csrf": token,
            "kind": "before",
            "idempotency_key": "k-5",
            "photo": (io.BytesIO(body), "a.jpg"),
        }
        answers.append(browser.client.post(f"/photos/add/task/{task.id}", data=data).status_code)

    pairs = zip(browsers, tokens, strict=True)
    threads = [threading.Thread(target=send_one, args=pair) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [303] * 5
    assert len(rows(yard)) == 1
    assert [path.name for path in files_of(yard) if "copies" not in path.parts] == [
        rows(yard)[0].sha256
    ]


@pytest.fixture
def app_everywhere(app_of, store):
    return Yard(app_of(store), store)


def test_the_same_picture_elsewhere_is_flagged_and_not_refused(yard, task):
    foreman, body = yard.browser(yard.house.foreman), pictures.jpeg()
    send(foreman, task, ("a.jpg", body), kind="before")
    send(foreman, task, ("a.jpg", body), kind="after")

    second = rows(yard)[1]
    page = yard.browser(yard.house.manager).get(f"/photos/{second.id}").text
    assert second.reused_of == rows(yard)[0].id
    assert "Byte for byte the same" in page


def test_a_competitor_finds_neither_page_nor_picture_nor_place_to_send(yard):
    with yard.working() as house:
        _, _, theirs = rivals_works(house)
        photo = house.photo(theirs, "before", house.manager)
        photo.caption = CANARY
    foreman = yard.browser(yard.house.foreman)

    for part in ("", "/picture.jpg", "/thumbnail.jpg"):
        answer = foreman.get(f"/photos/{photo.id}{part}")
        assert answer.status_code == 404 and CANARY not in answer.text
    assert foreman.get(f"/photos/{photo.id}/original").status_code == 403
    assert send(foreman, theirs, ("a.jpg", pictures.jpeg())).status_code == 404
    assert foreman.get(f"/photos/add/task/{theirs.code}").status_code == 404


def test_the_original_is_for_staff_alone(yard, task):
    foreman, body = yard.browser(yard.house.foreman), pictures.jpeg(exif=pictures.notes())
    send(foreman, task, ("a.jpg", body))
    photo = rows(yard)[0]

    answer = yard.browser(yard.house.viewer).get(f"/photos/{photo.id}/original")

    assert answer.data == body and answer.mimetype == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert foreman.get(f"/photos/{photo.id}/original").status_code == 403
    assert "-32.01" not in foreman.get(f"/photos/{photo.id}").text


def test_a_second_person_says_that_a_photo_shows_what_it_claims(yard, task):
    with yard.working() as house:
        photo = house.photo(house.session.merge(task), "before", house.manager)
    first, second = yard.browser(yard.house.manager), yard.browser(yard.house.supervisor)

    own = first.post(f"/photos/{photo.id}/step", {"action": "check", "version": photo.version})
    other = second.post(f"/photos/{photo.id}/step", {"action": "check", "version": photo.version})

    assert own.status_code == 409
    assert other.status_code == 303 and rows(yard)[0].state == "checked"


def test_no_photo_is_added_to_work_that_is_accepted(yard, task):
    with yard.working() as house:
        house.session.merge(task).state = "accepted"

    answer = send(yard.browser(yard.house.foreman), task, ("a.jpg", pictures.jpeg()))

    assert answer.status_code == 409 and "no photo can be added" in answer.text


def test_a_form_without_a_photo_says_so(yard, task):
    answer = yard.browser(yard.house.foreman).post(f"/photos/add/task/{task.id}", {"kind": "odd"})

    assert answer.status_code == 422 and "Choose photos first" in answer.text


def test_nothing_is_photographed_that_has_no_page(yard):
    foreman = yard.browser(yard.house.foreman)

    assert foreman.get("/photos/add/user/x").status_code == 404
