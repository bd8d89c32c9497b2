"""A repeat is ignored, and another value for the same instant never replaces the first."""

from ingest.formats.repeats import Seen
from tests.ingest.formats.making import NOW_MS, read, told, why

AT = NOW_MS // 1_000


def pack(*records: tuple[str, int, float]) -> list[dict]:
    return [{"bn": "a:", "n": n, "t": AT + t, "u": "Cel", "v": v} for n, t, v in records]


def test_the_same_message_again_is_a_duplicate():
    seen = Seen()

    outcomes = [why(seen.without_repeats(read(pack(("t", 0, 1.0))))) for _ in range(3)]

    assert outcomes == ["accept", "ignore duplicate", "ignore duplicate"]


def test_another_value_for_the_same_instant_is_a_conflict_and_the_first_stays():
    seen = Seen()
    seen.without_repeats(read(pack(("t", 0, 1.0))))

    other = seen.without_repeats(read(pack(("t", 0, 2.0))))
    again = seen.without_repeats(read(pack(("t", 0, 1.0))))

    assert (why(other), told(other)) == ("quarantine conflicting-duplicate", [])
    assert why(again) == "ignore duplicate"


def test_what_is_new_in_a_repeat_is_kept():
    seen = Seen()
    seen.without_repeats(read(pack(("t", 0, 1.0))))

    grown = seen.without_repeats(read(pack(("t", 0, 1.0), ("t", 60, 1.5))))
    mixed = seen.without_repeats(read(pack(("t", 60, 9.9), ("t", 120, 2.0))))

    assert (why(grown), len(told(grown))) == ("accept", 1)
    assert (why(mixed), len(told(mixed))) == ("partial conflicting-duplicate", 1)


def test_a_reading_without_a_time_repeats_only_in_the_same_instant():
    seen = Seen()
    record = [{"n": "a", "u": "Cel", "v": 1}]

    first = seen.without_repeats(read(record))
    later = seen.without_repeats(read(record, received_ms=NOW_MS + 1_000))

    assert (why(first), why(later)) == ("accept", "accept")


def test_a_rain_counter_that_rises_faster_than_rain_falls_is_doubted():
    seen = Seen()

    def total(seconds: int, value: float) -> str:
        record = [{"bn": "a:", "n": "rain_total", "t": AT + seconds, "u": "mm", "v": value}]
        return why(seen.without_repeats(read(record)))

    assert [total(-600, 1653.8), total(0, 2053.8), total(60, 1654.0), total(120, 0.2)] == [
        "accept",
        "quarantine out-of-range",
        "accept",
        "accept",  # the counter began anew
    ]
