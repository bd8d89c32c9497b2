"""An impossible registry file changes nothing, and each fault is named with its place and line."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.errors import BadInput
from models.reading import SensorState
from models.registry_file.dump import dump
from models.registry_file.load import load, load_text
from models.store import Store, begin_write
from models.words.render import Reader, text
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

Change = Callable[[dict[str, Any]], Any]
SENSOR = "sites[0].buildings[0].sensors[0]"


@pytest.mark.parametrize(
    ("change", "place", "code"),
    [
        (lambda d: d.update(sitse=[]), "sitse", "misspelt_key"),
        (lambda d: d.update({"版本": 1}), "版本", "unknown_key"),
        (lambda d: d.update(sites={}), "sites", "not_a_list"),
        (lambda d: d["sites"].append(3), "sites[1]", "not_an_object"),
        (lambda d: d["sites"].append({"code": "new"}), "sites[1].name", "required"),
        (lambda d: d["sites"].append({"name": "x"}), "sites[1].code", "required"),
        (lambda d: site(d).update(code="tian ning"), "sites[0].code", "not_a_code"),
        (lambda d: site(d).update(name={}), "sites[0].name", "not_a_name"),
        (lambda d: site(d).update(name={"zh": " "}), "sites[0].name.zh", "length"),
        (lambda d: site(d).update(name={"zh": "a\0"}), "sites[0].name.zh", "unprintable"),
        (lambda d: site(d).update(name="\ud800"), "sites[0].name", "unprintable"),
        (lambda d: site(d).update(name={"fr": "x"}), "sites[0].name.fr", "unknown_key"),
        (
            lambda d: site(d).update(protection_level="world"),
            "sites[0].protection_level",
            "not_a_word",
        ),
        (
            lambda d: site(d).update(timezone="Asia/Shangai"),
            "sites[0].timezone",
            "timezone_misspelt",
        ),
        (lambda d: site(d).update(timezone=8), "sites[0].timezone", "not_a_timezone"),
        (lambda d: site(d)["location"].update(lat=91), "sites[0].location.lat", "out_of_range"),
        (lambda d: site(d)["location"].pop("lon"), "sites[0].location.lon", "required"),
        (lambda d: site(d).update(organisation="nobody"), "sites[0].organisation", "no_such"),
        (
            lambda d: site(d)["buildings"].append(hall(example())),
            "sites[0].buildings[1].code",
            "code_twice",
        ),
        (
            lambda d: hall(d)["elements"][0].update(height_m="9.2"),
            "sites[0].buildings[0].elements[0].height_m",
            "not_a_number",
        ),
        (lambda d: gauge(d).update(code="R-01"), f"{SENSOR}.code", "code_twice"),
        (lambda d: gauge(d).update(quantity="cracks"), f"{SENSOR}.quantity", "not_a_word"),
        (lambda d: gauge(d).pop("quantity"), f"{SENSOR}.quantity", "required"),
        (lambda d: gauge(d).update(unit="degC"), f"{SENSOR}.unit", "not_convertible"),
        (lambda d: gauge(d).update(element="roof"), f"{SENSOR}.element", "no_such"),
        (lambda d: gauge(d).update(element="tower/roof"), f"{SENSOR}.element", "element_elsewhere"),
        (lambda d: gauge(d).update(interval_s=0), f"{SENSOR}.interval_s", "out_of_range"),
        (lambda d: gauge(d).update(interval_s=1.5), f"{SENSOR}.interval_s", "not_whole"),
        (lambda d: gauge(d).update(interval_s=True), f"{SENSOR}.interval_s", "not_a_number"),
        (lambda d: gauge(d).update(interval_s=10**400), f"{SENSOR}.interval_s", "out_of_range"),
        (lambda d: gauge(d).update(offset=float("nan")), f"{SENSOR}.offset", "out_of_range"),
        (lambda d: gauge(d).update(scale=0), f"{SENSOR}.scale", "no_zero_scale"),
        (
            lambda d: site(d)["sensors"][0].update(scale=-1),
            "sites[0].sensors[0].scale",
            "no_negative_rain",
        ),
        (lambda d: gauge(d).update(serves=["nowhere"]), f"{SENSOR}.serves[0]", "no_such"),
        (lambda d: gauge(d).update(source={"device": "x"}), f"{SENSOR}.source.channel", "required"),
        (lambda d: gauge(d).update(compensate_with="C-07"), f"{SENSOR}.compensate_with", "itself"),
        (
            lambda d: gauge(d).update(compensate_with="R-01"),
            f"{SENSOR}.compensate_with",
            "no_temperature",
        ),
        (
            lambda d: gauge(d).update(source=site(d)["sensors"][0]["source"]),
            f"{SENSOR}.source",
            "source_taken",
        ),
        (
            lambda d: site(d)["sensors"][0].update(element="ridge"),
            "sites[0].sensors[0].element",
            "element_needs_building",
        ),
        (
            lambda d: site(d)["zones"][0].update(elements=["ridge"]),
            "sites[0].zones[0].elements[0]",
            "element_needs_building",
        ),
        (
            lambda d: site(d)["zones"][0].update(buildings=["tower"]),
            "sites[0].zones[0].buildings[0]",
            "no_such",
        ),
        (
            lambda d: site(d)["zones"][0].update(also_affects=["jingang-north"]),
            "sites[0].zones[0].also_affects[0]",
            "itself",
        ),
        (
            lambda d: d["rules"][0]["where"].update(sites=["else"]),
            "rules[0].where.sites[0]",
            "no_such",
        ),
        (
            lambda d: d["rules"][0]["where"].update(sensors=["tianning/C-08"]),
            "rules[0].where.sensors[0]",
            "no_such",
        ),
        (lambda d: d["rules"].append(d["rules"][0]), "rules[1].code", "code_twice"),
        (lambda d: d["rules"][0].update(code="a/b"), "rules[0].code", "not_a_code"),
        (lambda d: d["rules"][0].update(off="yes"), "rules[0].off", "not_a_flag"),
        (lambda d: d["rules"][0].update(name="\x01"), "rules[0]", "unprintable"),
    ],
)
def test_each_fault_is_named_with_its_place(
    sqlite_store: Store, change: Change, place: str, code: str
) -> None:
    found = faults(sqlite_store, example(change))

    assert found.get(place) == f"registry.{code}"


@pytest.mark.parametrize(
    ("shapes", "code"),
    [
        ([["script", {}]], "unknown_shape"),
        ([["image", {"href": "http://x"}]], "unknown_shape"),
        ([["rect", {"onclick": "x()"}]], "unknown_attribute"),
        ([["path", {"d": "M0 0", "style": "x"}]], "unknown_attribute"),
        ([["path", {"d": 'M0 0"/><script>'}]], "not_drawable"),
        ([["path", {"class": 'a" onload="x'}]], "not_drawable"),
        ([["rect", {"x": "url(#a)"}]], "not_a_number"),
        (["rect"], "not_a_shape"),
    ],
)
def test_a_drawing_can_hold_nothing_that_acts(
    sqlite_store: Store, shapes: list[Any], code: str
) -> None:
    drawing = {"code": "n", "kind": "plan", "name": "n", "shapes": shapes}

    found = faults(sqlite_store, example(lambda d: site(d).update(drawings=[drawing])))

    assert found == {"sites[0].drawings[0].shapes[0]": f"registry.{code}"}


@pytest.mark.parametrize(
    ("pin", "place", "code"),
    [
        ({"x": 0, "y": 0}, "", "pin_of_one"),
        ({"sensor": "C-07", "element": "jingang/ridge", "x": 0, "y": 0}, "", "pin_of_one"),
        ({"sensor": "C-99", "x": 0, "y": 0}, ".sensor", "no_such"),
        ({"element": "ridge", "x": 0, "y": 0}, ".element", "element_needs_building"),
        ({"sensor": "C-07", "x": 1.01, "y": 0}, ".x", "out_of_range"),
        ({"sensor": "C-07", "x": 1}, ".y", "required"),
    ],
)
def test_a_pin_shows_one_thing_that_exists_on_the_drawing(
    sqlite_store: Store, pin: dict[str, Any], place: str, code: str
) -> None:
    drawing = {"code": "n", "kind": "plan", "name": "n", "pins": [pin]}

    found = faults(sqlite_store, example(lambda d: site(d).update(drawings=[drawing])))

    assert found == {f"sites[0].drawings[0].pins[0]{place}": f"registry.{code}"}


def test_all_faults_are_listed_at_once(sqlite_store: Store) -> None:
    def several(document: dict[str, Any]) -> None:
        site(document)["timezone"] = "Mars"
        gauge(document).update(unit="kg", element="roof")
        document["rules"][0]["deadband"] = -1

    found = faults(sqlite_store, example(several))

    assert set(found) == {
        "sites[0].timezone",
        f"{SENSOR}.unit",
        f"{SENSOR}.element",
        "rules[0].deadband",
    }


def test_zones_and_companies_have_no_circles_above_them(sqlite_store: Store) -> None:
    def circles(document: dict[str, Any]) -> None:
        site(document)["zones"] = [
            {"code": "a", "name": "a", "parents": ["b"]},
            {"code": "b", "name": "b", "parents": ["a"]},
        ]
        document["organisations"] = [
            {"code": "o", "name": "o", "kind": "authority", "parent": "p"},
            {"code": "p", "name": "p", "kind": "authority", "parent": "o"},
        ]

    found = faults(sqlite_store, example(circles))

    assert found == {
        "organisations[0].parent": "registry.own_ancestor",
        "organisations[1].parent": "registry.own_ancestor",
        "sites[0].zones[0].parents": "registry.own_ancestor",
        "sites[0].zones[1].parents": "registry.own_ancestor",
    }


def test_a_site_belongs_to_an_authority(sqlite_store: Store) -> None:
    def foreign(document: dict[str, Any]) -> None:
        document["organisations"] = [{"code": "firm", "name": "f", "kind": "contractor"}]
        site(document)["organisation"] = "firm"

    assert faults(sqlite_store, example(foreign)) == {
        "sites[0].organisation": "registry.not_an_authority"
    }


def test_a_sensor_with_readings_keeps_its_quantity(store: Store) -> None:
    put(store, EXAMPLE)
    put(store, example(lambda d: gauge(d).update(quantity="displacement")))
    with store.writing() as session:
        key = sensor(session, "C-07").key
        session.add(SensorState(sensor=key, at_ms=1, value=1.0, quality=1))

    assert faults(store, EXAMPLE) == {f"{SENSOR}.quantity": "registry.quantity_stays"}


def test_a_channel_that_another_sensor_reads_already_is_taken(sqlite_store: Store) -> None:
    put(sqlite_store, EXAMPLE)
    rival = {"code": "X", "quantity": "strain", "unit": "um/m"}
    rival["source"] = {"device": "tn-node-3", "channel": "crack"}  # type: ignore[assignment]

    found = faults(sqlite_store, {"sites": [{"code": "tianning", "sensors": [rival]}]})

    assert found == {"sites[0].sensors[0].source": "registry.source_taken"}


def test_the_line_of_a_fault_is_told(sqlite_store: Store) -> None:
    document = example(lambda d: gauge(d).update(quantity="cracks", unnit="mm"))
    lines = json.dumps(document, ensure_ascii=False, indent=1).splitlines()

    found = _refused(sqlite_store, "\n".join(lines))

    assert {fault.where: lines[fault.line - 1].strip() for fault in found} == {
        f"{SENSOR}.quantity": '"quantity": "cracks",',
        f"{SENSOR}.unnit": '"unnit": "mm"',
    }


def test_the_line_of_what_is_missing_is_that_of_what_should_hold_it(sqlite_store: Store) -> None:
    content = '{"sites": [\n  {"code": "a", "name": "a"},\n  {\n   "name": "b"}]}'

    found = _refused(sqlite_store, content)

    assert [(fault.where, fault.line) for fault in found] == [("sites[1].code", 3)]


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        ('{"sites": [\n{"code": "a",}]}', "not_json", 2),
        ("", "not_json", 1),
        (b'{"sites":\n"\xff"}', "not_utf8", 2),
        ('{"sites": [], "rules": [{"deadband": NaN}]}', "not_a_document", None),
        ("[" * 100_000, "not_a_document", None),
        ("[" * 200 + "]" * 200, "too_deep", 1),
        ('{"sites": [],\n "sites": []}', "given_twice", 2),
        ("[]", "not_an_object", 1),
        ('"sites"', "not_an_object", 1),
        ('{"rules": [' + "9" * 5000 + "]}", "not_a_document", None),
    ],
)
def test_text_that_is_no_document_is_refused_with_its_line(
    sqlite_store: Store, content: str | bytes, code: str, line: int | None
) -> None:
    found = _refused(sqlite_store, content)

    assert [(fault.reason.code, fault.line) for fault in found] == [(f"registry.{code}", line)]


def test_the_same_key_in_two_objects_is_not_given_twice(sqlite_store: Store) -> None:
    found = _refused(sqlite_store, '{"a.b": 1, "a": {"b": 2}}')

    assert {fault.reason.code for fault in found} == {"registry.unknown_key"}


def _refused(store: Store, content: str | bytes) -> list[Any]:
    """Return the faults of a text; each can be said in both languages."""
    with pytest.raises(BadInput) as refused, store.writing() as session:
        load_text(session, content, by=BY, now=NOW)
    for fault in refused.value.faults:
        assert text(fault.reason, Reader("zh")) and text(fault.reason, Reader("en"))
    return list(refused.value.faults)


# --- any file at all ---------------------------------------------------------------------------


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, item in inner:
        found.append((*path, key))
        if isinstance(item, dict | list):
            found += _places(item, (*path, key))
    return found


_ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["tianning", "ridge", "C-07", "R-01", "jingang/ridge", "", "/", "mm", 10**400]),
    st.lists(st.sampled_from(["tianning", "x", 1, None, {}]), max_size=2),
    st.dictionaries(st.sampled_from(["zh", "en", "code", "device", "x"]), st.text(max_size=3)),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    changes=st.lists(
        st.tuples(st.sampled_from(_places(EXAMPLE)), st.one_of(st.just("drop"), _ODD)),
        min_size=1,
        max_size=3,
    ),
    known=st.booleans(),
)
def test_any_file_is_loaded_or_refused_and_what_was_loaded_can_be_dumped(
    sqlite_store: Store, changes: list[tuple[tuple[Any, ...], Any]], known: bool
) -> None:
    document = example()
    for place, value in changes:
        _change(document, place, value)

    with sqlite_store.sessions() as session:
        begin_write(session)
        if known:
            load(session, EXAMPLE, by=BY, now=NOW)
        try:
            load(session, document, by=BY, now=NOW, prune=True)
        except BadInput as refused:
            for fault in refused.faults:
                assert text(fault.reason, Reader("zh")) and text(fault.reason, Reader("en"))
        else:
            session.flush()
            session.expire_all()
            assert not load(session, dump(session), by=BY, now=NOW, prune=True)
        session.rollback()
    assert dumped(sqlite_store)["sites"] == []


def _change(document: Any, place: tuple[Any, ...], value: Any) -> None:
    """Drop or replace what is at a place, if an earlier change has left it there."""
    holder = document
    for key in place[:-1]:
        try:
            holder = holder[key]
        except (LookupError, TypeError):
            return
    key = place[-1]
    if isinstance(holder, dict) and key in holder:
        holder.pop(key) if value == "drop" else holder.update({key: value})
    elif isinstance(holder, list) and isinstance(key, int) and key < len(holder):
        holder.pop(key) if value == "drop" else holder.__setitem__(key, value)
