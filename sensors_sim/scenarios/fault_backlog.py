"""The rain gauge's link is down through a heavy rain; everything arrives hours later at once."""

from sensors_sim.expect import at_most, expect, row
from sensors_sim.faults import Backlog
from sensors_sim.physics.rain import Storm
from sensors_sim.sites import tried
from sensors_sim.times import HOUR_MS

UNTIL_MS = tried.SINCE_MS + 7 * HOUR_MS
STORMS = (Storm(tried.SINCE_MS + HOUR_MS, 5.0, 28.0),)
HEAVY = row(kind=("alert", "condition"), rule="R1", to="raised")

SCENARIO = tried.scenario(
    "fault-backlog",
    "故障：积压补报",
    "Fault: a backlog arrives",
    [Backlog("tn-node-1", tried.SINCE_MS, UNTIL_MS)],
    [
        expect(
            "断联的雨量计变为未知",
            "the cut-off gauge is unknown",
            row(kind="alert", subject="sensor:tianning/R-01", to="unknown"),
            after=tried.TROUBLE,
            before=tried.RELIEF,
        ),
        expect(
            "补报后一小时内发现大雨",
            "the heavy rain is noticed once it is told",
            HEAVY,
            after=tried.RELIEF,
            within="1h",
        ),
        at_most(1, "同一场大雨只发一次", "one heavy rain is raised once", HEAVY),
        tried.UNMOVED,
    ],
    until_ms=UNTIL_MS,
    storms=STORMS,
)
