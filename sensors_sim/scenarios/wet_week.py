"""A week of rain over a sound roof: it soaks, it dries, and nobody is woken."""

from sensors_sim.expect import expect, never, row
from sensors_sim.physics.rain import Storm
from sensors_sim.scenario import Scenario
from sensors_sim.sites import tianning
from sensors_sim.times import DAY_MS, ms

BEGINS_MS = ms("2023-06-12T00:00:00+08:00")
ENDS_MS = BEGINS_MS + 10 * DAY_MS

STORMS = tuple(
    Storm(ms(f"2023-06-{day}T{hour:02d}:00:00+08:00"), 5.0, 9.0)
    for day in range(13, 20)
    for hour in (3, 16)
)

SCENARIO = Scenario(
    name="wet-week",
    title={"zh": "多雨的一周", "en": "A wet week"},
    begins_ms=BEGINS_MS,
    ends_ms=ENDS_MS,
    places=(tianning.place(STORMS, [(BEGINS_MS - 5 * DAY_MS, ENDS_MS)]),),
    registry={"sites": [tianning.registry()]},
    expect=(
        expect(
            "前期降雨指数超限",
            "the ground is noticed to be soaked",
            row(kind=("alert", "condition"), rule="R6", to=("raised", "escalated")),
        ),
        never(
            "完好的屋面不会触发高级别预警",
            "a sound roof raises nothing high",
            row(kind="alert", severity=("high", "critical"), to=("raised", "escalated")),
        ),
    ),
)
