"""Home Assistant's discovery: descriptions first, then states wherever they said."""

from typing import Any

import pytest

from ingest.formats.memory import Memory
from tests.ingest.formats.making import read, told, why

STATE = "shed/wall/state"
CONFIG = "homeassistant/sensor/wall-7/crack/config"
CRACK = {
    "name": "Crack",
    "stat_t": "~/state",
    "~": "shed/wall",
    "unit_of_meas": "mm",
    "dev_cla": "distance",
    "val_tpl": "{{ value_json.crack['width'] | float | round(2) }}",
    "dev": {"ids": ["wall-7"]},
}


def taught(*configs: tuple[str, Any]) -> Memory:
    memory = Memory()
    for topic, config in configs:
        memory.learn(read(config, topic, memory).learned)
    return memory


def test_a_state_means_what_its_description_said():
    memory = taught((CONFIG, CRACK))

    assert told(read({"crack": {"width": 0.41}}, STATE, memory)) == [
        "wall-7/crack crack_width 0.41 mm 2026-02-11T06:20:00Z"
    ]
    assert why(read({"crack": {"width": 0.41}}, STATE)) == "quarantine unknown-format"


def test_a_bare_number_is_a_state_too():
    plain = {"state_topic": STATE, "device_class": "temperature", "unit_of_measurement": "°F"}
    memory = taught(("homeassistant/sensor/t1/config", plain))

    assert told(read("50", STATE, memory)) == [
        "shed/wall/t1 temperature 10 degC 2026-02-11T06:20:00Z"
    ]


def test_one_description_may_hold_a_whole_device():
    config = {
        "dev": {"ids": "wall-8"},
        "cmps": {
            "temp": {
                "p": "sensor",
                "dev_cla": "temperature",
                "unit_of_meas": "°C",
                "val_tpl": "{{ value_json.t }}",
            },
            "led": {"p": "light"},
        },
        "stat_t": STATE,
    }
    memory = taught(("homeassistant/device/wall-8/config", config))

    assert told(read({"t": 5}, STATE, memory)) == [
        "wall-8/temp temperature 5 degC 2026-02-11T06:20:00Z"
    ]


def test_an_empty_description_forgets_and_a_new_one_replaces():
    memory = taught((CONFIG, CRACK), (CONFIG, {**CRACK, "unit_of_meas": "cm"}))
    assert "4.1 mm" in told(read({"crack": {"width": 0.41}}, STATE, memory))[0]

    memory.learn(read("", CONFIG, memory).learned)
    assert memory.facts == {}


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("unavailable", "ignore no-measurement"),
        ("", "ignore no-measurement"),
        ({"crack": {"width": "unknown"}}, "ignore no-measurement"),
        ({"crack": {"width": "wide"}}, "quarantine wrong-type"),
        ({"crack": 5}, "ignore no-measurement"),
        ("{", "quarantine malformed-json"),
    ],
)
def test_states_have_these_ends(state: Any, outcome: str):
    assert why(read(state, STATE, taught((CONFIG, CRACK)))) == outcome


@pytest.mark.parametrize(
    ("config", "outcome"),
    [
        (CRACK, "ignore config-learned"),
        ({**CRACK, "stat_t": None}, "ignore no-known-quantity"),
        ("", "ignore config-learned"),
        ("{", "quarantine malformed-json"),
        ({**CRACK, "dev": {"ids": ["<b>"]}}, "quarantine bad-device-id"),
    ],
)
def test_descriptions_have_these_ends(config: Any, outcome: str):
    assert why(read(config, CONFIG)) == outcome


def test_a_template_that_reckons_is_not_guessed_at():
    config = {**CRACK, "val_tpl": "{{ (value_json.mv - 400) / 19.5 }}"}

    assert why(read({"mv": 800}, STATE, taught((CONFIG, config)))) == "ignore no-measurement"
