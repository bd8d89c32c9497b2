"""A third of the packets is overtaken: a rain counter that seems to fall is no new rain."""

from sensors_sim.faults import OutOfOrder
from sensors_sim.sites import tianning, tried
from sensors_sim.times import HOUR_MS

UNTIL_MS = tried.SINCE_MS + 30 * HOUR_MS

SCENARIO = tried.scenario(
    "fault-out-of-order",
    "故障：乱序到达",
    "Fault: packets overtake each other",
    [
        OutOfOrder("tn-node-1", tried.SINCE_MS, UNTIL_MS),
        OutOfOrder(tianning.RIDGE_NODE, tried.SINCE_MS, UNTIL_MS),
    ],
    [tried.UNMOVED, tried.RAIN_COUNTED_ONCE],
    until_ms=UNTIL_MS,
)
