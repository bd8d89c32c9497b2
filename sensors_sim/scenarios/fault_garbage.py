"""Two nodes send rubbish in between: it is kept aside, and nothing that was measured is lost."""

from sensors_sim.faults import Garbage
from sensors_sim.sites import tianning, tried
from sensors_sim.times import HOUR_MS

UNTIL_MS = tried.SINCE_MS + 24 * HOUR_MS

SCENARIO = tried.scenario(
    "fault-garbage",
    "故障：乱码",
    "Fault: rubbish",
    [
        Garbage(tianning.RIDGE_NODE, tried.SINCE_MS, UNTIL_MS),
        Garbage("tn-node-1", tried.SINCE_MS, UNTIL_MS),
    ],
    [tried.UNMOVED, tried.RAIN_COUNTED_ONCE],
    until_ms=UNTIL_MS,
)
