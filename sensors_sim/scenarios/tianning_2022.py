"""Tianning Temple, March 2022: a wet week, a leak, a crack that runs away, and the collapse.

The story is in the newspaper; every value between its lines is invented (see docs/simulator.md).
"""

from sensors_sim.expect import at_most, expect, never, row
from sensors_sim.faults import Silent
from sensors_sim.physics.damage import Failure, Step
from sensors_sim.physics.instruments import Leak
from sensors_sim.physics.rain import Storm
from sensors_sim.scenario import Scenario, StandingScaffold, Truth
from sensors_sim.sites import tianning
from sensors_sim.times import DAY_MS, ms

BEGINS_MS = ms("2022-03-14T00:00:00+08:00")
ENDS_MS = ms("2022-03-28T00:00:00+08:00")
COLLAPSES_MS = ms("2022-03-21T16:00:00+08:00")
LEAK_OPENS_MS = ms("2022-03-19T18:00:00+08:00")
COVERED_MS = ms("2022-03-22T18:00:00+08:00")
SCAFFOLD_STANDS_MS = ms("2022-03-25T10:00:00+08:00")

QUIET = (BEGINS_MS - 5 * DAY_MS, ENDS_MS)
"""The week opens dry, so that the soaking is the week's own."""

SHOWERS_MM = ((14, 6.4, 8.9), (15, 5.2, 7.8), (16, 9.1, 6.3), (17, 8.4, 7.2), (18, 5.9, 8.6),
              (19, 7.7, 6.1), (20, 8.3, 6.3))  # fmt: skip
"""By day: the showers at 02:00 and 15:00. They stay light to moderate (any 12 h < 15 mm, any
24 h < 25 mm) and soak all the same: after six such days the antecedent index passes 60 mm."""

STORMS = (
    *(
        Storm(ms(f"2022-03-{day}T{hour:02d}:00:00+08:00"), 4.0, fallen_mm)
        for day, at_night, by_day in SHOWERS_MM
        for hour, fallen_mm in ((2, at_night), (15, by_day))
    ),
    Storm(ms("2022-03-21T02:00:00+08:00"), 4.0, 6.0),
    Storm(ms("2022-03-26T01:00:00+08:00"), 15.0, 29.4),
)
"""26 March: at least 28 mm in 24 h, but under 30 mm in 12 h."""

RIDGE = (Failure(ms("2022-03-18T10:00:00+08:00"), ms("2022-03-21T16:10:00+08:00"), scale=0.55),)
"""The 24-hour slope is 0.3 mm/day a day before, passes 1 mm/day soon after 13:00, and goes on."""

LEAKS_NE = (
    *tianning.SOUND,
    Leak(LEAK_OPENS_MS, points=10.0, wets_h=9.0),
    Leak(COVERED_MS, points=0.0, dries_h=30.0),
)
"""Rain finds its way under the slipped tiles, until a tarpaulin lies over them."""

LEAKS_RIDGE = (*tianning.SOUND, Leak(LEAK_OPENS_MS, points=4.0, wets_h=16.0))

RAISED = ("raised", "escalated")
COLLAPSE = row(kind="truth", event="collapse")

EXPECT = (
    never(
        "头两天没有高级别预警",
        "nothing serious in the first two days",
        row(kind="alert", severity=("high", "critical"), to=RAISED),
        before="2022-03-15T16:00:00Z",
    ),
    expect(
        "坍塌前屋面已被确认浸透",
        "the soaking is noticed before the collapse",
        row(kind=("alert", "condition"), rule="R6", to=RAISED),
        before=COLLAPSE,
    ),
    expect(
        "木材含水率预警早于坍塌",
        "damp timber is noticed before the collapse",
        row(kind="alert", rule="MOIST", subject="sensor:tianning/M-03", to=RAISED),
        before=COLLAPSE,
    ),
    expect(
        "雨、湿、裂组合预警早于坍塌",
        "rain, soaking and crack join before the collapse",
        row(kind="alert", rule="X1", severity="high", to=RAISED),
        before=COLLAPSE,
        lead="6h",
    ),
    expect(
        "红色预警早于坍塌",
        "a red alert comes before the collapse",
        row(kind="alert", severity="critical", to=RAISED),
        before=COLLAPSE,
        lead="1h",
    ),
    never(
        "21日清晨以前没有红色预警",
        "no red alert before the morning of the 21st",
        row(kind="alert", severity="critical", to=RAISED),
        before="2022-03-20T22:00:00Z",
    ),
    at_most(
        1,
        "同一裂缝只发一次红色预警",
        "one crack raises its red alert once",
        row(
            kind="alert",
            rule="CRACK-RATE",
            subject="sensor:tianning/C-07",
            severity="critical",
            to=RAISED,
        ),
    ),
    expect(
        "失联的裂缝计变为未知",
        "the lost crack gauge becomes unknown",
        row(kind="alert", subject="sensor:tianning/C-07", to="unknown"),
        after=COLLAPSE,
        within="90m",
    ),
    never(
        "坍塌后裂缝计从不显示恢复正常",
        "after the collapse the crack gauge never reads normal",
        row(kind="alert", subject="sensor:tianning/C-07", to=("cleared", "known", "reset")),
        after=COLLAPSE,
    ),
    expect(
        "26日大雨被测到",
        "the heavy rain of the 26th is noticed",
        row(kind=("alert", "condition"), rule="R1", to=RAISED),
        after="2022-03-25T16:00:00Z",
        before="2022-03-26T16:00:00Z",
    ),
    expect(
        "大雨使脚手架停用",
        "heavy rain puts the scaffold on hold",
        row(kind="hold", scaffold="N-1"),
        after="2022-03-25T16:00:00Z",
        before="2022-03-26T16:00:00Z",
    ),
)

SCENARIO = Scenario(
    name="tianning-2022",
    title={"zh": "天宁寺，2022年3月", "en": "Tianning Temple, March 2022"},
    begins_ms=BEGINS_MS,
    ends_ms=ENDS_MS,
    places=(
        tianning.place(
            STORMS,
            (QUIET,),
            ridge=RIDGE,
            main_ridge=(Step(COLLAPSES_MS, 0.06),),
            column=(Step(COLLAPSES_MS, 0.018),),
            leaks_ne=LEAKS_NE,
            leaks_ridge=LEAKS_RIDGE,
        ),
    ),
    registry={"sites": [tianning.registry()]},
    truths=(
        Truth(LEAK_OPENS_MS, "leak-opens"),
        Truth(COLLAPSES_MS, "collapse"),
        Truth(COVERED_MS, "roof-covered"),
        Truth(SCAFFOLD_STANDS_MS, "scaffold-stands"),
    ),
    faults=(Silent(tianning.RIDGE_NODE, COLLAPSES_MS - 1),),
    scaffolds=(StandingScaffold("tianning", "jingang-north", "N-1", SCAFFOLD_STANDS_MS),),
    expect=EXPECT,
)
