"""Every packet comes three times: rain must not triple and a crack must not count samples twice."""

from sensors_sim.faults import Duplicated
from sensors_sim.sites import tianning, tried
from sensors_sim.times import HOUR_MS

UNTIL_MS = tried.SINCE_MS + 30 * HOUR_MS

SCENARIO = tried.scenario(
    "fault-duplicates",
    "故障：重复上报",
    "Fault: everything comes three times",
    [
        Duplicated("tn-node-1", tried.SINCE_MS, UNTIL_MS, copies=2),
        Duplicated(tianning.RIDGE_NODE, tried.SINCE_MS, UNTIL_MS, copies=2),
    ],
    [tried.UNMOVED, tried.RAIN_COUNTED_ONCE],
    until_ms=UNTIL_MS,
)
