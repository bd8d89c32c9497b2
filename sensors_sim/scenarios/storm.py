"""One summer night's cloudburst: every rain grade within hours, on a roof that stands it."""

from sensors_sim.expect import Expectation, expect, never, row
from sensors_sim.physics.rain import Storm
from sensors_sim.scenario import Scenario, StandingScaffold, Truth
from sensors_sim.sites import tianning
from sensors_sim.times import DAY_MS, HOUR_MS, ms

BEGINS_MS = ms("2023-07-20T00:00:00+08:00")
ENDS_MS = BEGINS_MS + 4 * DAY_MS
CLOUDBURST = Storm(ms("2023-07-21T21:00:00+08:00"), 5.0, 118.0)
RAISED = ("raised", "escalated")
BURST = row(kind="truth", event="cloudburst")


def noticed(zh: str, en: str, rule: str) -> Expectation:
    """Expect a rain grade within the night."""
    pattern = row(kind=("alert", "condition"), rule=rule, to=RAISED)
    return expect(zh, en, pattern, after=BURST, within="6h")


SCENARIO = Scenario(
    name="storm",
    title={"zh": "暴雨之夜", "en": "A cloudburst"},
    begins_ms=BEGINS_MS,
    ends_ms=ENDS_MS,
    places=(
        tianning.place(
            (CLOUDBURST, Storm(CLOUDBURST.ends_ms + 9 * HOUR_MS, 3.0, 6.0)),
            [(BEGINS_MS - 3 * DAY_MS, ENDS_MS)],
        ),
    ),
    registry={"sites": [tianning.registry()]},
    truths=(Truth(CLOUDBURST.begins_ms, "cloudburst"),),
    scaffolds=(StandingScaffold("tianning", "jingang-north", "N-1", BEGINS_MS),),
    expect=(
        noticed("大雨被测到", "heavy rain is noticed", "R1"),
        noticed("暴雨被测到", "storm rain is noticed", "R2"),
        noticed("三小时50毫米被测到", "50 mm in 3 h is noticed", "R4"),
        expect(
            "大雨使脚手架停用",
            "heavy rain puts the scaffold on hold",
            row(kind="hold", scaffold="N-1"),
            after=BURST,
            within="6h",
        ),
        never(
            "暴雨前没有任何降雨预警",
            "no rain alert before the storm",
            row(kind="alert", rule=("R1", "R2", "R3", "R4", "R5"), to=RAISED),
            before=BURST,
        ),
        never(
            "没有裂缝预警",
            "no crack moves",
            row(kind="alert", rule=("CRACK", "CRACK-RATE"), to=RAISED),
        ),
    ),
)
