"""The same seed gives the same messages and the same faults; another seed others."""

import json
from itertools import islice

from ingest.torture.nemeses import NEMESES
from ingest.torture.plan import plan
from ingest.torture.story import BOOT_STEP, Story

ALL = tuple(NEMESES.values())


def test_the_plan_is_the_seeds() -> None:
    assert plan(ALL, 120, 7) == plan(ALL, 120, 7)
    assert plan(ALL, 120, 7) != plan(ALL, 120, 8)


def test_each_strikes_alone_before_two_strike_together() -> None:
    names = [fault.names for fault in plan(ALL, 300, 1)]

    assert names[: len(ALL)] == [(one.name,) for one in ALL]
    assert len(names) > len(ALL)
    assert all(len(pair) == 2 for pair in names[len(ALL) :])


def test_two_that_need_the_same_process_never_meet() -> None:
    pairs = {fault.names for fault in plan(ALL, 3000, 1)}

    assert ("kill-ingest", "pause-ingest") not in pairs
    assert ("kill-ingest", "cut") in pairs


def test_the_plan_keeps_to_its_time() -> None:
    faults = plan(ALL, 30, 3)

    assert sum(fault.calm_s + max(fault.lasts_s) for fault in faults) <= 30


def told(seed: int, minutes: int = 300):
    return [sent for minute in islice(Story(seed).steps(), minutes) for sent in minute]


def test_the_messages_are_the_seeds() -> None:
    assert told(1) == told(1)
    assert [one.payload for one in told(1)] != [one.payload for one in told(2)]


def test_every_message_can_be_read_back_out_of_its_values() -> None:
    messages = told(1)
    counted = {(one.device, one.counted) for one in messages}

    assert len(counted) == len(messages)
    for one in messages:
        record = json.loads(one.payload)[-1]
        assert (record["n"], record["v"]) == ("count", one.counted)


def test_devices_start_anew_now_and_then() -> None:
    boots = {one.counted // BOOT_STEP for one in told(1, minutes=1500) if one.device == "torture-0"}

    assert len(boots) > 2
