"""A crack that opens a fiftieth of a millimetre a day: found by its size, never by its rate."""

from sensors_sim.expect import expect, never, row
from sensors_sim.physics.damage import Creep
from sensors_sim.scenario import Scenario, Truth
from sensors_sim.sites import tianning
from sensors_sim.times import DAY_MS, ms

BEGINS_MS = ms("2022-10-01T00:00:00+08:00")
CREEPS_MS = BEGINS_MS + 5 * DAY_MS
CRACK = {"kind": "alert", "rule": "CRACK", "subject": "sensor:tianning/C-07"}
RAISED = ("raised", "escalated")
BEGINS = row(kind="truth", event="creep-begins")

SCENARIO = Scenario(
    name="creeping-crack",
    title={"zh": "缓慢张开的裂缝", "en": "A creeping crack"},
    begins_ms=BEGINS_MS,
    ends_ms=BEGINS_MS + 75 * DAY_MS,
    places=(tianning.place(ridge=(Creep(CREEPS_MS, per_day=0.02),), every_s=3600),),
    registry={"sites": [tianning.registry(every_s=3600)]},
    truths=(Truth(CREEPS_MS, "creep-begins"),),
    expect=(
        never(
            "张开前没有裂缝预警",
            "no crack alert before it begins",
            row(**CRACK, to=RAISED),
            before=BEGINS,
        ),
        expect(
            "四周内发现0.3毫米",
            "0.3 mm is noticed within four weeks",
            row(**CRACK, severity="low", to=RAISED),
            after=BEGINS,
            within="28d",
        ),
        expect(
            "1毫米时升级",
            "1.0 mm escalates it",
            row(**CRACK, severity="medium", to=RAISED),
            after=BEGINS,
            within="65d",
        ),
        never(
            "速率始终很小",
            "its rate never alarms",
            row(kind="alert", rule="CRACK-RATE", to=RAISED),
        ),
        never(
            "没有红色预警",
            "no red alert",
            row(kind="alert", severity="critical", to=RAISED),
        ),
    ),
)
