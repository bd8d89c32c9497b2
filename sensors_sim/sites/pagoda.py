"""A brick pagoda that does not exist: its name says so, and all of it is invented."""

from collections.abc import Sequence
from typing import Any

from sensors_sim.physics.climate import HILLS
from sensors_sim.physics.instruments import (
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

EAVES = (Leak(since_ms=0, points=2.2, wets_h=26.0),)


def place(storms: Sequence[Storm] = (), scripted: Sequence[tuple[int, int]] = ()) -> Place:
    """Return the pagoda with its weather; nothing is wrong with it."""
    shaft = Movement(2.15, per_kelvin=-0.003, when_wet=0.02, lag_h=9.0)
    vault = Movement(0.64, per_kelvin=-0.0025, when_wet=0.01, lag_h=14.0)
    lean = Movement(1.874, per_kelvin=0.0006, noise=0.001, resolution=0.001, lag_h=6.0)
    return Place(
        code="shimeng",
        climate=HILLS,
        storms=tuple(storms),
        scripted=tuple(scripted),
        nodes=(
            Node(
                "sm-weather",
                second=7,
                channels=(
                    Channel("rain", "mm", 300, RainGauge(), "R-01"),
                    Channel("temp", "Cel", 900, Thermometer(), "T-01"),
                    Channel("battery", "%EL", 3600, Battery(), "B-01"),
                ),
            ),
            Node(
                "sm-shaft",
                second=19,
                channels=(
                    Channel("crack", "mm", 900, shaft, "C-01"),
                    Channel("tilt_x", "deg", 900, lean, "I-01"),
                ),
            ),
            Node(
                "sm-vault",
                second=31,
                channels=(
                    Channel("crack", "mm", 900, vault, "C-02"),
                    Channel("mc", "%", 3600, MoistureProbe(14.2, EAVES), "M-01"),
                    Channel("battery", "%EL", 3600, Battery(91.0)),
                ),
            ),
        ),
    )


def registry() -> dict[str, Any]:
    """Return the site as a registry file has it."""
    return {
        "code": "shimeng",
        "name": {"zh": "拾梦塔（虚构）", "en": "Shimeng Pagoda (invented)"},
        "protection_level": "provincial",
        "timezone": "Asia/Shanghai",
        "phone": "0513-5550-0200",
        "location": {"lat": 31.5, "lon": 119.5},
        "sensors": [
            {
                "code": "R-01",
                "quantity": "rain_total",
                "unit": "mm",
                "interval_s": 300,
                "name": {"zh": "塔院雨量计", "en": "rain gauge in the courtyard"},
                "serves": ["shimeng"],
                "source": {"device": "sm-weather", "channel": "rain"},
            },
            {
                "code": "T-01",
                "quantity": "temperature",
                "unit": "degC",
                "interval_s": 900,
                "name": {"zh": "塔院气温", "en": "air temperature in the courtyard"},
                "serves": ["shimeng"],
                "source": {"device": "sm-weather", "channel": "temp"},
            },
            {
                "code": "B-01",
                "quantity": "battery_level",
                "unit": "%",
                "interval_s": 3600,
                "name": {"zh": "雨量站电池", "en": "battery of the weather node"},
                "source": {"device": "sm-weather", "channel": "battery"},
            },
        ],
        "buildings": [
            {
                "code": "pagoda",
                "name": {"zh": "七级砖塔", "en": "seven-storey brick pagoda"},
                "elements": [
                    {
                        "code": "shaft",
                        "type": "WL-BRK",
                        "height_m": 12.6,
                        "name": {"zh": "塔身砖壁", "en": "brick shaft"},
                    },
                    {
                        "code": "vault",
                        "type": "WL-BRK",
                        "height_m": 24.8,
                        "name": {"zh": "五层穹顶", "en": "vault of the fifth storey"},
                    },
                    {
                        "code": "eaves",
                        "type": "RF-EAV",
                        "height_m": 21.3,
                        "name": {"zh": "木檐", "en": "timber eaves"},
                    },
                    {
                        "code": "finial",
                        "type": "RF-ORN",
                        "height_m": 33.5,
                        "name": {"zh": "塔刹", "en": "finial"},
                    },
                ],
                "sensors": [
                    {
                        "code": "C-01",
                        "quantity": "crack_width",
                        "unit": "mm",
                        "element": "shaft",
                        "interval_s": 900,
                        "compensate_with": "T-01",
                        "name": {"zh": "塔身竖缝", "en": "vertical crack in the shaft"},
                        "source": {"device": "sm-shaft", "channel": "crack"},
                    },
                    {
                        "code": "I-01",
                        "quantity": "tilt_x",
                        "unit": "deg",
                        "element": "shaft",
                        "interval_s": 900,
                        "name": {"zh": "塔身倾角", "en": "lean of the shaft"},
                        "source": {"device": "sm-shaft", "channel": "tilt_x"},
                    },
                    {
                        "code": "C-02",
                        "quantity": "crack_width",
                        "unit": "mm",
                        "element": "vault",
                        "interval_s": 900,
                        "compensate_with": "T-01",
                        "name": {"zh": "穹顶裂缝", "en": "crack in the vault"},
                        "source": {"device": "sm-vault", "channel": "crack"},
                    },
                    {
                        "code": "M-01",
                        "quantity": "moisture_content",
                        "unit": "%",
                        "element": "eaves",
                        "interval_s": 3600,
                        "name": {"zh": "木檐含水率", "en": "moisture of the eaves"},
                        "source": {"device": "sm-vault", "channel": "mc"},
                    },
                ],
            },
        ],
        "drawings": [drawings.pagoda()],
        "zones": [
            {
                "code": "pagoda-foot",
                "name": {"zh": "塔下", "en": "foot of the pagoda"},
                "buildings": [],
                "also_affects": [],
                "elements": ["pagoda/shaft", "pagoda/eaves", "pagoda/finial"],
            },
            {
                "code": "pagoda-inside",
                "name": {"zh": "塔内", "en": "inside the pagoda"},
                "buildings": [],
                "elements": ["pagoda/vault"],
                "also_affects": [],
            },
        ],
    }
