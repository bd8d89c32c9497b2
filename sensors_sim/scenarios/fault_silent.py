"""A gauge falls silent for six hours and comes back: unknown in between, never normal."""

from sensors_sim.expect import expect, never, row
from sensors_sim.faults import Silent
from sensors_sim.sites import tianning, tried
from sensors_sim.times import HOUR_MS

UNTIL_MS = tried.SINCE_MS + 6 * HOUR_MS
GAUGE = "sensor:tianning/C-07"

SCENARIO = tried.scenario(
    "fault-silent",
    "故障：传感器失联",
    "Fault: a gauge falls silent",
    [Silent(tianning.RIDGE_NODE, tried.SINCE_MS, UNTIL_MS)],
    [
        never(
            "失联前没有失联预警",
            "no silence before the silence",
            row(kind="alert", subject=GAUGE),
            before=tried.TROUBLE,
        ),
        expect(
            "一小时内变为未知",
            "it is unknown within the hour",
            row(kind="alert", subject=GAUGE, to="unknown"),
            after=tried.TROUBLE,
            within="1h",
        ),
        never(
            "失联期间从不恢复正常",
            "it never reads normal while silent",
            row(kind="alert", subject=GAUGE, to=("known", "cleared", "reset")),
            after=tried.TROUBLE,
            before=tried.RELIEF,
        ),
        expect(
            "恢复后重新可知",
            "it is known again when it is back",
            row(kind="alert", subject=GAUGE, to="known"),
            after=tried.RELIEF,
            within="1h",
        ),
        tried.UNMOVED,
    ],
    until_ms=UNTIL_MS,
)
