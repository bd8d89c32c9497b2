"""Moves between the two forms of an instant: aware datetimes, and milliseconds on hot paths."""

from datetime import UTC, datetime, timedelta, tzinfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_YEARS = range(1900, 2200)  # so far from the ends of the calendar every zone can show it


def to_ms(moment: datetime) -> int:
    """Return milliseconds since 1970 UTC of an aware datetime."""
    return (moment - _EPOCH) // _MS


def from_ms(at_ms: int) -> datetime:
    """Return the UTC datetime of milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=at_ms)


def instant_of(text: str, zone: tzinfo = UTC) -> datetime | None:
    """Return the UTC instant of what somebody wrote as ISO 8601, in `zone` where it names none.

    None for what is no time, or one that lies beyond all that a site could mean.
    """
    try:
        told = datetime.fromisoformat(text.replace("Z", "+00:00"))
        moment = told.replace(tzinfo=told.tzinfo or zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment.year in _YEARS else None


def iso(moment: datetime | int) -> str:
    """Return `2022-03-21T08:00:00Z`; milliseconds only where there are any, so texts sort."""
    if isinstance(moment, int):
        moment = from_ms(moment)
    moment = moment.astimezone(UTC)
    timespec = "milliseconds" if moment.microsecond else "seconds"
    return moment.isoformat(timespec=timespec).replace("+00:00", "Z")
