"""The few days over which the fault scenarios play: Tianning Temple, sound, in known weather."""

from collections.abc import Sequence

from sensors_sim.expect import Expectation, never, row
from sensors_sim.faults import Fault
from sensors_sim.physics.rain import Storm
from sensors_sim.scenario import Scenario, Truth
from sensors_sim.sites import tianning
from sensors_sim.times import DAY_MS, HOUR_MS, ms

BEGINS_MS = ms("2022-05-09T00:00:00+08:00")
ENDS_MS = BEGINS_MS + 4 * DAY_MS
SINCE_MS = BEGINS_MS + 2 * DAY_MS + 6 * HOUR_MS
"""When trouble begins: the cracks' baselines stand by then."""

RAISED = ("raised", "escalated")
TROUBLE = row(kind="truth", event="trouble-begins")
RELIEF = row(kind="truth", event="trouble-ends")

RAIN = tuple(Storm(SINCE_MS + hours * HOUR_MS, 4.0, 7.0) for hours in (1, 9, 20))
"""21 mm within 24 h and never 15 mm within 12 h: light enough for no rule, unless counted twice."""

UNMOVED = never(
    "没有误报的裂缝或渗漏预警",
    "no false alert of cracks or damp",
    row(kind="alert", rule=("CRACK", "CRACK-RATE", "MOIST", "LEAK", "X1"), to=RAISED),
)
RAIN_COUNTED_ONCE = never(
    "同一场雨只计一次",
    "the same rain is counted once",
    row(kind=("alert", "condition"), rule=("R1", "R2", "R3", "R4", "R5"), to=RAISED),
)


def scenario(
    name: str,
    zh: str,
    en: str,
    faults: Sequence[Fault],
    expect: Sequence[Expectation],
    *,
    until_ms: int,
    storms: Sequence[Storm] = RAIN,
) -> Scenario:
    """Return four days in which the given faults strike between two truth events."""
    return Scenario(
        name=name,
        title={"zh": zh, "en": en},
        begins_ms=BEGINS_MS,
        ends_ms=ENDS_MS,
        places=(tianning.place(storms, [(BEGINS_MS - 8 * DAY_MS, ENDS_MS)]),),
        registry={"sites": [tianning.registry()]},
        truths=(Truth(SINCE_MS, "trouble-begins"), Truth(until_ms, "trouble-ends")),
        faults=tuple(faults),
        expect=tuple(expect),
    )
