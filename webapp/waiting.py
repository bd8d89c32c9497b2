"""What waits at the alerts, the channels and the quarantine, for the numbers in the nav."""

from sqlalchemy import Select, func, select

from models.alert import Alert
from models.people import Actor
from models.reading import Channel, Quarantined
from webapp.navigation import nav_count


@nav_count("alerts.index")
def unacknowledged(actor: Actor) -> Select:
    """Count the alerts that nobody has seen yet."""
    return select(func.count()).where(
        Alert.live, Alert.acknowledged.is_(False), Alert.visible_to(actor)
    )


@nav_count("channels.index")
def unclaimed(actor: Actor) -> Select:
    """Count the channels that wait for a sensor."""
    return select(func.count()).select_from(Channel).where(~Channel.claimed)


@nav_count("quarantine.index")
def refused(actor: Actor) -> Select:
    """Count the messages that nobody has had read again."""
    mine = select(func.count()).select_from(Quarantined)
    return mine.where(Quarantined.decoded_again_at.is_(None))
