"""The states of ISA-18.2 as the database finds them; `Alert.state` says the same of one row."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, not_, or_

from models.alert import Alert

_STAGES = {
    "active": Alert.active,
    "latched": and_(not_(Alert.active), Alert.latched),
    "cleared": and_(not_(Alert.active), not_(Alert.latched)),
}


def in_state(state: str, now: datetime) -> ColumnElement[bool]:
    """Return the condition that an alert is in a state at a site instant."""
    if state == "normal":
        return not_(Alert.live)
    shelved = and_(Alert.shelved_until.is_not(None), Alert.shelved_until > now)
    suppressed = and_(Alert.suppressed_by.is_not(None), Alert.suppressed_by != "")
    if state == "out_of_service":
        return and_(Alert.live, Alert.out_of_service)
    in_service = and_(Alert.live, not_(Alert.out_of_service))
    if state == "suppressed":
        return and_(in_service, suppressed)
    told = and_(in_service, or_(Alert.suppressed_by.is_(None), Alert.suppressed_by == ""))
    if state == "shelved":
        return and_(told, shelved)
    stage, _, unacknowledged = state.partition("_")
    seen = not_(Alert.acknowledged) if unacknowledged else Alert.acknowledged
    listed = or_(Alert.shelved_until.is_(None), Alert.shelved_until <= now)
    return and_(told, listed, _STAGES[stage], seen)
