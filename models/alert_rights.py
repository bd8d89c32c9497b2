"""Who may do what with an alert; pages and programs draw their buttons from this one table."""

from collections.abc import Mapping
from datetime import datetime

from models.alert import Alert
from models.errors import Forbidden
from models.people import Actor
from models.reasons import reason

_DESK = ("duty", "manager", "engineer")
MAY: Mapping[str, tuple[str, ...]] = {
    "acknowledge": (*_DESK, "keeper"),
    "assign": (*_DESK, "keeper"),
    "shelve": _DESK,
    "unshelve": _DESK,
    "dismiss": _DESK,
    "close": _DESK,
    # A latch holds until somebody has looked on the spot; the one who looked says so.
    "reset": (*_DESK, "keeper"),
}


def may(alert: Alert, action: str, actor: Actor) -> bool:
    """Whether the action is the actor's to take at the alert's site."""
    return actor.is_machine or actor.has_role(*MAY[action], site_id=alert.site_id)


def require(alert: Alert, action: str, actor: Actor) -> None:
    """Raise Forbidden unless the action is the actor's to take."""
    if not may(alert, action, actor):
        raise Forbidden(reason("workflow.role_needed", roles=list(MAY[action])))


def buttons(alert: Alert, actor: Actor, now: datetime) -> tuple[str, ...]:
    """Return what this actor may do with the alert now."""
    return tuple(action for action in alert.actions(now) if may(alert, action, actor))
