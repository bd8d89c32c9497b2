"""The checker finds what it is for: each kind of fault, once, by values alone."""

from pathlib import Path

from ingest.torture.checker import compare, differ
from ingest.torture.record import Record
from ingest.torture.story import MINUTE_MS, Sent, Story
from ingest.torture.undisturbed import undisturbed

A1, A2, A3 = (
    Sent("a", at, "t", b"", (("a", "crack", at), ("a", "count", at)), float(at)) for at in (1, 2, 3)
)


def kept(*sent: Sent):
    return [
        (place, sent.counted if place == sent.places[-1] else 0.5)
        for sent in sent
        for place in sent.places
    ]


def faults(found) -> dict[str, int]:
    names = ("lost", "phantom", "doubled", "torn", "misordered")
    return {name: getattr(found, name).n for name in names if getattr(found, name).n}


def test_what_is_tried_and_not_acknowledged_may_be_stored_or_not() -> None:
    assert faults(compare([A1, A2, A3], [A1], kept(A1, A2))) == {}


def test_what_is_acknowledged_and_not_stored_is_lost() -> None:
    found = compare([A1, A2], [A1, A2], kept(A1))

    assert faults(found) == {"lost": 2}
    assert found.lost.examples == ("('a', 'count', 2)", "('a', 'crack', 2)")


def test_what_nobody_sent_is_phantom() -> None:
    assert faults(compare([A1], [A1], kept(A1, A2))) == {"phantom": 2}


def test_another_value_than_was_sent_is_phantom() -> None:
    stored = [(A1.places[0], 0.5), (A1.places[1], 7.0)]

    assert faults(compare([A1], [A1], stored)) == {"phantom": 1}


def test_what_is_stored_twice_is_doubled() -> None:
    assert "doubled" in faults(compare([A1], [A1], kept(A1, A1)))


def test_a_message_stored_twice_under_two_times_is_doubled() -> None:
    again = Sent("a", 2, "t", b"", A2.places, A1.counted)

    assert faults(compare([A1, again], [], kept(A1, again)))["doubled"] == 1


def test_half_a_message_is_torn() -> None:
    assert faults(compare([A1], [], kept(A1)[:1])) == {"torn": 1}


def test_what_overtakes_an_earlier_message_of_its_device_is_misordered() -> None:
    other = Sent("b", 1, "t", b"", (("b", "crack", 1),))

    assert faults(compare([A1, A2], [], kept(A2))) == {"misordered": 1}
    assert faults(compare([A1, other], [], [(other.places[0], 0.5)])) == {}
    assert faults(compare([A1, A2], [], kept(A2), in_order=False)) == {}


STEP = ("WIDE", 1, "sensor:a/CRACK", "raised", "high", "2022-03-21T00:10:00Z")
QUIET = Record({}, [(1, 3600, 5, 0.2)], [], [STEP], ["page-1"])


def test_two_runs_that_left_the_same_differ_in_nothing() -> None:
    found = differ(QUIET, QUIET)

    assert all(getattr(found, name).n == 0 for name in found.__dataclass_fields__)


def test_alerts_and_pages_that_are_missing_or_added_are_told() -> None:
    found = differ(Record({}, [], [], [STEP, STEP], ["page-2"]), QUIET)

    assert (found.alerts_missing.n, found.alerts_added.n) == (0, 1)
    assert (found.pages_missing.n, found.pages_added.n) == (1, 1)
    assert found.hours_differ.n == 1


def test_hours_that_neither_run_has_closed_are_told_since_nothing_was_compared() -> None:
    hour_ms = 3_600_000
    values = {("a", "crack", at_ms): 0.5 for at_ms in (hour_ms // 2, hour_ms + 1)}

    left = Record(values, [], [], [], [], until_ms=2 * hour_ms)
    closed = Record(values, [(1, 3600, hour_ms, 0.5)], [], [], [], until_ms=2 * hour_ms)

    assert differ(left, left).hours_open.examples == ("1970-01-01T01:00:00Z",)
    assert differ(closed, closed).hours_open.n == 0
    assert (differ(left, closed).hours_open.n, differ(left, closed).hours_differ.n) == (0, 1)


def test_the_undisturbed_run_closes_its_hours(tmp_path: Path) -> None:
    story = Story(1)
    sent = [next(steps) for steps in [story.steps()] for _ in range(130)]
    told = [(story.begins_ms + n * MINUTE_MS, one) for n, one in enumerate(sent, 1)]

    record = undisturbed(story.registry, story.begins_ms, MINUTE_MS, told, tmp_path / "quiet")

    hours = [end_ms for _, span_s, end_ms, _ in record.rollups if span_s == 3600]
    assert set(hours) == {story.begins_ms + 60 * MINUTE_MS, story.begins_ms + 120 * MINUTE_MS}
    assert record.hours_left_open() == set()
