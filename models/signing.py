"""Who may sign what, and that two signatures come from two people: one table for all sign-offs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.people import Actor
from models.reasons import Reason, reason


@dataclass(frozen=True, slots=True)
class SignOff:
    """A signature: the roles that may give it, in which capacity, and after whom it is second."""

    roles: tuple[str, ...]
    capacity: str
    not_by: tuple[str, ...] = ()  # the noun's fields that name who may not sign this as well


SIGN_OFFS: Mapping[str, SignOff] = {
    "closure.countersign": SignOff(("manager",), "bureau", ("issued_by",)),
    "closure.request_lift": SignOff(("engineer",), "engineer"),
    "closure.state_sensor": SignOff(("engineer",), "engineer"),
    "closure.sign_lift": SignOff(("manager",), "bureau", ("lift_requested_by",)),
    "closure.override": SignOff(("manager",), "bureau"),
    "incident.close": SignOff(("manager",), "bureau"),
    "finding.verify": SignOff(("engineer", "supervisor", "manager"), "verifier", ("assessed_by",)),
    "scaffold.sign_erected": SignOff(("contractor", "supervisor"), "erector"),
    "scaffold.hand_over": SignOff(
        ("contractor", "supervisor", "engineer", "manager"), "receiver", ("erected_by",)
    ),
    "scaffold.inspect": SignOff(("contractor", "supervisor", "engineer"), "inspector"),
    "task.accept": SignOff(("supervisor", "manager"), "supervisor", ("claimed_by",)),
    "project.accept": SignOff(("manager",), "bureau"),
    "photo.check": SignOff(
        ("manager", "supervisor", "engineer", "duty"), "reviewer", ("uploaded_by",)
    ),
}


def why_not_sign(what: str, noun: Any, actor: Actor) -> Reason | None:
    """Say why this actor's name may not stand under it: no person, no capacity, or signed before.

    A token's acts are never a signature, whatever rights it has.
    """
    sign_off = SIGN_OFFS[what]
    if actor.kind != "person" or actor.id is None:
        return reason("signature.person_only")
    if not actor.has_role(*sign_off.roles, site_id=noun.site_id):
        return reason("signature.capacity_needed", roles=list(sign_off.roles))
    if any(getattr(noun, field) == actor.id for field in sign_off.not_by):
        return reason("signature.second_person", capacity=sign_off.capacity)
    return None
