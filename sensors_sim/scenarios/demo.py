"""The demo: Tianning's two weeks beside two invented sites, and then weather for ever."""

from sensors_sim.scenario import Scenario
from sensors_sim.scenarios import tianning_2022
from sensors_sim.sites import bridge, pagoda

STORY = tianning_2022.SCENARIO

SCENARIO = Scenario(
    name="demo",
    title={"zh": "演示：三处文物点", "en": "Demo: three sites"},
    begins_ms=STORY.begins_ms,
    ends_ms=None,
    places=(*STORY.places, pagoda.place(), bridge.place()),
    registry={"sites": [*STORY.registry["sites"], pagoda.registry(), bridge.registry()]},
    truths=STORY.truths,
    faults=STORY.faults,
    scaffolds=STORY.scaffolds,
    expect=STORY.expect,
)
