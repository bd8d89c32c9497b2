"""Tianning Temple as the demo shows it: the place is real, every instrument and value invented."""

from collections.abc import Sequence
from typing import Any

from sensors_sim.physics.climate import RIVER_MOUTH
from sensors_sim.physics.damage import Damage
from sensors_sim.physics.instruments import (
    Anemometer,
    Battery,
    Leak,
    MoistureProbe,
    Movement,
    RainGauge,
    Thermometer,
)
from sensors_sim.physics.rain import Storm
from sensors_sim.scenario import Channel, Node, Place
from sensors_sim.sites import drawings

SOUND = (Leak(since_ms=0, points=2.3),)
"""A roof that keeps most of the rain out: two or three points in the wettest weeks."""

RIDGE_NODE = "tn-node-3"


def place(
    storms: Sequence[Storm] = (),
    scripted: Sequence[tuple[int, int]] = (),
    *,
    ridge: Sequence[Damage] = (),
    main_ridge: Sequence[Damage] = (),
    column: Sequence[Damage] = (),
    leaks_ne: Sequence[Leak] = SOUND,
    leaks_ridge: Sequence[Leak] = SOUND,
    every_s: int | None = None,
) -> Place:
    """Return the temple with its weather and damage; `every_s` makes all instruments alike."""
    return Place(
        code="tianning",
        climate=RIVER_MOUTH,
        storms=tuple(storms),
        scripted=tuple(scripted),
        nodes=(
            _yard(every_s),
            _under_north_slope(every_s, leaks_ne),
            _on_ridge(every_s, tuple(ridge), leaks_ridge),
            _north_west(every_s),
            _on_main_ridge(every_s, tuple(main_ridge)),
            _at_column(every_s, tuple(column)),
        ),
    )


def _yard(every_s: int | None) -> Node:
    return Node(
        "tn-node-1",
        second=5,
        channels=(
            Channel("rain", "mm", every_s or 300, RainGauge(), "R-01"),
            Channel("wind", "m/s", every_s or 300, Anemometer(), "W-01"),
            Channel("battery", "%EL", 3600, Battery(), "B-01"),
        ),
    )


def _under_north_slope(every_s: int | None, leaks: Sequence[Leak]) -> Node:
    return Node(
        "tn-node-2",
        second=11,
        channels=(
            Channel("temp", "Cel", every_s or 900, Thermometer(lag_h=2.0), "T-03"),
            Channel("mc", "%", 3600, MoistureProbe(17.8, tuple(leaks), season_pct=0.6), "M-03"),
        ),
    )


def _on_ridge(every_s: int | None, damage: tuple[Damage, ...], leaks: Sequence[Leak]) -> Node:
    crack = Movement(1.42, per_kelvin=-0.0035, when_wet=0.03, damage=damage)
    return Node(
        RIDGE_NODE,
        second=17,
        channels=(
            Channel("crack", "mm", every_s or 900, crack, "C-07"),
            Channel("mc", "%", 3600, MoistureProbe(16.0, tuple(leaks)), "M-05"),
            Channel("battery", "%EL", 3600, Battery(97.0)),
        ),
    )


def _north_west(every_s: int | None) -> Node:
    return Node(
        "tn-node-4",
        second=23,
        channels=(Channel("mc", "%", 3600, MoistureProbe(15.6, SOUND), "M-04"),),
    )


def _on_main_ridge(every_s: int | None, damage: tuple[Damage, ...]) -> Node:
    crack = Movement(0.86, per_kelvin=-0.003, when_wet=0.02, damage=damage)
    return Node(
        "tn-node-5",
        second=29,
        channels=(
            Channel("crack", "mm", every_s or 900, crack, "C-08"),
            Channel("battery", "%EL", 3600, Battery(94.0)),
        ),
    )


def _at_column(every_s: int | None, damage: tuple[Damage, ...]) -> Node:
    lean = Movement(
        0.312, per_kelvin=0.0004, when_wet=0.002, noise=0.001, resolution=0.001, damage=damage
    )
    return Node(
        "tn-node-6", second=35, channels=(Channel("tilt_x", "deg", every_s or 900, lean, "I-01"),)
    )


def registry(every_s: int | None = None) -> dict[str, Any]:
    """Return the site as a registry file has it."""
    return {
        "code": "tianning",
        "name": {"zh": "天宁寺", "en": "Tianning Temple"},
        "protection_level": "national",
        "timezone": "Asia/Shanghai",
        "phone": "0513-5550-0100",
        "location": {"lat": 32.01, "lon": 120.86},
        "sensors": [
            {
                "code": "R-01",
                "quantity": "rain_total",
                "unit": "mm",
                "name": {"zh": "院内雨量计", "en": "rain gauge in the yard"},
                "interval_s": every_s or 300,
                "serves": ["tianning"],
                "source": {"device": "tn-node-1", "channel": "rain"},
            },
            {
                "code": "W-01",
                "quantity": "wind_speed",
                "unit": "m/s",
                "name": {"zh": "院内风速计", "en": "anemometer in the yard"},
                "interval_s": every_s or 300,
                "serves": ["tianning"],
                "source": {"device": "tn-node-1", "channel": "wind"},
            },
            {
                "code": "B-01",
                "quantity": "battery_level",
                "unit": "%",
                "name": {"zh": "雨量站电池", "en": "battery of the weather node"},
                "interval_s": 3600,
                "source": {"device": "tn-node-1", "channel": "battery"},
            },
        ],
        "buildings": [_hall(every_s), _bell_tower()],
        "drawings": [drawings.tianning()],
        "zones": [
            {
                "code": "jingang-north",
                "name": {"zh": "金刚殿北侧", "en": "Jingang Hall, north"},
                "buildings": [],
                "elements": ["jingang/ridge", "jingang/north-slope", "jingang/north-purlin"],
                "also_affects": [],
            },
            {
                "code": "jingang-main-ridge",
                "name": {"zh": "金刚殿正脊", "en": "Jingang Hall, main ridge"},
                "buildings": [],
                "elements": ["jingang/main-ridge"],
                "also_affects": [],
            },
            {
                "code": "jingang-inside",
                "name": {"zh": "金刚殿殿内", "en": "Jingang Hall, inside"},
                "buildings": [],
                "elements": ["jingang/column"],
                "also_affects": [],
            },
        ],
    }


def _hall(every_s: int | None) -> dict[str, Any]:
    return {
        "code": "jingang",
        "name": {"zh": "金刚殿", "en": "Jingang Hall"},
        "elements": [
            {
                "code": "ridge",
                "type": "RF-RDG-F",
                "height_m": 9.2,
                "name": {"zh": "花脊", "en": "decorated ridge"},
            },
            {
                "code": "main-ridge",
                "type": "RF-RDG-M",
                "height_m": 9.8,
                "name": {"zh": "正脊", "en": "main ridge"},
            },
            {
                "code": "north-slope",
                "type": "RF-TIL",
                "height_m": 7.4,
                "name": {"zh": "北坡屋面", "en": "north roof slope"},
            },
            {
                "code": "north-purlin",
                "type": "TF-PUR",
                "height_m": 6.9,
                "name": {"zh": "北坡檩条", "en": "north purlins"},
            },
            {
                "code": "column",
                "type": "TF-COL",
                "height_m": 5.1,
                "name": {"zh": "东北金柱", "en": "north-east inner column"},
            },
        ],
        "sensors": [
            {
                "code": "C-07",
                "quantity": "crack_width",
                "unit": "mm",
                "element": "ridge",
                "name": {"zh": "花脊裂缝计", "en": "crack gauge on the decorated ridge"},
                "interval_s": every_s or 900,
                "compensate_with": "T-03",
                "source": {"device": RIDGE_NODE, "channel": "crack"},
            },
            {
                "code": "M-05",
                "quantity": "moisture_content",
                "unit": "%",
                "element": "ridge",
                "name": {"zh": "花脊木骨含水率", "en": "moisture in the ridge's timber core"},
                "interval_s": 3600,
                "source": {"device": RIDGE_NODE, "channel": "mc"},
            },
            {
                "code": "C-08",
                "quantity": "crack_width",
                "unit": "mm",
                "element": "main-ridge",
                "name": {"zh": "正脊裂缝计", "en": "crack gauge on the main ridge"},
                "interval_s": every_s or 900,
                "compensate_with": "T-03",
                "source": {"device": "tn-node-5", "channel": "crack"},
            },
            {
                "code": "M-03",
                "quantity": "moisture_content",
                "unit": "%",
                "element": "north-purlin",
                "name": {"zh": "北坡东段含水率", "en": "moisture under the north slope, east"},
                "interval_s": 3600,
                "source": {"device": "tn-node-2", "channel": "mc"},
            },
            {
                "code": "M-04",
                "quantity": "moisture_content",
                "unit": "%",
                "element": "north-purlin",
                "name": {"zh": "北坡西段含水率", "en": "moisture under the north slope, west"},
                "interval_s": 3600,
                "source": {"device": "tn-node-4", "channel": "mc"},
            },
            {
                "code": "T-03",
                "quantity": "temperature",
                "unit": "degC",
                "element": "north-purlin",
                "name": {"zh": "屋架温度", "en": "temperature in the roof space"},
                "interval_s": every_s or 900,
                "source": {"device": "tn-node-2", "channel": "temp"},
            },
            {
                "code": "I-01",
                "quantity": "tilt_x",
                "unit": "deg",
                "element": "column",
                "name": {"zh": "金柱倾角计", "en": "tilt of the inner column"},
                "interval_s": every_s or 900,
                "source": {"device": "tn-node-6", "channel": "tilt_x"},
            },
        ],
    }


def _bell_tower() -> dict[str, Any]:
    return {
        "code": "bell-tower",
        "name": {"zh": "钟楼", "en": "bell tower"},
        "elements": [
            {
                "code": "roof",
                "type": "RF-TIL",
                "height_m": 8.3,
                "name": {"zh": "屋面", "en": "roof"},
            },
        ],
        "sensors": [],
    }
