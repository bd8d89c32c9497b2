"""A registry file adds and changes; what it lacks stays; a dump loads to no change at all."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from models.alert import Alert
from models.event import Event
from models.migrate import upgrade
from models.people import Organisation
from models.pulse import registry_version
from models.reading import Channel
from models.registry import Building, Element, Site, Zone
from models.registry_file.load import load_text
from models.rulebook import RuleRow
from models.rules.defaults import DEFAULT_RULES
from models.store import Store
from sensors_sim.catalogue import names, scenario
from tests.models.registry_example import (
    BY,
    EXAMPLE,
    NOW,
    dumped,
    example,
    faults,
    gauge,
    hall,
    put,
    sensor,
    site,
)

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def epochs(store: Store, code: str) -> list[tuple[Any, ...]]:
    """Return kind, beginning and channel of a sensor's epochs."""
    with store.reading() as session:
        return [
            (epoch.kind, epoch.since, epoch.device, epoch.channel)
            for epoch in sensor(session, code).epochs
        ]


def test_the_file_of_the_contract_loads_as_it_stands(store: Store) -> None:
    changes = put(store, EXAMPLE)

    assert set(changes.added) == {
        "site:tianning",
        "building:tianning/jingang",
        "element:tianning/jingang/ridge",
        "sensor:tianning/R-01",
        "sensor:tianning/C-07",
        "zone:tianning/jingang-north",
        "rule:CRACK",
    }
    assert (changes.changed, changes.retired) == ((), ())
    with store.reading() as session:
        ridge = session.scalars(select(Element)).one()
        zone = session.scalars(select(Zone)).one()
        crack = sensor(session, "C-07")
        assert zone.element_ids == [str(ridge.id)]
        assert (crack.element_id, crack.building_id) == (ridge.id, ridge.building_id)
        assert sorted(row.key for row in (crack, sensor(session, "R-01"))) == [1, 2]


def test_a_temperature_that_is_still_to_come_is_pointed_out_not_refused(store: Store) -> None:
    changes = put(store, EXAMPLE)

    assert [warning.reason.code for warning in changes.warnings] == ["registry.compensation_waits"]


def test_loading_the_same_again_changes_nothing(store: Store) -> None:
    put(store, EXAMPLE)
    with store.reading() as session:
        before = registry_version(session), len(session.scalars(select(Event)).all())

    changes = put(store, EXAMPLE, days=1, prune=True)

    assert not changes
    with store.reading() as session:
        assert (registry_version(session), len(session.scalars(select(Event)).all())) == before


@pytest.mark.parametrize("name", names())
def test_a_dump_of_any_scenarios_registry_loads_to_no_change(
    sqlite_store: Store, name: str
) -> None:
    put(sqlite_store, scenario(name).registry)
    whole = json.loads(json.dumps(dumped(sqlite_store)))

    assert not put(sqlite_store, whole, days=1, prune=True)
    assert not put(sqlite_store, scenario(name).registry, days=1, prune=True)


def test_a_dump_makes_the_same_registry_elsewhere(
    store: Store, empty_database_url: str, tmp_path: Path
) -> None:
    put(store, _everything())
    whole = json.loads(json.dumps(dumped(store)))
    elsewhere = Store(empty_database_url, tmp_path / "elsewhere")
    upgrade(elsewhere)

    put(elsewhere, whole, days=1)

    assert dumped(elsewhere) == whole
    elsewhere.close()


def _everything() -> dict[str, Any]:
    """Return a file that uses every key there is."""
    document = example()
    document["organisations"] = [
        {"code": "city", "kind": "authority", "name": {"zh": "市文物局", "en": "City bureau"}},
        {
            "code": "bureau",
            "kind": "authority",
            "name": "区文旅局",
            "parent": "city",
            "phone": "0513-0000 0000",
        },
        {
            "code": "hengji",
            "kind": "contractor",
            "name": {"zh": "恒基古建"},
            "licence": {
                "grade": "2",
                "scope": "古建筑",
                "number": "GJ-0002",
                "until": "2027-12-31",
            },
        },
    ]
    site(document).update(
        organisation="bureau",
        address={"zh": "某路 1 号", "en": "1 Some Road"},
        phone="0513-1111 1111",
        responsible={"name": "罗某", "title": {"zh": "主任", "en": "head"}, "phone": "139"},
        superiors=[{"name": {"zh": "市局", "en": "City bureau"}, "phone": "1", "channel": "fax"}],
        drawings=[_drawing("yard", [{"sensor": "R-01", "x": 0, "y": 1}])],
    )
    hall(document).update(drawings=[_drawing("north", [{"element": "ridge", "x": 0.5, "y": 0.2}])])
    hall(document)["elements"][0]["orientation"] = "N"
    gauge(document).update(name="裂缝计", offset=0.12, scale=2.5)
    hall(document)["sensors"].append(
        {"code": "T-03", "quantity": "temperature", "unit": "K", "retired": True}
    )
    site(document)["zones"].append(
        {
            "code": "whole",
            "name": "全寺",
            "buildings": ["jingang"],
            "also_affects": ["jingang-north"],
            "retired": True,
        }
    )
    site(document)["zones"][0]["parents"] = ["whole"]
    document["rules"][0]["off"] = True
    return document


def _drawing(code: str, pins: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "code": code,
        "kind": "elevation",
        "orientation": "N",
        "name": "立面",
        "width": 760,
        "height": 420,
        "shapes": [
            ["path", {"class": "roof", "d": "M0 0 L10.5 -3z"}],
            ["rect", {"x": 1, "y": 2.5, "width": 3, "height": 4}],
            ["polyline", {"points": "0,0 1,1"}],
        ],
        "pins": pins,
    }


def test_what_the_file_lacks_stays_as_it_was(store: Store) -> None:
    put(store, _everything())
    before = dumped(store)

    changes = put(store, {"sites": [{"code": "tianning", "phone": "110"}]}, days=1)

    assert changes.changed == ("site:tianning",)
    before["sites"][0]["phone"] = "110"
    assert dumped(store) == before


def test_null_empties_a_field(store: Store) -> None:
    put(store, _everything())
    empty = {"code": "tianning", "location": None, "address": None, "superiors": None}

    put(store, {"sites": [empty]})

    with store.reading() as session:
        temple = session.scalars(select(Site)).one()
        assert (temple.latitude, temple.address, temple.superiors) == (None, None, None)


def test_a_sensors_first_epoch_reaches_back_so_that_history_binds(store: Store) -> None:
    put(store, EXAMPLE)

    assert epochs(store, "C-07") == [("install", BEGINNING, "tn-node-3", "crack")]


@pytest.mark.parametrize(
    ("change", "kind", "source"),
    [
        ({"source": {"device": "new", "channel": "c"}}, "install", ("new", "c")),
        ({"source": None}, "install", (None, None)),
        ({"element": "eaves"}, "move", ("tn-node-3", "crack")),
        ({"element": None}, "move", ("tn-node-3", "crack")),
        ({"offset": -0.4}, "re-zero", ("tn-node-3", "crack")),
        ({"scale": 1.02, "offset": 1}, "calibrate", ("tn-node-3", "crack")),
    ],
)
def test_a_changed_source_place_or_offset_begins_an_epoch_now(
    store: Store, change: dict[str, Any], kind: str, source: tuple[str | None, str | None]
) -> None:
    put(store, example(lambda d: hall(d)["elements"].append({"code": "eaves", "name": "檐"})))
    after = example(lambda d: gauge(d).update(change))

    changes = put(store, after, days=3)

    assert changes.changed == ("sensor:tianning/C-07",)
    then = NOW + timedelta(days=3)
    assert epochs(store, "C-07") == [
        ("install", BEGINNING, "tn-node-3", "crack"),
        (kind, then, *source),
    ]
    assert not put(store, after, days=4)


def test_a_sensor_that_moves_to_another_building_leaves_its_element(store: Store) -> None:
    put(store, EXAMPLE)
    tower = {"code": "tower", "name": "钟楼", "sensors": [{"code": "C-07"}]}

    put(store, {"sites": [{"code": "tianning", "buildings": [tower]}]}, days=1)

    with store.reading() as session:
        moved = sensor(session, "C-07")
        assert moved.building is not None and moved.building.code == "tower"
        assert moved.element_id is None
    assert epochs(store, "C-07")[-1][0] == "move"


def test_two_sensors_may_swap_their_channels(store: Store) -> None:
    put(store, EXAMPLE)

    def swap(document: dict[str, Any]) -> None:
        rain = site(document)["sensors"][0]
        rain["source"], gauge(document)["source"] = gauge(document)["source"], rain["source"]

    put(store, example(swap), days=1)

    assert epochs(store, "R-01")[-1][2:] == ("tn-node-3", "crack")
    assert epochs(store, "C-07")[-1][2:] == ("tn-node-1", "rain")


def test_a_channel_that_was_heard_counts_as_claimed_once_a_sensor_reads_it(store: Store) -> None:
    with store.writing() as session:
        session.add(Channel(device="tn-node-3", channel="crack", first_ms=1, last_ms=2, count=3))

    put(store, EXAMPLE)
    with store.reading() as session:
        assert session.scalars(select(Channel.claimed)).one() is True

    put(store, example(lambda d: gauge(d).update(source=None)), days=1)
    with store.reading() as session:
        assert session.scalars(select(Channel.claimed)).one() is False


def test_pruning_retires_what_the_file_lacks_and_deletes_nothing(store: Store) -> None:
    put(store, EXAMPLE)
    bare = {"sites": [{"code": "tianning"}], "rules": []}

    changes = put(store, bare, days=1, prune=True)

    assert set(changes.retired) == {
        "building:tianning/jingang",
        "element:tianning/jingang/ridge",
        "sensor:tianning/R-01",
        "sensor:tianning/C-07",
        "zone:tianning/jingang-north",
        "rule:CRACK",
    }
    assert epochs(store, "C-07")[-1][:2] == ("retired", NOW + timedelta(days=1))
    with store.reading() as session:
        assert session.scalars(select(Building)).one().retired
        assert session.scalars(select(RuleRow)).one().off_at is not None
    assert not put(store, bare, days=2, prune=True)


def test_a_file_without_sites_prunes_none(store: Store) -> None:
    put(store, EXAMPLE)

    assert not put(store, {"organisations": []}, prune=True)


def test_what_a_file_retired_a_file_brings_back(store: Store) -> None:
    put(store, EXAMPLE)
    put(store, {"sites": [], "rules": []}, days=1, prune=True)

    changes = put(store, EXAMPLE, days=2)

    assert "sensor:tianning/C-07" in changes.changed
    assert epochs(store, "C-07")[-1] == (
        "install",
        NOW + timedelta(days=2),
        "tn-node-3",
        "crack",
    )
    assert not put(store, EXAMPLE, days=3)


def test_what_a_person_retired_no_file_brings_back(store: Store) -> None:
    put(store, EXAMPLE)
    with store.writing() as session:
        fallen = sensor(session, "C-07")
        fallen.retire(why="destroyed", note="fell with the ridge", by=BY, now=NOW)

    changes = put(store, EXAMPLE, days=1)

    assert not changes
    assert changes.left == ("sensor:tianning/C-07",)


def test_a_successor_may_take_the_channel_of_a_retired_sensor(store: Store) -> None:
    put(store, EXAMPLE)

    def replace(document: dict[str, Any]) -> None:
        gauge(document)["code"] = "C-09"

    changes = put(store, example(replace), days=1, prune=True)

    assert changes.added == ("sensor:tianning/C-09",)
    assert changes.retired == ("sensor:tianning/C-07",)


def test_a_sensor_in_alert_is_not_retired_by_a_file(store: Store) -> None:
    put(store, EXAMPLE)
    _raise_alert(store, "CRACK")
    found = faults(store, {"sites": [{"code": "tianning"}]}, prune=True)

    assert found == {"sites[0].sensors": "registry.in_alert"}


def test_an_alert_of_silence_goes_with_its_sensor(store: Store) -> None:
    put(store, {**EXAMPLE, "rules": [{"code": "Q1", "kind": "silence", "severity": "low"}]})
    _raise_alert(store, "Q1")

    put(store, {"sites": [{"code": "tianning"}]}, days=1, prune=True)

    with store.reading() as session:
        assert not session.scalars(select(Alert)).one().live


def _raise_alert(store: Store, rule: str) -> None:
    with store.writing() as session:
        session.add(
            Alert(
                code="A-1",
                rule_code=rule,
                rule_version=1,
                subject="sensor:tianning/C-07",
                episode=1,
                severity="low",
                peak="low",
                raised_at=NOW,
                risen_at=NOW,
                observed_at=NOW,
                changed_at=NOW,
                reason={"code": "rule.reached", "values": {}},
            )
        )


def test_a_changed_rule_makes_a_new_version_and_the_same_one_does_not(store: Store) -> None:
    put(store, EXAMPLE)
    put(store, EXAMPLE, days=1)

    def stricter(document: dict[str, Any]) -> None:
        document["rules"][0]["levels"][0]["raise_at"] = 0.25

    changes = put(store, example(stricter), days=2)

    assert changes.changed == ("rule:CRACK",)
    with store.reading() as session:
        versions = session.scalars(select(RuleRow)).one().versions
        assert [version.spec["levels"][0]["raise_at"] for version in versions] == [0.3, 0.25]
        assert versions[1].since == NOW + timedelta(days=2)


def test_the_same_rule_in_other_words_is_no_new_version(store: Store) -> None:
    put(store, EXAMPLE)

    def reworded(document: dict[str, Any]) -> None:
        document["rules"][0].update(off_delay="360min", latch=False, name=None)

    assert not put(store, example(reworded))


def test_a_file_without_rules_brings_the_defaults_to_a_bare_installation_only(
    store: Store,
) -> None:
    without = {"sites": EXAMPLE["sites"]}

    changes = put(store, without)

    defaults = {f"rule:{spec['code']}" for spec in DEFAULT_RULES}
    assert {label for label in changes.added if label.startswith("rule:")} == defaults
    assert not put(store, without, days=1)


def test_a_file_with_an_empty_list_of_rules_has_none(store: Store) -> None:
    put(store, {**EXAMPLE, "rules": []})

    assert dumped(store)["rules"] == []


def test_a_rule_can_be_switched_off_and_on(store: Store) -> None:
    put(store, EXAMPLE)

    off = put(store, example(lambda d: d["rules"][0].update(off=True)), days=1)
    kept = dumped(store)["rules"][0]
    on = put(store, EXAMPLE, days=2)

    assert (off.retired, kept["off"], on.changed) == (("rule:CRACK",), True, ("rule:CRACK",))


def test_pins_are_changed_as_a_whole(store: Store) -> None:
    put(store, _everything())
    moved = _drawing("north", [{"sensor": "C-07", "x": 0.1, "y": 0.1}])
    buildings = [{"code": "jingang", "drawings": [moved]}]

    changes = put(store, {"sites": [{"code": "tianning", "buildings": buildings}]})

    assert changes.changed == ("drawing:tianning/north",)
    drawn = dumped(store)["sites"][0]["buildings"][0]["drawings"][0]
    assert drawn["pins"] == [{"sensor": "C-07", "x": 0.1, "y": 0.1}]


def test_a_new_site_belongs_to_the_only_authority(store: Store) -> None:
    with store.writing() as session:
        session.add(Organisation(code="authority", kind="authority", name={"zh": "局"}))

    put(store, EXAMPLE)

    assert dumped(store)["sites"][0]["organisation"] == "authority"


def test_every_change_leaves_an_event_that_tells_the_site_and_no_names(store: Store) -> None:
    put(store, EXAMPLE)
    put(store, _everything(), days=1)

    with store.reading() as session:
        temple = session.scalars(select(Site)).one()
        events = session.scalars(select(Event).where(Event.action == "change")).all()
        changed = next(event for event in events if event.kind == "site")
        places = session.scalars(select(Event).where(Event.kind == "element")).all()
    assert changed.reason is not None
    assert "responsible" in changed.reason["values"]["fields"]
    assert "罗某" not in json.dumps([event.reason for event in events], ensure_ascii=False)
    assert {event.site_id for event in places} == {temple.id}


def test_text_loads_as_its_document_does(store: Store) -> None:
    text = "\ufeff" + json.dumps(EXAMPLE, ensure_ascii=False)

    with store.writing() as session:
        changes = load_text(session, text.encode(), by=BY, now=NOW)

    assert changes
    assert not put(store, EXAMPLE)
