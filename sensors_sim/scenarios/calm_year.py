"""A whole year with ordinary rain and nothing wrong: whoever is called in it is called in vain."""

from sensors_sim.expect import expect, never, row
from sensors_sim.scenario import Scenario
from sensors_sim.sites import tianning
from sensors_sim.times import ms

HOUR_S = 3600

SCENARIO = Scenario(
    name="calm-year",
    title={"zh": "平静的一年", "en": "A calm year"},
    begins_ms=ms("2021-01-01T00:00:00+08:00"),
    ends_ms=ms("2022-01-01T00:00:00+08:00"),
    places=(tianning.place(every_s=HOUR_S),),
    registry={"sites": [tianning.registry(every_s=HOUR_S)]},
    expect=(
        never(
            "全年没有高级别预警",
            "no high or critical alert all year",
            row(kind="alert", severity=("high", "critical"), to=("raised", "escalated")),
        ),
        never(
            "全年没有裂缝预警",
            "no crack moves all year",
            row(kind="alert", rule=("CRACK", "CRACK-RATE"), to=("raised", "escalated")),
        ),
        expect(
            "全年总有大雨",
            "a year has heavy rain",
            row(kind=("alert", "condition"), rule="R1", to=("raised", "escalated")),
        ),
    ),
)
