"""Profiles of the installation: used by the running pipeline, before the shipped ones."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from ingest import claims, own_profiles
from ingest.formats.decode import BY_NAME
from ingest.formats.decoded import Measurement
from ingest.message import Message
from ingest.work_role import Work
from models.claim import decode_again
from models.device_profile import DeviceProfile, load_profile_text
from models.errors import BadInput, Forbidden
from models.event import Event
from models.people import Actor, Grant, machine
from models.reading import Channel, Quarantined, WaitingReading
from models.store import Store
from models.times import to_ms
from tests.ingest.house import NOW, House

SYSTEM = machine("system")
RTU = {
    "name": "Yard RTU",
    "match": {"devices": ["rtu-*"]},
    "fields": {
        "ch1": {"quantity": "crack_width", "unit": "um", "scale": 10, "sentinels": [-1]},
        "ch2": {"quantity": "temperature", "unit": "degC", "scale": 0.1},
    },
    "ignore": ["ch9"],
}


@pytest.fixture
def house(store: Store) -> House:
    return House(store)


def add(house: House, document: dict[str, Any], by: Actor = SYSTEM) -> DeviceProfile:
    with house.store.writing() as session:
        return load_profile_text(session, json.dumps(document, indent=1), by=by, now=NOW)[0]


def refresh(house: House) -> None:
    """What the worker does each second."""
    with house.store.reading() as session:
        house.pipeline.recall(session)


def rtu(second: int = 0, **channels: float) -> Message:
    pack = [{"bn": "rtu-7/", "bt": NOW.timestamp() + second}]
    pack += [{"n": name, "v": value} for name, value in channels.items()]
    return Message(
        "ridgewatch/hill/rtu-7/senml", json.dumps(pack).encode(), to_ms(NOW) + second * 1000, qos=1
    )


def read(house: House, message: Message) -> dict[str, Measurement]:
    ((_, decoded),) = house.pipeline.decode([message])
    return {one.channel: one for one in decoded.measurements}


def test_a_running_pipeline_reads_by_a_profile_from_the_moment_it_is_added(house):
    refresh(house)
    before = read(house, rtu(ch1=50))["ch1"]
    assert (before.quantity, before.value) == (None, 50)

    add(house, RTU)
    refresh(house)

    found = read(house, rtu(ch1=50, ch2=215, ch9=4))
    assert (found["ch1"].quantity, found["ch1"].value, found["ch1"].unit) == (
        "crack_width",
        0.5,
        "mm",
    )
    assert found["ch2"].value == 21.5
    assert "ch9" not in found
    assert (read(house, rtu(ch1=-1))["ch1"].value, read(house, rtu(ch1=-1))["ch1"].fault) == (
        None,
        "sentinel",
    )


def test_the_unit_in_the_message_goes_before_the_profile(house):
    add(house, RTU)
    refresh(house)
    pack = [{"bn": "rtu-7/", "bt": NOW.timestamp(), "n": "ch1", "u": "mm", "v": 0.7}]
    message = Message("ridgewatch/hill/rtu-7/senml", json.dumps(pack).encode(), to_ms(NOW))

    assert read(house, message)["ch1"].value == 0.7


def test_the_installations_own_profile_goes_before_the_shipped_one(house):
    uplink = {
        "end_device_ids": {"device_id": "soil-1"},
        "uplink_message": {
            "version_ids": {"brand_id": "dragino", "model_id": "lse01"},
            "decoded_payload": {"water_SOIL": "12.5"},
        },
    }
    message = Message("v3/a@t/devices/soil-1/up", json.dumps(uplink).encode(), to_ms(NOW))
    assert read(house, message)["water_SOIL"].quantity == "moisture_vwc"

    own = {
        "name": "LSE01 in brick",
        "match": {"brand": "dragino", "models": ["lse01"]},
        "fields": {"water_SOIL": {"quantity": "moisture_rel", "unit": "%"}},
    }
    add(house, own)
    refresh(house)

    assert read(house, message)["water_SOIL"].quantity == "moisture_rel"


def test_a_withdrawn_profile_is_used_no_more(house):
    row = add(house, RTU)
    with house.store.writing() as session:
        session.get_one(DeviceProfile, row.id).withdraw(by=SYSTEM, now=NOW)
    refresh(house)

    assert read(house, rtu(ch1=50))["ch1"].quantity is None


def test_what_waits_unclaimed_gets_its_meaning_from_a_new_profile(house):
    refresh(house)
    house.feed(rtu(ch1=50), rtu(60, ch1=-1), rtu(120, ch1=60))
    add(house, RTU)

    Work(house.store, own_profiles.HANDLERS).turn()

    with house.store.reading() as session:
        channel = session.get_one(Channel, ("rtu-7", "ch1"))
        assert (channel.quantity, channel.unit, channel.last_value) == ("crack_width", "mm", 0.6)
        waiting = session.scalars(select(WaitingReading).order_by(WaitingReading.at_ms)).all()
        assert [(one.value, one.unit) for one in waiting] == [
            (0.5, "mm"),
            (None, "mm"),
            (0.6, "mm"),
        ]


def test_a_quarantined_message_is_read_again_by_a_new_profile(house):
    odd = Message("yard/logger/1", b'{"w": 1.5, "id": "node-1"}', to_ms(NOW), qos=1)
    house.feed(odd)
    mapping = {
        "name": "yard logger",
        "match": {"topic": "yard/logger/+"},
        "device": "field:id",
        "fields": {"w": {"quantity": "crack_width", "unit": "mm"}},
    }
    add(house, mapping)
    with house.store.writing() as session:
        ids = list(session.scalars(select(Quarantined.id)))
        assert ids
        decode_again(session, ids, by=SYSTEM, now=NOW)

    work = Work(house.store, {**claims.HANDLERS, **own_profiles.HANDLERS})
    while work.turn():
        pass

    with house.store.reading() as session:
        assert [one.value for one in session.scalars(select(WaitingReading))] == [1.5]


def test_every_version_stands_in_its_event(house):
    add(house, RTU)
    add(house, RTU)
    changed = {**RTU, "ignore": []}
    row = add(house, changed)

    assert row.number == 2
    with house.store.reading() as session:
        mine = select(Event).where(Event.kind == "device_profile").order_by(Event.number)
        events = session.scalars(mine).all()
    assert [event.action for event in events] == ["add", "change"]
    assert [event.reason["values"]["document"]["ignore"] for event in events] == [["ch9"], []]


WIDTH = {"ch1": {"quantity": "width", "unit": "mm"}}
VOLTS = {"ch1": {"quantity": "crack_width", "unit": "V"}}


@pytest.mark.parametrize(
    ("change", "where", "code", "line"),
    [
        ({"fields": WIDTH}, "fields.ch1.quantity", "quantity_unknown", 10),
        ({"fields": VOLTS}, "fields.ch1.unit", "unit_unknown", 11),
        ({"match": {"device": ["x"]}}, "match.device", "match_unknown", 4),
        ({"match": {}}, "match", "matches_nothing", 3),
        ({"match": {"devices": "rtu-*"}}, "match.devices", "not_a_list", 4),
        ({"name": ""}, "name", "part_missing", 2),
    ],
)
def test_a_fault_is_told_with_its_line_and_path(house, change, where, code, line):
    with pytest.raises(BadInput) as refused:
        add(house, {**RTU, **change})

    fault = refused.value.faults[0]
    assert (fault.where, fault.reason.code, fault.line) == (where, f"profile.{code}", line)
    with house.store.reading() as session:
        assert session.scalars(select(DeviceProfile)).all() == []


def test_only_an_administrator_adds_profiles(house):
    with pytest.raises(Forbidden):
        add(house, RTU, Actor("person", grants=(Grant(None, "engineer"),)))


def test_profiles_may_name_any_format(house):
    added = add(house, {**RTU, "match": {"formats": sorted(BY_NAME)}})

    assert added.document["match"]["formats"] == sorted(BY_NAME)
