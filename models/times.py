"""Moves between the two forms of an instant: aware datetimes, and milliseconds on hot paths."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def to_ms(moment: datetime) -> int:
    """Return milliseconds since 1970 UTC of an aware datetime."""
    return (moment - _EPOCH) // _MS


def from_ms(at_ms: int) -> datetime:
    """Return the UTC datetime of milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=at_ms)


def iso(moment: datetime | int) -> str:
    """Return `2022-03-21T08:00:00Z`; milliseconds only where there are any, so texts sort."""
    if isinstance(moment, int):
        moment = from_ms(moment)
    moment = moment.astimezone(UTC)
    timespec = "milliseconds" if moment.microsecond else "seconds"
    return moment.isoformat(timespec=timespec).replace("+00:00", "Z")
