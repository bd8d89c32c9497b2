"""A stone bridge that does not exist: its name says so, and all of it is invented."""

from collections.abc import Sequence
from typing import Any

from sensors_sim.physics.climate import HILLS
from sensors_sim.physics.instruments import Battery, Movement, RainGauge, Thermometer
from sensors_sim.physics.rain import Storm
from sensors_sim.scenario import Channel, Node, Place
from sensors_sim.sites import drawings


def place(
    storms: Sequence[Storm] = (),
    scripted: Sequence[tuple[int, int]] = (),
    via: str = "broker",
) -> Place:
    """Return the bridge, whose gateway speaks to an existing broker; nothing is wrong with it."""
    crown = Movement(1.08, per_kelvin=-0.0035, when_wet=0.01, lag_h=8.0)
    spandrel = Movement(3.31, per_kelvin=-0.003, when_wet=0.02, lag_h=6.0)
    pier = Movement(0.146, per_kelvin=0.0004, noise=0.001, resolution=0.001, lag_h=10.0)
    return Place(
        code="wuyou",
        climate=HILLS,
        storms=tuple(storms),
        scripted=tuple(scripted),
        nodes=(
            Node(
                "wy-bank",
                via=via,
                second=13,
                channels=(
                    Channel("rain", "mm", 300, RainGauge(), "R-01"),
                    Channel("temp", "Cel", 900, Thermometer(lag_h=0.6), "T-01"),
                    Channel("battery", "%EL", 3600, Battery(), "B-01"),
                ),
            ),
            Node(
                "wy-arch",
                via=via,
                second=37,
                channels=(
                    Channel("crack", "mm", 900, crown, "C-01"),
                    Channel("tilt_x", "deg", 900, pier, "I-01"),
                ),
            ),
            Node(
                "wy-wall",
                via=via,
                second=41,
                channels=(
                    Channel("crack", "mm", 900, spandrel, "C-02"),
                    Channel("battery", "%EL", 3600, Battery(88.0)),
                ),
            ),
        ),
    )


def registry() -> dict[str, Any]:
    """Return the site as a registry file has it."""
    return {
        "code": "wuyou",
        "name": {"zh": "无忧桥（虚构）", "en": "Wuyou Bridge (invented)"},
        "protection_level": "municipal",
        "timezone": "Asia/Shanghai",
        "phone": "0572-5550-0100",
        "location": {"lat": 30.5, "lon": 119.5},
        "sensors": [
            {
                "code": "R-01",
                "quantity": "rain_total",
                "unit": "mm",
                "interval_s": 300,
                "name": {"zh": "桥头雨量计", "en": "rain gauge on the bank"},
                "serves": ["wuyou"],
                "source": {"device": "wy-bank", "channel": "rain"},
            },
            {
                "code": "T-01",
                "quantity": "temperature",
                "unit": "degC",
                "interval_s": 900,
                "name": {"zh": "桥头气温", "en": "air temperature on the bank"},
                "serves": ["wuyou"],
                "source": {"device": "wy-bank", "channel": "temp"},
            },
            {
                "code": "B-01",
                "quantity": "battery_level",
                "unit": "%",
                "interval_s": 3600,
                "name": {"zh": "雨量站电池", "en": "battery of the weather node"},
                "source": {"device": "wy-bank", "channel": "battery"},
            },
        ],
        "buildings": [
            {
                "code": "bridge",
                "name": {"zh": "三孔石桥", "en": "three-arched stone bridge"},
                "elements": [
                    {
                        "code": "main-arch",
                        "type": "WL-BRK",
                        "height_m": 5.4,
                        "name": {"zh": "中孔拱券", "en": "main arch"},
                    },
                    {
                        "code": "spandrel",
                        "type": "WL-BRK",
                        "height_m": 4.6,
                        "name": {"zh": "东侧山花墙", "en": "east spandrel wall"},
                    },
                    {
                        "code": "pier",
                        "type": "FN-BAS",
                        "height_m": 2.1,
                        "name": {"zh": "北桥墩", "en": "north pier"},
                    },
                ],
                "sensors": [
                    {
                        "code": "C-01",
                        "quantity": "crack_width",
                        "unit": "mm",
                        "element": "main-arch",
                        "interval_s": 900,
                        "compensate_with": "T-01",
                        "name": {"zh": "拱顶裂缝", "en": "crack at the crown"},
                        "source": {"device": "wy-arch", "channel": "crack"},
                    },
                    {
                        "code": "C-02",
                        "quantity": "crack_width",
                        "unit": "mm",
                        "element": "spandrel",
                        "interval_s": 900,
                        "compensate_with": "T-01",
                        "name": {"zh": "山花墙裂缝", "en": "crack in the spandrel wall"},
                        "source": {"device": "wy-wall", "channel": "crack"},
                    },
                    {
                        "code": "I-01",
                        "quantity": "tilt_x",
                        "unit": "deg",
                        "element": "pier",
                        "interval_s": 900,
                        "name": {"zh": "桥墩倾角", "en": "lean of the pier"},
                        "source": {"device": "wy-arch", "channel": "tilt_x"},
                    },
                ],
            },
        ],
        "drawings": [drawings.bridge()],
        "zones": [
            {
                "code": "deck",
                "name": {"zh": "桥面", "en": "deck"},
                "buildings": [],
                "elements": ["bridge/main-arch", "bridge/spandrel"],
                "also_affects": ["under-arches"],
            },
            {
                "code": "under-arches",
                "name": {"zh": "桥孔水道", "en": "channel under the arches"},
                "buildings": [],
                "elements": ["bridge/main-arch", "bridge/pier"],
                "also_affects": [],
            },
        ],
    }
