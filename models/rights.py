"""Who may begin what: the roles that open, order and retire things; steps have their own tables."""

import uuid
from collections.abc import Mapping

from models.errors import Forbidden
from models.people import Actor
from models.reasons import reason

SURVEYORS = ("engineer", "manager", "duty", "keeper", "supervisor", "designer")
RESPONDERS = ("duty", "manager", "engineer", "keeper")

MAY_BEGIN: Mapping[str, tuple[str, ...]] = {
    "incident": RESPONDERS,
    "incident.note": (*RESPONDERS, "supervisor", "designer"),
    "incident.assign": ("duty", "manager"),
    "report": ("duty", "manager"),
    "finding": SURVEYORS,
    "closure": ("duty", "manager"),
    "call": RESPONDERS,
    "clearing": RESPONDERS,
    "project": ("manager",),
    "scaffold": ("manager", "supervisor", "engineer"),
    "task": ("manager", "supervisor", "engineer"),
    "permit": ("manager", "duty", "supervisor"),
    "sensor.retire": ("manager", "engineer"),
    "sensor.install": ("manager", "engineer", "keeper"),
}


def may_begin(what: str, actor: Actor, site_id: uuid.UUID | None) -> bool:
    """Whether the actor may; pages draw the button by the same table that refuses."""
    return actor.is_machine or actor.has_role(*MAY_BEGIN[what], site_id=site_id)


def require_right(what: str, by: Actor, site_id: uuid.UUID | None) -> None:
    """Raise Forbidden unless the actor may begin it at this site."""
    if not may_begin(what, by, site_id):
        raise Forbidden(reason("workflow.role_needed", roles=list(MAY_BEGIN[what])))
