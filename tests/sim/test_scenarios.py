"""Every scenario holds together: same bytes each run, sensors that exist, faults that strike."""

import json
from itertools import islice

import pytest

from sensors_sim.catalogue import UnknownScenario, names, scenario
from sensors_sim.packet import Packet
from sensors_sim.stream import history, packets
from sensors_sim.times import DAY_MS, HOUR_MS, ms

SENML_OF = {
    "rain_total": "mm",
    "wind_speed": "m/s",
    "battery_level": "%EL",
    "crack_width": "mm",
    "moisture_content": "%",
    "temperature": "Cel",
    "tilt_x": "deg",
}


def registered(name: str) -> dict[str, tuple[str, str, int, str]]:
    """Every registered sensor: its device, channel, interval and SenML unit."""
    return {
        f"{site['code']}/{sensor['code']}": (
            sensor["source"]["device"],
            sensor["source"]["channel"],
            sensor["interval_s"],
            SENML_OF[sensor["quantity"]],
        )
        for site in scenario(name).registry["sites"]
        for holder in (site, *site["buildings"])
        for sensor in holder["sensors"]
    }


def first_days(name: str, seed: int, days: float) -> list[Packet]:
    story = scenario(name)
    return list(packets(story, seed, until_ms=story.begins_ms + round(days * DAY_MS)))


@pytest.mark.parametrize("name", names())
def test_same_seed_same_bytes_and_in_order_of_arrival(name: str) -> None:
    once, again, other = (first_days(name, seed, 1.5) for seed in (7, 7, 8))

    assert once == again
    assert once != other
    assert [p.at_ms for p in once] == sorted(p.at_ms for p in once)


@pytest.mark.parametrize("name", names())
def test_every_registered_sensor_is_measured_as_the_registry_says(name: str) -> None:
    measured = {
        f"{place.code}/{channel.sensor}": (node.device, channel.name, channel.every_s, channel.unit)
        for place in scenario(name).places
        for node in place.nodes
        for channel in node.channels
        if channel.sensor
    }

    assert measured == registered(name)


@pytest.mark.parametrize("name", names())
def test_elements_of_sensors_and_zones_exist_and_every_name_has_both_languages(name: str) -> None:
    for site in scenario(name).registry["sites"]:
        elements = {f"{b['code']}/{e['code']}" for b in site["buildings"] for e in b["elements"]}
        sensors = [(b["code"], s) for b in site["buildings"] for s in b["sensors"]]
        named = [site, *site["zones"], *site["buildings"], *site["sensors"]]
        named += [e for b in site["buildings"] for e in b["elements"]] + [s for _, s in sensors]

        assert all(f"{code}/{s['element']}" in elements for code, s in sensors)
        assert all(set(zone["elements"]) <= elements for zone in site["zones"])
        assert all(set(thing["name"]) == {"zh", "en"} for thing in named)


def test_resuming_goes_on_with_the_very_next_packet() -> None:
    story = scenario("demo")
    until_ms = story.begins_ms + DAY_MS
    whole = list(packets(story, 1, until_ms=until_ms))
    since_ms = whole[len(whole) // 2].at_ms

    assert list(packets(story, 1, since_ms, until_ms)) == [p for p in whole if p.at_ms > since_ms]


def test_a_scenario_without_end_goes_on_past_its_script() -> None:
    story = scenario("demo")
    later = list(islice(packets(story, 1, since_ms=ms("2022-04-20T00:00:00+08:00")), 50))

    assert len(later) == 50
    assert {p.via for p in later} == {"receiver", "broker"}


def test_the_story_of_the_temple_is_the_same_beside_other_sites() -> None:
    alone = first_days("tianning-2022", 1, 1)
    beside = [p for p in first_days("demo", 1, 1) if "/tianning/" in p.topic]

    assert beside == alone


def test_history_joins_on_to_the_first_packets() -> None:
    story = scenario("tianning-2022")
    last: dict[str, float] = {}
    counted = -1.0
    for sensor, at_ms, value in history(story, 3, story.begins_ms - 365 * DAY_MS, story.begins_ms):
        assert at_ms % HOUR_MS == 0
        last[sensor] = value
        if sensor == "tianning/R-01":
            assert value >= counted
            counted = value
    at = {
        (device, channel): sensor
        for sensor, (device, channel, _, _) in registered("tianning-2022").items()
    }
    first: dict[str, float] = {}
    for packet in packets(story, 3, until_ms=story.begins_ms + HOUR_MS + 60_000):
        pack = json.loads(packet.payload)
        for record in pack:
            sensor = at.get((pack[0]["bn"].rstrip(":"), record["n"]))
            if sensor:
                first.setdefault(sensor, record["v"])

    assert set(first) == set(last) == set(registered("tianning-2022"))
    assert first["tianning/R-01"] >= last["tianning/R-01"]
    assert abs(first["tianning/C-07"] - last["tianning/C-07"]) < 0.06
    assert abs(first["tianning/M-03"] - last["tianning/M-03"]) < 0.6
    assert abs(first["tianning/T-03"] - last["tianning/T-03"]) < 1.5


def test_history_before_the_world_is_refused() -> None:
    story = scenario("demo")

    with pytest.raises(ValueError, match="no history before"):
        next(history(story, 1, story.world_begins_ms - 1, story.begins_ms))


def test_an_unknown_scenario_is_told_with_those_there_are() -> None:
    with pytest.raises(UnknownScenario) as caught:
        scenario("atlantis")

    assert caught.value.values["name"] == "atlantis"
    assert "tianning-2022" in caught.value.values["known"]


def trouble(name: str, device: str) -> tuple[list[Packet], int, int]:
    """A device's packets, and the stretch of its trouble."""
    story = scenario(name)
    since_ms, until_ms = (truth.at_ms for truth in story.truths)
    every = [p for p in packets(story, 1) if f"/{device}/" in p.topic]
    return every, since_ms, until_ms


def test_a_silent_gauge_says_nothing_and_comes_back() -> None:
    every, since_ms, until_ms = trouble("fault-silent", "tn-node-3")

    # A second's slack for what was measured before and is still in the air.
    assert not [p for p in every if since_ms + 5_000 < p.at_ms <= until_ms]
    assert [p for p in every if p.at_ms > until_ms]


def test_rubbish_is_unreadable_json_or_none_and_only_while_it_lasts() -> None:
    every, since_ms, until_ms = trouble("fault-garbage", "tn-node-3")

    def is_strict_json(payload: bytes) -> bool:
        try:
            json.loads(payload, parse_constant=lambda name: 1 / 0)
        except (ValueError, ZeroDivisionError):
            return False
        return True

    bad = [p for p in every if not is_strict_json(p.payload)]
    assert len(bad) > 20
    assert all(since_ms < p.at_ms < until_ms + 5_000 for p in bad)


def test_duplicates_are_the_same_bytes_three_times() -> None:
    every, since_ms, until_ms = trouble("fault-duplicates", "tn-node-1")
    during = [p for p in every if p.dup]

    assert during
    assert all(sum(q.payload == p.payload for q in every) == 3 for p in during[:50])


def test_some_packets_are_overtaken() -> None:
    every, _, _ = trouble("fault-out-of-order", "tn-node-1")
    measured = [json.loads(p.payload)[0]["bt"] for p in every]

    assert measured != sorted(measured)
    assert len(measured) == len(set(measured))


def test_a_backlog_arrives_in_order_after_the_break() -> None:
    every, since_ms, until_ms = trouble("fault-backlog", "tn-node-1")
    arrived = [p for p in every if since_ms + 5_000 < p.at_ms <= until_ms]
    backlog = [p for p in every if since_ms < json.loads(p.payload)[0]["bt"] * 1000 <= until_ms]
    measured = [json.loads(p.payload)[0]["bt"] for p in backlog]

    assert not arrived
    assert len(backlog) > 60
    assert measured == sorted(measured)


def test_every_pin_of_a_drawing_is_a_sensor_or_an_element_and_lies_on_it() -> None:
    for site in scenario("demo").registry["sites"]:
        sensors = {s["code"] for b in (site, *site["buildings"]) for s in b["sensors"]}
        elements = {f"{b['code']}/{e['code']}" for b in site["buildings"] for e in b["elements"]}
        pins = [pin for drawing in site["drawings"] for pin in drawing["pins"]]

        assert pins
        assert {pin["element"] for pin in pins if "element" in pin} <= elements
        assert all(0 <= pin["x"] <= 1 and 0 <= pin["y"] <= 1 for pin in pins)
        # A weather node's battery is of no place; every other sensor is on a drawing.
        assert sensors - {"B-01"} == {pin["sensor"] for pin in pins if "sensor" in pin}


def test_a_node_numbers_its_packs_and_a_lost_one_leaves_a_gap() -> None:
    numbers: dict[str, list[int]] = {}
    for packet in first_days("tianning-2022", 7, 2):
        records = json.loads(packet.payload) if packet.topic.endswith("/senml") else []
        told = {record["n"]: record for record in records if isinstance(record, dict)}
        if "seq" in told:
            numbers.setdefault(records[0]["bn"], []).append(told["seq"]["v"])

    assert numbers
    for counted in numbers.values():
        assert min(counted) <= 3
        assert len(set(counted)) >= 0.9 * (max(counted) - min(counted) + 1)
